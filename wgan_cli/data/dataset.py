"""What every source of images returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as transforms

from wgan_cli.recipe import ImageShape


@dataclass(frozen=True)
class ImageSet:
    """Decoded images in memory.

    images: (N, C, H, W) uint8, H = W. labels: (N,) int64, each in [0, len(class_names)). origin: where they came from,
    a phrase for people.
    """

    images: Tensor
    labels: Tensor
    class_names: tuple[str, ...]
    origin: str

    def __len__(self) -> int:
        return self.images.shape[0]

    @property
    def shape(self) -> ImageShape:
        """What networks must know of the images."""
        return ImageShape(self.images.shape[-1], self.images.shape[1], len(self.class_names))

    def first(self, count: int | None) -> ImageSet:
        """Only the first `count` images; all of them where count is None."""
        return self if count is None else replace(self, images=self.images[:count], labels=self.labels[:count])

    def resized(self, size: int | None, chunk: int = 4096) -> ImageSet:
        """All images as size x size pixels, smoothed where they shrink; unchanged where size is None."""
        if size is None or size == self.images.shape[-1]:
            return self
        parts = [transforms.resize(part, [size, size], antialias=True) for part in self.images.split(chunk)]
        return replace(self, images=torch.cat(parts))


def tell_odd_count(what: str, count: int, standard: int, notify: Callable[[str], None]) -> None:
    """Say that a set is not the one that papers mean."""
    if count != standard:
        notify(f"{what} hold {count:,} images; the standard set has {standard:,}")
