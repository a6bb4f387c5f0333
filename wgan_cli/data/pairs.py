"""Two sides of images, to learn translations between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

from wgan_cli.data.dataset import ImageSet
from wgan_cli.errors import WganError
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.data_settings import SIDES, DataSettings, PairSettings, for_side

T = TypeVar("T")


@dataclass(frozen=True)
class ImagePair:
    """Two sets of images of one size and as many channels, which need not correspond; their classes play no part."""

    a: ImageSet
    b: ImageSet

    def __len__(self) -> int:
        return len(self.a) + len(self.b)

    @property
    def shape(self) -> ImageShape:
        """What networks must know of the images of either side."""
        return replace(self.a.shape, num_classes=0)

    @property
    def class_names(self) -> tuple[str, ...]:
        """None, since neither side's are told to any network."""
        return ()

    @property
    def origin(self) -> str:
        """Where both came from, a phrase for people."""
        return f"a: {len(self.a):,} of {self.a.origin}; b: {len(self.b):,} of {self.b.origin}"


def load_pair(settings: PairSettings, load: Callable[[DataSettings], ImageSet]) -> ImagePair:
    """Read both sides; where they show the same images, a has every second one and b those between.

    Raises: WganError naming the side whose images cannot be had, or both where their shapes differ.
    """
    a, b = _of_both(settings, load)
    check_alike(a.shape, b.shape)
    if settings.same_images:
        if len(a) < 2:
            raise WganError(f"{a.origin} holds one image, and two sides need two", "give more images")
        a, b = (replace(side, images=side.images[n::2], labels=side.labels[n::2]) for n, side in enumerate((a, b)))
    return ImagePair(a, b)


def pair_shape(settings: PairSettings, shape: Callable[[DataSettings], ImageShape]) -> ImageShape:
    """The shape of both sides' images. Raises: WganError where they have two."""
    a, b = _of_both(settings, shape)
    check_alike(a, b)
    return replace(a, num_classes=0)


def check_alike(a: ImageShape, b: ImageShape) -> None:
    """Refuse two sides between which one network could not translate. Raises: WganError."""
    if (a.size, a.channels) == (b.size, b.channels):
        return
    if a.channels == b.channels:
        size = max(a.size, b.size)
        repair = f"resize both: --set data.a.image_size={size} --set data.b.image_size={size}"
    else:
        name, fewer, more = ("a", a, b) if a.channels < b.channels else ("b", b, a)
        of_named = f", or data.{name}.transform=grey" if (fewer.channels, more.channels) == (1, 3) else ""
        repair = f"give both as many: --set data.{name}.channels={more.channels} for a folder{of_named}"
    raise WganError(f"images of `data.a` are {a}, those of `data.b` {b}, and a translation keeps its shape", repair)


def _of_both(settings: PairSettings, read: Callable[[DataSettings], T]) -> tuple[T, T]:
    found = []
    for name in SIDES:
        with said_of_side(name):
            found.append(read(getattr(settings, name)))
    return tuple(found)


@contextmanager
def said_of_side(side: str) -> Iterator[None]:
    """Let errors raised inside the block name the settings of this side."""
    try:
        yield
    except WganError as error:
        raise WganError(for_side(error.message, side), for_side(error.hint, side), error.status) from error
