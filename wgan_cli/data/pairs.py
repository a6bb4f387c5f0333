"""Image pairs: the two sides between which a recipe learns to translate."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import ClassVar, TypeVar

import torch
from torch import Tensor

from wgan_cli.data.dataset import ImageSet
from wgan_cli.errors import WganError
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.data_settings import DataSettings, PairSettings, for_side
from wgan_cli.recipe.decoding_types import size_text
from wgan_cli.utils.format import Activity, Log, no_log

T = TypeVar("T")


@dataclass(frozen=True)
class ImagePair:
    """Two image sets of the same size and number of channels, not necessarily corresponding. Classes are ignored."""

    a: ImageSet
    b: ImageSet
    class_names: ClassVar[tuple[str, ...]] = ()  # translators are unconditional
    class_counts: ClassVar[Mapping[str, int]] = MappingProxyType({})

    def __len__(self) -> int:
        return len(self.a) + len(self.b)

    @property
    def shape(self) -> ImageShape:
        """Shape of the images of either side."""
        return replace(self.a.shape, num_classes=0)

    @property
    def fingerprint(self) -> int:
        """Identify the images of both sides, which may not be exchanged."""
        return self.a.fingerprint ^ (2 * self.b.fingerprint)

    @property
    def value_range(self) -> tuple[tuple[float, float] | None, ...]:
        """Value range of each side."""
        return self.a.value_range, self.b.value_range

    @property
    def bands(self) -> bool:
        """True if the channels are bands of their own, not gray, RGB and alpha."""
        return self.a.bands

    @property
    def preview_channels(self) -> tuple[int, ...] | None:
        """Bands that pictures show."""
        return self.a.preview_channels

    @property
    def origin(self) -> str:
        """Description of both sources."""
        return f"a: {len(self.a):,} of {self.a.origin}; b: {len(self.b):,} of {self.b.origin}"


def load_pair(settings: PairSettings, load: Callable[[DataSettings, Log], ImageSet], log: Log) -> ImagePair:
    """Load both sides. If they show the same images, each gets every second one, or every second one of each class."""
    a, b = for_both(settings, load, log)
    _check_same_shape(a.shape, b.shape)
    if settings.same_images:
        if len(a) < 2:
            raise WganError(f"{a.origin} has one image, but two sides need two", "use more images")
        halves = _halves(a.labels)
        a, b = (
            replace(side, images=side.images[half], labels=side.labels[half])
            for side, half in zip((a, b), halves, strict=True)
        )
    return ImagePair(a, b)


def _halves(labels: Tensor) -> tuple[slice, slice] | tuple[Tensor, Tensor]:
    """Return every second image and the others; of each class, if the halves would have other classes.

    They would for class folders, whose images take turns: chi-squared is up to N, the number of images. In random order
    it is about the number of classes K, with a standard deviation of sqrt(2 K).
    """
    a, b = (labels[n::2].bincount(minlength=int(labels.max()) + 1) for n in range(2))
    chi_squared = ((a - b) ** 2 / (a + b).clamp(min=1)).sum().item()
    if chi_squared <= len(a) + 5 * math.sqrt(2 * len(a)) + len(labels) / 20:  # 35 for MNIST
        return slice(0, None, 2), slice(1, None, 2)
    even = torch.zeros(len(labels), dtype=torch.bool)
    even[labels.argsort(stable=True)[::2]] = True
    return even, ~even


def pair_shape(settings: PairSettings, shape: Callable[[DataSettings], ImageShape]) -> ImageShape:
    """Return the common shape of both sides. Raises: WganError if they differ."""
    a, b = for_both(settings, lambda side, _: shape(side))
    _check_same_shape(a, b)
    return replace(a, num_classes=0)


def _check_same_shape(a: ImageShape, b: ImageShape) -> None:
    if (a.size, a.channels) == (b.size, b.channels):
        return
    if a.channels == b.channels:
        size = size_text((max(a.height, b.height), max(a.width, b.width)))
        hint = f"resize both: --set data.a.image_size={size} --set data.b.image_size={size}"
    else:
        name, fewer, more = ("a", a, b) if a.channels < b.channels else ("b", b, a)
        transform = f", or data.{name}.transform=grey" if (fewer.channels, more.channels) == (1, 3) else ""
        hint = f"use the same number: --set data.{name}.channels={more.channels} for a folder{transform}"
    raise WganError(f"images of `data.a` are {a}, but those of `data.b` are {b}: a translation keeps the shape", hint)


def for_both(settings: PairSettings, read: Callable[[DataSettings, Log], T], log: Log = no_log) -> tuple[T, T]:
    """Call `read` with the settings of each side and a log; its errors and messages name that side's settings."""

    def log_of(side: str) -> Log:
        return lambda text: log(text if isinstance(text, Activity) else for_side(text, side))

    with naming_side("a"):
        a = read(settings.a, log_of("a"))
    with naming_side("b"):
        return a, read(settings.b, log_of("b"))


@contextmanager
def naming_side(side: str) -> Iterator[None]:
    """Make errors raised in the block name the settings of this side: `data.a.path` for `data.path`."""
    try:
        yield
    except WganError as error:
        raise WganError(for_side(error.message, side), for_side(error.hint, side), error.status) from error
