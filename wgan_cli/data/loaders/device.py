"""From a set of images to batches on the device."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor

from wgan_cli.data.dataset import ImageSet
from wgan_cli.data.loaders.sampler import DataOrder, to_unit_range
from wgan_cli.data.loaders.streaming import StreamingLoader
from wgan_cli.distributed.batch_shard import current_shard
from wgan_cli.recipe.data_settings import DataSettings, parse_bytes
from wgan_cli.utils.memory import free_memory

DEFAULT_SHARE = 0.5  # of the free memory; the rest is for networks and activations


class Loader(Protocol):
    """Batches without end, in an order that follows from data, batch size and seed. Its len() is the number of images.

    batch_size: images in each, which are this process's share of the recipe's batch.
    why: what became of the images and for what reason, a phrase for people. batches_captured: whole batches of an epoch
    that could be taken by a captured `gather`; 0 where the host must hand over each.
    """

    batch_size: int
    why: str
    batches_captured: int

    def __len__(self) -> int: ...

    def next(self) -> tuple[Tensor, Tensor]:
        """The next batch: images (batch_size, C, H, W) float32 in [-1, 1] and labels (batch_size,) int64."""

    def gather(self) -> tuple[Tensor, Tensor]:
        """Return the next batch without any work on the host, so that it can be captured in a CUDA graph."""

    def has_batches(self, count: int) -> bool:
        """Return whether `gather` can take `count` more batches of this epoch."""

    def count_batches(self, count: int) -> None:
        """Advance by batches that a captured `gather` has taken."""

    def state_dict(self) -> dict[str, Any]:
        """Where the feed stands: `epoch` and `cursor`, or those of each side."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go to where another feed of the same data, batch size and seed stood, of whatever kind.

        Raises: ValueError, KeyError, TypeError where none can have stood.
        """

    def close(self) -> None:
        """End what runs beside the program; nothing is lost, and the feed may be used again."""


class DeviceLoader:
    """The whole set as uint8 on the device; each batch is one gather there.

    The epoch's order and the place in it are buffers on the device that keep their addresses, so that `gather` can be
    captured into a CUDA graph; what the host must do before each replay is `turn_page`.
    """

    def __init__(self, dataset: ImageSet, batch_size: int, seed: int, device: torch.device, why: str = "") -> None:
        self.images = dataset.images.to(device)  # (N, C, H, W) uint8
        self.labels = dataset.labels.to(device)  # (N,) int64
        self.whole_batch = batch_size
        self.batch_size = batch_size // current_shard().world_size
        self.why = why
        self._order = DataOrder(len(dataset), batch_size, seed)
        self.order = self._order.of_epoch(0).to(device)  # (L,) int64
        self.place = torch.zeros((), dtype=torch.int64, device=device)
        self._offsets = current_shard().local(torch.arange(batch_size, device=device))  # (batch_size,)
        self.epoch, self.cursor = 0, 0
        self.batches_captured = len(self.order) // batch_size

    def __len__(self) -> int:
        return len(self.labels)

    def next(self) -> tuple[Tensor, Tensor]:
        """The next batch: images (batch_size, C, H, W) float32 in [-1, 1] and labels (batch_size,) int64."""
        self.turn_page()
        return self.gather()

    def turn_page(self) -> None:
        """Start the next epoch if this one has no whole batch left, and count the batch that `gather` is to take."""
        epoch, start = self._order.batch_from(self.epoch, self.cursor)
        if epoch != self.epoch:
            self.load_state_dict({"epoch": epoch, "cursor": start})
        self.cursor = start + self.whole_batch

    def gather(self) -> tuple[Tensor, Tensor]:
        """Take the batch at the place, on the device alone."""
        chosen = self.order.index_select(0, self._offsets + self.place)  # (batch_size,)
        self.place += self.whole_batch
        # On a CPU seven times as fast as images[chosen], which gathers number by number.
        return to_unit_range(self.images.index_select(0, chosen)), self.labels.index_select(0, chosen)

    def has_batches(self, count: int) -> bool:
        """Whether this epoch still has so many whole batches."""
        return self.cursor + count * self.whole_batch <= len(self.order)

    def count_batches(self, count: int) -> None:
        """Count batches that were gathered by replaying a captured `gather`; of this epoch, see `has_batches`."""
        self.cursor += count * self.whole_batch

    def state_dict(self) -> dict[str, int]:
        """Where the feed stands: a few numbers, for the order follows from them."""
        return {"epoch": self.epoch, "cursor": self.cursor}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go to where another feed of the same data and seed stood."""
        self.epoch, self.cursor = self._order.check_place(state)
        self.order.copy_(self._order.of_epoch(self.epoch))
        self.place.fill_(self.cursor)

    def close(self) -> None:
        """Nothing runs beside this feed."""


def make_feed(dataset: ImageSet, settings: DataSettings, batch_size: int, seed: int, device: torch.device) -> Loader:
    """The feed that serves a set best: on the device where it fits `data.memory_limit`, else streamed.

    Without that setting the limit is half of what is free on the device. What is decoded as it is read is streamed.
    """
    if not isinstance(dataset.images, Tensor):
        return StreamingLoader(dataset, batch_size, seed, device, why="streamed: decoded as they are read")
    needed = dataset.images.numel()
    if settings.memory_limit is not None:
        limit, whose = parse_bytes(settings.memory_limit), "data.memory_limit"
    else:
        free = free_memory(device)
        limit, whose = (None if free is None else int(DEFAULT_SHARE * free)), "half of the free memory"
    if limit is None or needed <= limit:
        return DeviceLoader(dataset, batch_size, seed, device, f"{_in_words(needed)} kept on {device}")
    why = f"streamed: {_in_words(needed)} are more than {whose}, {_in_words(limit)}"
    return StreamingLoader(dataset, batch_size, seed, device, why=why)


def _in_words(count: int) -> str:
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "KB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count} bytes"
