"""Real images: sources, the image sets they return, and the loaders that make batches of them."""

from wgan_cli.data.dataset import ImageSet
from wgan_cli.data.load import (
    SOURCES,
    Source,
    default_data_root,
    license_of,
    load_data,
    load_images,
    native_shape,
    select_images,
    whole_set,
)
from wgan_cli.data.loaders.build import make_loader
from wgan_cli.data.loaders.device import DeviceLoader
from wgan_cli.data.pairs import ImagePair

__all__ = [
    "SOURCES",
    "DeviceLoader",
    "ImagePair",
    "ImageSet",
    "Source",
    "default_data_root",
    "license_of",
    "load_data",
    "load_images",
    "make_loader",
    "native_shape",
    "select_images",
    "whole_set",
]
