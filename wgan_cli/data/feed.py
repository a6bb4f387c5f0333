"""From images in memory to batches on the device."""

from __future__ import annotations

import torch
from torch import Tensor

from wgan_cli.data.dataset import ImageSet
from wgan_cli.recipe.seeds import derived_seed


class DeviceFeed:
    """The whole set as uint8 on the device; each batch is one gather there.

    An epoch shows every image at most once, in an order that depends on (seed, epoch) alone, and leaves out what does
    not fill a last batch. A set smaller than a batch is repeated until it fills one.
    """

    def __init__(self, dataset: ImageSet, batch_size: int, seed: int, device: torch.device) -> None:
        self.images = dataset.images.to(device)  # (N, C, H, W) uint8
        self.labels = dataset.labels.to(device)  # (N,) int64
        self.batch_size = batch_size
        self.seed = seed
        self._start_epoch(0)

    def _start_epoch(self, epoch: int) -> None:
        count = len(self.labels)
        repeats = -(-self.batch_size // count)
        order = torch.Generator().manual_seed(derived_seed(self.seed, "data order", epoch))
        # Drawn on the host, so that every device sees the same order.
        self.order = torch.cat([torch.randperm(count, generator=order) for _ in range(repeats)]).to(self.labels.device)
        self.epoch = epoch
        self.cursor = 0

    def next(self) -> tuple[Tensor, Tensor]:
        """The next batch: images (batch_size, C, H, W) float32 in [-1, 1] and labels (batch_size,) int64."""
        if self.cursor + self.batch_size > len(self.order):
            self._start_epoch(self.epoch + 1)
        chosen = self.order[self.cursor : self.cursor + self.batch_size]
        self.cursor += self.batch_size
        real = self.images[chosen].float().div_(127.5).sub_(1)
        return real, self.labels[chosen]

    def state_dict(self) -> dict[str, int]:
        """Where the feed stands: a few numbers, for the order follows from them."""
        return {"epoch": self.epoch, "cursor": self.cursor}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go to where another feed of the same data and seed stood."""
        self._start_epoch(state["epoch"])
        self.cursor = state["cursor"]
