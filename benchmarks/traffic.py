"""Count the arithmetic and traffic of one iteration, and predict its time on a known machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any
from unittest import mock

import torch
from torch import distributed as dist
from torch.testing._internal.distributed.fake_pg import FakeStore
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from wgan_cli.data import ImageSet
from wgan_cli.data.pairs import ImagePair
from wgan_cli.distributed.batch_shard import BatchShard, current_shard, set_shard
from wgan_cli.recipe import Recipe
from wgan_cli.training.build_state import build_state

SHAPES = {"cifar10": (32, 3)}
IMAGES = 512


@dataclass(frozen=True)
class Traffic:
    """Cost of one process in one iteration with the recipe's batch. flops: floating-point operations.

    messages: number of all-reduces. bytes: their total payload.
    """

    flops: float
    messages: int
    bytes: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Wires:
    """bandwidth: bytes per second in each direction. latency: seconds of a small message."""

    bandwidth: float
    latency: float

    def seconds(self, messages: int, size: float, processes: int) -> float:
        """Return the seconds of ring all-reduces, which send 2 (n - 1) / n of each byte (Patarasuk and Yuan 2009)."""
        if processes == 1:
            return 0.0
        return messages * self.latency + 2 * (processes - 1) / processes * size / self.bandwidth


class Operations(TorchDispatchMode):
    """Add up floating-point operations; FlopCounterMode doesn't support the penalty's inner gradients."""

    total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        count = flop_registry.get(func.overloadpacket)
        if count is not None:
            self.total += count(*args, **(kwargs or {}), out_val=made)
        return made


def efficiency(computing: float, sending: float) -> float:
    """Return the share of time spent computing, without overlap of communication."""
    return computing / (computing + sending)


def fitted_wires(seconds: dict[str, float], processes: int) -> Wires:
    """Fit latency and bandwidth to all-reduces of the smallest and largest size."""
    sizes = sorted(map(int, seconds))
    small, large = sizes[0], sizes[-1]
    per_byte = (seconds[str(large)] - seconds[str(small)]) / (large - small)
    share_sent = 2 * (processes - 1) / processes
    return Wires(share_sent / per_byte, max(0.0, seconds[str(small)] - per_byte * small))


def made_up_images(recipe: Recipe) -> ImageSet | ImagePair:
    """Return random images of a recipe's shape in ten classes."""
    if recipe.translates:
        return ImagePair(_noise(28, 1, 1), _noise(28, 1, 2))
    return _noise(*SHAPES.get(recipe.data.source, (28, 1)), 1)


def _noise(size: int, channels: int, seed: int) -> ImageSet:
    noise = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 256, (IMAGES, channels, size, size), generator=noise, dtype=torch.uint8)
    return ImageSet(pixels, torch.arange(IMAGES) % 10, tuple("0123456789"), "made up")


@contextmanager
def pretended(processes: int) -> Iterator[list[int]]:
    """Compute as if next to other processes: all-reduces return immediately, with meaningless results.

    Yields the bytes of each all-reduce.
    """
    dist.init_process_group("fake", store=FakeStore(), rank=0, world_size=processes)
    before = current_shard()
    set_shard(BatchShard(0, processes))
    sent: list[int] = []

    def all_reduce(tensor: torch.Tensor, *more: Any, **options: Any) -> Any:
        sent.append(tensor.nbytes)
        return mock.Mock()

    try:
        with mock.patch.object(dist, "all_reduce", all_reduce):
            yield sent
    finally:
        set_shard(before)
        dist.destroy_process_group()


def count_traffic(recipe: Recipe) -> Traffic:
    """Run and count one iteration as if next to another process, with the recipe's whole batch."""
    with pretended(2) as sent:
        doubled = recipe.replaced(batch_size=2 * recipe.batch_size)
        state = build_state(doubled, made_up_images(recipe), torch.device("cpu"), tune=False)
        sent.clear()
        with Operations() as counter:
            state.engine(0)
    return Traffic(float(counter.total), len(sent), sum(sent))
