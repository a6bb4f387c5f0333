"""Which images make the next batch: the one order that every feed keeps to."""

from __future__ import annotations

import torch
from torch import Tensor

from wgan_cli.recipe.schema import MOST_STEPS
from wgan_cli.utils.seeds import derived_seed


class DataOrder:
    """An order of `count` images that depends on (seed, epoch) alone, cut into batches.

    An epoch shows every image at most once and leaves out what does not fill a last batch. A set smaller than a batch
    is repeated until it fills one.
    """

    def __init__(self, count: int, batch_size: int, seed: int) -> None:
        self.count = count
        self.batch_size = batch_size
        self.seed = seed
        self._repeats = -(-batch_size // count)

    def of_epoch(self, epoch: int) -> Tensor:
        """Image numbers in the order of one epoch, int64. Drawn on the host, so that every device sees the same."""
        order = torch.Generator().manual_seed(derived_seed(self.seed, "data order", epoch))
        return torch.cat([torch.randperm(self.count, generator=order) for _ in range(self._repeats)])

    def batch_from(self, epoch: int, cursor: int) -> tuple[int, int]:
        """Epoch and first place of the next batch of a feed that has shown `cursor` images of an epoch."""
        if cursor + self.batch_size > self._repeats * self.count:
            return epoch + 1, 0
        return epoch, cursor

    def check_place(self, place: dict[str, int]) -> tuple[int, int]:
        """Epoch and images shown of it, as `place` says. Raises: ValueError, KeyError, TypeError where none can be."""
        epoch, cursor = place["epoch"], place["cursor"]
        if type(epoch) is not int or type(cursor) is not int:
            raise TypeError("no counts")
        if not 0 <= epoch <= MOST_STEPS or not 0 <= cursor <= self._repeats * self.count:
            raise ValueError(f"image {cursor} of epoch {epoch}")
        return epoch, cursor


def to_unit_range(pixels: Tensor) -> Tensor:
    """0..255 as float32 in [-1, 1], in memory of its own."""
    return pixels.float().div_(127.5).sub_(1)
