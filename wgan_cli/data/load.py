"""Real images: a table of sources, the set each returns, and the feed that makes batches of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from wgan_cli.data.dataset import ImageSet
from wgan_cli.data.pairs import ImagePair, load_pair, pair_shape
from wgan_cli.data.sources import arrays, cifar10, digits, image_folder, mnist, shards
from wgan_cli.data.transforms import transformed, transformed_shape
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.data_settings import DataSettings, PairSettings
from wgan_cli.recipe.registry import registered

Load = Callable[[DataSettings, Path, Callable[[str], None]], ImageSet]


class Source(NamedTuple):
    """How a source is read, its `classes` only, the shape of those images before any resizing, and their licence."""

    load: Load
    shape: Callable[[DataSettings], ImageShape]
    licence: str


def _named(load: Load, shape: ImageShape, licence: str) -> Source:
    """A set whose shape is known, and which is read whole before classes are chosen."""

    def load_classes(settings: DataSettings, data_root: Path, log: Callable[[str], None]) -> ImageSet:
        return load(settings, data_root, log).only(settings.classes)

    def shape_of_classes(settings: DataSettings) -> ImageShape:
        return shape if settings.classes is None else replace(shape, num_classes=len(settings.classes))

    return Source(load_classes, shape_of_classes, licence)


def whole_file(load: Load, licence: str) -> Source:
    """A source that is read whole before classes are chosen, and whose shape shows only then."""

    def load_classes(settings: DataSettings, data_root: Path, log: Callable[[str], None]) -> ImageSet:
        return load(settings, data_root, log).only(settings.classes)

    return Source(
        load_classes, lambda settings: load_classes(settings, default_data_root(), lambda text: None).shape, licence
    )


_OF_MNIST = "CC BY-SA 3.0 (MNIST, by Yann LeCun, Corinna Cortes and Christopher J. C. Burges)."
SOURCES = {
    "digits": _named(digits.load, ImageShape(28, 1, 10), _OF_MNIST),
    "mnist": _named(mnist.load, ImageShape(28, 1, 10), _OF_MNIST),
    "fashion_mnist": _named(mnist.load, ImageShape(28, 1, 10), "MIT (Fashion-MNIST, by Zalando SE)."),
    "cifar10": _named(cifar10.load, ImageShape(32, 3, 10), "none was given with CIFAR-10, by Alex Krizhevsky."),
    "folder": Source(image_folder.load, image_folder.shape, "that of the images in the folder."),
    "shards": Source(shards.load, shards.shape, "that of the images in the shards."),
    "given": Source(arrays.load, arrays.shape, "that of the images that were given."),
}


def _source(settings: DataSettings) -> Source:
    return registered(SOURCES, "data.source", settings.source, "wgan_cli.data.SOURCES")


def licence_of(settings: DataSettings | PairSettings) -> str:
    """What is known of the licence of a recipe's images, in a sentence or, of two sides, two."""
    sides = (settings.a, settings.b) if isinstance(settings, PairSettings) else (settings,)
    return " ".join(dict.fromkeys(_source(side).licence for side in sides))


def load_images(settings: DataSettings, data_root: Path, log: Callable[[str], None]) -> ImageSet:
    """Read the images that a recipe asks for, downloading a public set that is not under `data_root`.

    Args:
        notify: called with one line whenever there is something to tell: a download, an unusual number of images.
    Returns: the first `limit` images of `classes`, at `image_size`, changed by `transform`.
    Raises: WganError where the set cannot be had or is broken.
    """
    return _finished(_source(settings).load(settings, data_root, log), settings)


def as_asked(images: ImageSet, settings: DataSettings) -> ImageSet:
    """Images that a program has, as `load_images` returns them: of `classes` alone, and so on."""
    return _finished(images.only(settings.classes), settings)


def _finished(images: ImageSet, settings: DataSettings) -> ImageSet:
    return transformed(images.first(settings.limit).resized(settings.image_size), settings.transform)


def load_data(
    settings: DataSettings | PairSettings, data_root: Path, log: Callable[[str], None]
) -> ImageSet | ImagePair:
    """Read all that a recipe's `data` asks for: one set of images, or two sides. As `load_images`."""
    if isinstance(settings, DataSettings):
        return load_images(settings, data_root, log)
    return load_pair(settings, lambda side: load_images(side, data_root, log))


def native_shape(settings: DataSettings | PairSettings) -> ImageShape:
    """The shape that `load_data` will return, `image_size` and `transform` included, without decoding anything.

    Raises: WganError where a folder of images is missing or empty, or two sides differ.
    """
    if isinstance(settings, PairSettings):
        return pair_shape(settings, native_shape)
    shape = _source(settings).shape(settings)
    return transformed_shape(replace(shape, size=settings.image_size or shape.size), settings.transform)


def default_data_root() -> Path:
    """$WGAN_DATA, else $XDG_CACHE_HOME/wgan, else ~/.cache/wgan; where there is no home, .cache/wgan right here."""
    if chosen := os.environ.get("WGAN_DATA"):
        return Path(os.path.expanduser(chosen))
    cache = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(cache):  # the XDG specification: a relative path is to be ignored
        home = os.path.expanduser("~")
        cache = os.path.join("" if home == "~" else home, ".cache")
    return Path(cache, "wgan")
