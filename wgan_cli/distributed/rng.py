"""Random numbers per sample of a batch that don't depend on how the batch is sharded.

Every rank draws for the whole batch and keeps its shard, so that all RNG states stay equal and a run can resume with a
different number of processes. Without sharding these are torch's own functions.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from wgan_cli.distributed.batch_shard import current_shard


def _local(draw: Callable[..., Tensor], count: int, *shape: int, **options: Any) -> Tensor:
    shard = current_shard()
    return shard.local(draw(count * shard.count, *shape, **options))


def randn(count: int, *shape: int, device: torch.device) -> Tensor:
    """Return standard normal numbers (count, *shape) for this shard's `count` samples."""
    return _local(torch.randn, count, *shape, device=device)


def rand(count: int, *shape: int, device: torch.device) -> Tensor:
    """Return uniform numbers in [0, 1), (count, *shape), for this shard's `count` samples."""
    return _local(torch.rand, count, *shape, device=device)


def randint(low: int, high: int, shape: tuple[int, ...], device: torch.device, dim: int = 0) -> Tensor:
    """Return int64 numbers in [low, high) of `shape`, in which `dim` counts this shard's samples."""
    shard = current_shard()
    whole = [size * shard.count if axis == dim else size for axis, size in enumerate(shape)]
    return shard.local(torch.randint(low, high, whole, device=device), dim)


def randn_like(images: Tensor) -> Tensor:
    """Return standard normal numbers in the shape and dtype of this shard's images (N, ...)."""
    # Not torch.randn_like: its numbers depend on the memory format.
    return _local(torch.randn, *images.shape, dtype=images.dtype, device=images.device)


def rand_like(images: Tensor) -> Tensor:
    """Return uniform numbers in [0, 1) in the shape and dtype of this shard's images (N, ...)."""
    return _local(torch.rand, *images.shape, dtype=images.dtype, device=images.device)


def get_states(device: torch.device) -> dict[str, Tensor]:
    """Return the RNG states of the CPU and, if it has one of its own, the device."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["device"] = torch.cuda.get_rng_state(device)
    elif device.type == "mps":
        states["device"] = torch.mps.get_rng_state()
    return states


def set_states(states: Mapping[str, Tensor], device: torch.device) -> None:
    """Restore RNG states returned by `get_states`; a device keeps its own if they are of another kind of device."""
    torch.set_rng_state(states["cpu"])
    own = get_states(device).get("device")
    if own is None or "device" not in states or states["device"].shape != own.shape:
        return
    if device.type == "cuda":
        torch.cuda.set_rng_state(states["device"], device)
    elif device.type == "mps":
        torch.mps.set_rng_state(states["device"])
