"""Loading of a recipe's images: the table of sources, and everything that is common to them."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from wgan_cli.data.dataset import ImageSet
from wgan_cli.data.files import notices
from wgan_cli.data.fit import cropped_size
from wgan_cli.data.pairs import ImagePair, load_pair, pair_shape
from wgan_cli.data.sources import arrays, celeba, cifar, digits, image_folder, mnist, shards, torchvision_sets
from wgan_cli.data.transforms import output_shape, transformed
from wgan_cli.errors import WganError
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.data_settings import USER_SOURCES, DataSettings, PairSettings
from wgan_cli.recipe.settings import registered
from wgan_cli.utils.format import Log, no_log
from wgan_cli.utils.pixels import default_preview

Load = Callable[[DataSettings, Path, Log], ImageSet]


class Source(NamedTuple):
    """Source of images."""

    load: Load  # loads the images of the chosen classes
    shape: Callable[[DataSettings], ImageShape]  # their shape before resizing, without decoding them if possible
    license: str  # sentence about their license


def whole_set(load: Load, license: str, shape: ImageShape | None = None) -> Source:
    """Return a source that loads all images before classes are selected, and to find out their shape if it is None."""

    def load_classes(settings: DataSettings, data_root: Path, log: Log) -> ImageSet:
        return load(settings, data_root, log).only(settings.classes)

    def shape_of_classes(settings: DataSettings) -> ImageShape:
        if shape is None:
            return load_classes(settings, default_data_root(), no_log).shape
        return shape if settings.classes is None else replace(shape, num_classes=len(settings.classes))

    return Source(load_classes, shape_of_classes, license)


_MNIST = "CC BY-SA 3.0 (MNIST, by Yann LeCun, Corinna Cortes and Christopher J. C. Burges)."
_EMNIST = "no license is published for EMNIST, by Gregory Cohen, Saeed Afshar, Jonathan Tapson and Andre van Schaik."
_STL10 = "no license is published for STL-10, by Adam Coates, Honglak Lee and Andrew Y. Ng; it has images of ImageNet."
_GRAY, _COLOR = ImageShape(28, 28, 1, 10), ImageShape(32, 32, 3, 10)
SOURCES = {
    "digits": whole_set(digits.load, _MNIST, _GRAY),
    "mnist": whole_set(mnist.load, _MNIST, _GRAY),
    "fashion_mnist": whole_set(mnist.load, "MIT (Fashion-MNIST, by Zalando SE).", _GRAY),
    "kmnist": whole_set(mnist.load, "CC BY-SA 4.0 (KMNIST, by ROIS-DS Center for Open Data in the Humanities).", _GRAY),
    "emnist_letters": whole_set(mnist.load, _EMNIST, replace(_GRAY, num_classes=26)),
    "emnist_balanced": whole_set(mnist.load, _EMNIST, replace(_GRAY, num_classes=47)),
    "emnist_byclass": whole_set(mnist.load, _EMNIST, replace(_GRAY, num_classes=62)),
    "emnist_bymerge": whole_set(mnist.load, _EMNIST, replace(_GRAY, num_classes=47)),
    "emnist_digits": whole_set(mnist.load, _EMNIST, _GRAY),
    "emnist_mnist": whole_set(mnist.load, _EMNIST, _GRAY),
    "cifar10": whole_set(cifar.load, "no license is published for CIFAR-10, by Alex Krizhevsky.", _COLOR),
    "cifar100": whole_set(
        cifar.load, "no license is published for CIFAR-100, by Alex Krizhevsky.", replace(_COLOR, num_classes=100)
    ),
    "svhn": whole_set(torchvision_sets.load, "non-commercial use only (SVHN, by Yuval Netzer et al.).", _COLOR),
    "stl10": whole_set(torchvision_sets.load, _STL10, ImageShape(96, 96, 3, 10)),
    "stl10_unlabeled": whole_set(torchvision_sets.load, _STL10, ImageShape(96, 96, 3, 0)),
    "celeba": whole_set(
        celeba.load, "non-commercial research only (CelebA, by Ziwei Liu et al.).", ImageShape(*celeba.SIZE, 3, 0)
    ),
    "folder": Source(image_folder.load, image_folder.shape, "that of the images in the folder."),
    "shards": Source(shards.load, shards.shape, "that of the images in the shards."),
    "given": Source(arrays.load, arrays.shape, "that of the images passed to `wgan_cli.train`."),
}


def _source(settings: DataSettings) -> Source:
    return registered(SOURCES, "data.source", settings.source, "wgan_cli.data.SOURCES")


def license_of(settings: DataSettings | PairSettings) -> str:
    """Return a sentence about the license of a recipe's images, or two if the sides of a pair differ."""
    sides = (settings.a, settings.b) if isinstance(settings, PairSettings) else (settings,)
    return " ".join(dict.fromkeys(_source(side).license for side in sides))


