"""Image sets, as every source returns them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from wgan_cli.data.fit import fitted
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.decoding_types import Fit, Size
from wgan_cli.utils.class_names import class_indices
from wgan_cli.utils.format import thinned

FINGERPRINT_IMAGES = 100


class LazyImages(Protocol):
    """Images decoded when they are accessed, with the parts of a tensor's interface that image sets use.

    Lazy images are always streamed.
    """

    shape: torch.Size  # (N, C, H, W)
    dtype: torch.dtype  # uint8 or int16

    def __getitem__(self, key: slice | Tensor) -> LazyImages: ...  # a part, by slice or mask

    def index_select(self, dim: int, index: Tensor) -> Tensor: ...  # (n, C, H, W); dim is 0

    def read_into(self, pixels: Tensor, index: Tensor) -> None: ...  # fills pixels (n, C, H, W)


@dataclass(frozen=True)
class ImageSet:
    """Read-only images in memory, memory-mapped or lazily decoded."""

    images: Tensor | LazyImages  # (N, C, H, W) uint8, or int16 with 16 bits (`wgan_cli.utils.pixels`)
    labels: Tensor  # (N,) int64 in [0, len(class_names)); all 0 if there are no classes
    class_names: tuple[str, ...]
    origin: str  # description of the source, for messages
    value_range: tuple[float, float] | None = None  # chosen for images with more than 8 bits if `range` is auto
    bands: bool = False  # the channels are bands of their own, not gray, RGB and alpha
    preview_channels: tuple[int, ...] | None = None  # numbers of the bands that pictures show, from 1; None: all

    def __len__(self) -> int:
        return self.images.shape[0]

    @property
    def shape(self) -> ImageShape:
        """Height, width, channels and number of classes, for the networks."""
        _, channels, height, width = self.images.shape
        return ImageShape(height, width, channels, len(self.class_names))

    @property
    def class_counts(self) -> dict[str, int]:
        """Number of images of each class."""
        counts = torch.bincount(self.labels, minlength=len(self.class_names)).tolist()
        return dict(zip(self.class_names, counts, strict=False))  # without classes, all labels are 0

    @cached_property
    def fingerprint(self) -> int:
        """Identify the images: a 48-bit hash of their number, classes, labels, and the pixels of up to 100 of them."""
        digest = hashlib.sha256(repr((tuple(self.images.shape), self.class_names)).encode())
        digest.update(self.labels.numpy().tobytes())
        few = torch.tensor(thinned(range(len(self)), FINGERPRINT_IMAGES), dtype=torch.int64)
        digest.update(self.images.index_select(0, few).numpy().tobytes())
        return int.from_bytes(digest.digest()[:6], "big")

    def first(self, count: int | None) -> ImageSet:
        """Return the first `count` images, or all if count is None."""
        return self if count is None else replace(self, images=self.images[:count], labels=self.labels[:count])

    def only(self, classes: Sequence[int | str] | None) -> ImageSet:
        """Return the images of some classes, given by name or number and renumbered in that order; all if None.

        Raises: WganError for an unknown class.
        """
        if classes is None:
            return self
        chosen = class_indices(classes, self.class_names, "`data.classes`")
        new_label = torch.full((len(self.class_names),), -1, dtype=torch.int64)
        new_label[chosen] = torch.arange(len(chosen))
        labels = new_label[self.labels]
        kept = labels >= 0
        names = tuple(self.class_names[index] for index in chosen)
        return replace(self, images=self.images[kept], labels=labels[kept], class_names=names)

    def renumbered(self, class_names: tuple[str, ...]) -> ImageSet:
        """Return the same images with labels into other class names, which include all of its own."""
        if self.class_names == class_names:
            return self
        new_label = torch.tensor([class_names.index(name) for name in self.class_names], dtype=torch.int64)
        return replace(self, labels=new_label[self.labels], class_names=class_names)

    def resized(self, size: Size | None, fit: Fit = "stretch", chunk: int = 4096) -> ImageSet:
        """Return all images at a size (H, W), antialiased; unchanged if it is None."""
        if size is None or size == self.shape.size:
            return self
        assert isinstance(self.images, Tensor), "lazy images are decoded at the right size"
        rgba = self.images.shape[1] == 4 and not self.bands
        parts = [fitted(part, size, fit, chunk * number, rgba) for number, part in enumerate(self.images.split(chunk))]
        return replace(self, images=torch.cat(parts))
