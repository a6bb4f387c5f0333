"""Real images: a table of sources, the set each returns, and the feed that makes batches of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from wgan_cli.data import cifar, digits, mnist_like
from wgan_cli.data.dataset import ImageSet
from wgan_cli.data.feed import DeviceFeed
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.data_settings import DataSettings

__all__ = ["SOURCES", "DeviceFeed", "ImageSet", "Source", "default_data_root", "load_images", "native_shape"]


class Source(NamedTuple):
    """How a source is read, and the shape of its images before any resizing."""

    load: Callable[[DataSettings, Path, Callable[[str], None]], ImageSet]
    shape: ImageShape


SOURCES = {
    "digits": Source(digits.load, ImageShape(28, 1, 10)),
    "mnist": Source(mnist_like.load, ImageShape(28, 1, 10)),
    "fashion_mnist": Source(mnist_like.load, ImageShape(28, 1, 10)),
    "cifar10": Source(cifar.load, ImageShape(32, 3, 10)),
}


def load_images(settings: DataSettings, data_root: Path, notify: Callable[[str], None]) -> ImageSet:
    """Read the images that a recipe asks for, downloading a public set that is not under `data_root`.

    Args:
        notify: called with one line whenever there is something to tell: a download, an unusual number of images.
    Returns: the first `limit` images, at `image_size`.
    Raises: WganError where the set cannot be had or is broken.
    """
    images = SOURCES[settings.source].load(settings, data_root, notify)
    return images.first(settings.limit).resized(settings.image_size)


def native_shape(settings: DataSettings) -> ImageShape:
    """The shape that `load_images` will return, `image_size` included, without reading anything."""
    shape = SOURCES[settings.source].shape
    return replace(shape, size=settings.image_size or shape.size)


def default_data_root() -> Path:
    """$WGAN_DATA, else $XDG_CACHE_HOME/wgan, else ~/.cache/wgan; where there is no home, .cache/wgan right here."""
    if chosen := os.environ.get("WGAN_DATA"):
        return Path(os.path.expanduser(chosen))
    cache = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(cache):  # the XDG specification: a relative path is to be ignored
        home = os.path.expanduser("~")
        cache = os.path.join("" if home == "~" else home, ".cache")
    return Path(cache, "wgan")
