"""Random numbers of the images of a batch, the same for each image however the batch is shared.

Every process draws for the whole batch and keeps its share, so that all random states move alike; a run can go on with
another number of processes. Alone these are torch's own functions.
"""

from __future__ import annotations

import torch
from torch import Tensor

from wgan_cli.distributed.batch_shard import current_shard


def randn(count: int, *shape: int, device: torch.device) -> Tensor:
    """Standard normal numbers (count, *shape) of the `count` images of this share."""
    mine = current_shard()
    return mine.local(torch.randn(count * mine.of, *shape, device=device))


def rand(count: int, *shape: int, device: torch.device) -> Tensor:
    """Uniform numbers in [0, 1), (count, *shape), of the `count` images of this share."""
    mine = current_shard()
    return mine.local(torch.rand(count * mine.of, *shape, device=device))


def randint(low: int, high: int, shape: tuple[int, ...], device: torch.device, dim: int = 0) -> Tensor:
    """Whole numbers in low..high-1 of this share's images, which are numbered along `dim`: int64 of `shape`."""
    mine = current_shard()
    whole = [size * mine.of if axis == dim else size for axis, size in enumerate(shape)]
    return mine.local(torch.randint(low, high, whole, device=device), dim)


def randn_like(images: Tensor) -> Tensor:
    """Standard normal numbers for each number of this share's images (N, ...), in their type."""
    mine = current_shard()
    whole = (len(images) * mine.of, *images.shape[1:])  # not randn_like, which follows the layout of memory
    return mine.local(torch.randn(whole, dtype=images.dtype, device=images.device))


def rand_like(images: Tensor) -> Tensor:
    """Uniform numbers in [0, 1) for each number of this share's images (N, ...), in their type."""
    mine = current_shard()
    whole = (len(images) * mine.of, *images.shape[1:])  # not rand_like, which follows the layout of memory
    return mine.local(torch.rand(whole, dtype=images.dtype, device=images.device))