def has_test_images(settings: DataSettings) -> bool:
    """Return True if `split: test` are images that `split: train` doesn't contain."""
    return settings.has_splits or (settings.source == "folder" and image_folder.has_test_images(settings))


def class_names(settings: DataSettings, data_root: Path) -> tuple[str, ...]:
    """Return the names of all classes in a recipe's images, also of those that `classes` leaves out."""
    everything = settings.model_copy(update={"classes": None, "limit": None})
    if settings.source == "folder":
        return image_folder.class_names(everything)
    return load_images(everything, data_root, no_log).class_names


def load_images(settings: DataSettings, data_root: Path, log: Log, report: Log = no_log) -> ImageSet:
    """Load a recipe's images, downloading a public data set that isn't in `data_root`.

    Args:
        report: Told about images in memory that are cropped or not shown as they are.
    Returns: The first `limit` images of `classes`, resized to `image_size`, with `transform` applied.
    """
    return _finish(_source(settings).load(settings, data_root, log), settings, report)


def select_images(images: ImageSet, settings: DataSettings, report: Log = no_log) -> ImageSet:
    """Apply `classes`, `limit`, `image_size` and `transform` to images in memory, as `load_images` does."""
    return _finish(images.only(settings.classes), settings, report)


def _finish(images: ImageSet, settings: DataSettings, report: Log) -> ImageSet:
    images, size = images.first(settings.limit), settings.image_size
    whole = (images.shape.width, images.shape.height)
    if size is not None and cropped_size(*whole, size) != whole:
        for line in notices.cropping(len(images), len(images), whole, settings, size):
            report(f"{images.origin}: {line}")
    finished = transformed(images.resized(size, settings.fit), settings.transform)
    return _with_preview(finished, settings, report)


def _with_preview(images: ImageSet, settings: DataSettings, log: Log) -> ImageSet:
    """Resolve the bands that pictures show. Raises: WganError for a band that the images don't have."""
    count, chosen = images.shape.channels, settings.preview_channels
    if chosen is not None and max(chosen) > count:
        raise WganError(
            f"`data.preview_channels` is {list(chosen)}, but the images of {images.origin} have {count} channels",
            f"use numbers from 1 to {count}",
        )
    bands = chosen or default_preview(count, images.bands)
    if chosen is None and bands is not None:
        log(
            f"{images.origin}: {count} bands; pictures show {', '.join(map(str, bands))}; --set "
            "data.preview_channels=[3,2,1] chooses others"
        )
    return replace(images, preview_channels=bands)


def load_data(settings: DataSettings | PairSettings, data_root: Path, log: Log) -> ImageSet | ImagePair:
    """Load a recipe's `data`, an image set or a pair of them, and report what isn't used. See `load_images`."""
    if isinstance(settings, DataSettings):
        return load_images(settings, data_root, log, log)
    return load_pair(settings, lambda side, log: load_images(side, data_root, log, log), log)


def native_shape(settings: DataSettings | PairSettings) -> ImageShape:
    """Return the shape of the images that `load_data` returns, without decoding them.

    The settings alone determine it if they have a size, channels and no path: classes are then those they list.
    """
    if isinstance(settings, PairSettings):
        return pair_shape(settings, native_shape)
    if settings.source in USER_SOURCES and settings.path is None and settings.image_size and settings.channels:
        shape = ImageShape(*settings.image_size, settings.channels, len(settings.classes or ()))
    else:
        shape = _source(settings).shape(settings)
    height, width = settings.image_size or shape.size
    return output_shape(replace(shape, height=height, width=width), settings.transform)


def default_data_root() -> Path:
    """Return $WGAN_DATA, else $XDG_CACHE_HOME/wgan, else ~/.cache/wgan, or .cache/wgan if there is no home."""
    if chosen := os.environ.get("WGAN_DATA"):
        return Path(os.path.expanduser(chosen))
    cache = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(cache):  # the XDG specification says to ignore relative paths
        home = os.path.expanduser("~")
        cache = os.path.join("" if home == "~" else home, ".cache")
    return Path(cache, "wgan")
