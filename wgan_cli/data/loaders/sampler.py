"""Order in which all loaders show the images."""

import torch
from torch import Tensor

from wgan_cli.recipe.schema import MOST_STEPS
from wgan_cli.utils.seeds import derived_seed


class Sampler:
    """Batches of a random order of `count` images that depends on (seed, epoch) only.

    An epoch shows every image at most once and drops an incomplete last batch. A set smaller than a batch is repeated
    until it fills one.
    """

    def __init__(self, count: int, batch_size: int, seed: int) -> None:
        self.count = count
        self.batch_size = batch_size
        self.seed = seed
        self._repeats = -(-batch_size // count)
        self.batches_per_epoch = self._repeats * count // batch_size

    def epoch_order(self, epoch: int) -> Tensor:
        """Return the image indices of an epoch, int64. Drawn on the CPU, so it is the same for every device."""
        generator = torch.Generator().manual_seed(derived_seed(self.seed, "data order", epoch))
        return torch.cat([torch.randperm(self.count, generator=generator) for _ in range(self._repeats)])

    def next_batch(self, epoch: int, cursor: int) -> tuple[int, int]:
        """Return epoch and start of the batch after the first `cursor` images of an epoch."""
        if cursor + self.batch_size > self._repeats * self.count:
            return epoch + 1, 0
        return epoch, cursor

    def after_batches(self, epoch: int, cursor: int, batches: int) -> tuple[int, int]:
        """Return epoch and number of its images taken after some more complete batches."""
        last = epoch * self.batches_per_epoch + cursor // self.batch_size + batches - 1
        return last // self.batches_per_epoch, (last % self.batches_per_epoch + 1) * self.batch_size

    def validated(self, state: dict[str, int]) -> tuple[int, int]:
        """Return the epoch and cursor of a loader's state. Raises: ValueError, KeyError or TypeError if invalid."""
        epoch, cursor = state["epoch"], state["cursor"]
        if type(epoch) is not int or type(cursor) is not int:
            raise TypeError("epoch and cursor must be integers")
        if not 0 <= epoch <= MOST_STEPS or not 0 <= cursor <= self._repeats * self.count:
            raise ValueError(f"image {cursor} of epoch {epoch}")
        if cursor % self.batch_size:
            raise ValueError(f"image {cursor} of epoch {epoch} is inside a batch of {self.batch_size}")
        return epoch, cursor
