"""What every source of images returns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from wgan_cli.errors import WganError, did_you_mean
from wgan_cli.recipe import ImageShape


class LazyImages(Protocol):
    """Images that are read and decoded as they are asked for, by what a tensor of them answers to.

    shape: (N, C, H, W), H = W. They have no memory that could be kept on a device, so they are always streamed.
    """

    shape: torch.Size

    def __getitem__(self, which: slice | int | Tensor) -> LazyImages | Tensor:
        """Of a slice or mask the same kind again, still unread; of numbers a tensor."""

    def index_select(self, dim: int, numbers: Tensor) -> Tensor:
        """The images of these numbers, (n, C, H, W) uint8; dim is 0."""

    def read_into(self, pixels: Tensor, numbers: Tensor) -> None:
        """Fill `pixels` (n, C, H, W) with the images of these numbers."""


@dataclass(frozen=True)
class ImageSet:
    """Images, decoded in memory, mapped into it from a file, or decoded as they are asked for; nobody writes to them.

    images: (N, C, H, W) uint8, H = W. labels: (N,) int64, each in [0, len(class_names)), or all 0 where there are no
    classes. origin: where they came from, a phrase for people.
    """

    images: Tensor | LazyImages
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

    def only(self, classes: Sequence[int | str] | None) -> ImageSet:
        """Only the images of some classes, by name or number, numbered anew in that order; all where classes is None.

        Raises: WganError where there is no such class.
        """
        if classes is None:
            return self
        chosen = chosen_classes(self.class_names, classes)
        new_number = torch.full((len(self.class_names),), -1, dtype=torch.int64)
        new_number[chosen] = torch.arange(len(chosen))
        labels = new_number[self.labels]
        kept = labels >= 0
        names = tuple(self.class_names[number] for number in chosen)
        return replace(self, images=self.images[kept], labels=labels[kept], class_names=names)

    def resized(self, size: int | None, chunk: int = 4096) -> ImageSet:
        """All images as size x size pixels, smoothed where they shrink; unchanged where size is None."""
        if size is None or size == self.images.shape[-1]:
            return self
        from torchvision.transforms.v2 import functional as transforms  # a second and a half, only where it is used

        parts = [transforms.resize(part, [size, size], antialias=True) for part in self.images.split(chunk)]
        return replace(self, images=torch.cat(parts))


def chosen_classes(class_names: Sequence[str], wanted: Sequence[int | str] | None) -> list[int]:
    """Numbers of the wanted classes, in their order; of all where wanted is None.

    A word, or a number that is a class's name, means the class of that name; any other number counts from 0.
    Raises: WganError where there is no such class, or one is named twice.
    """
    if wanted is None:
        return list(range(len(class_names)))
    chosen: list[int] = []
    for word in wanted:
        if str(word) in class_names:
            number = class_names.index(str(word))
        elif isinstance(word, int) and 0 <= word < len(class_names):
            number = word
        else:
            named = f"Classes: {', '.join(class_names)}" if class_names else "leave out `data.classes`"
            raise WganError(
                f"`data.classes` names {word!r}, and there is no such class",
                f"{did_you_mean(str(word), class_names)}{named}",
            )
        if number in chosen:
            raise WganError(f"`data.classes` names {class_names[number]} twice", "name each class once")
        chosen.append(number)
    return chosen


def tell_odd_count(what: str, count: int, standard: int, log: Callable[[str], None]) -> None:
    """Say that a set is not the one that papers mean."""
    if count != standard:
        log(f"{what} hold {count:,} images; the standard set has {standard:,}")
