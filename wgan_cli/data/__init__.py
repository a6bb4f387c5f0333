"""Real images: sources, the sets they return, and the loaders that turn them into batches."""

from wgan_cli.data.dataset import ImageSet
from wgan_cli.data.load import (
    SOURCES,
    Source,
    as_asked,
    default_data_root,
    licence_of,
    load_data,
    load_images,
    native_shape,
    whole_file,
)
from wgan_cli.data.pairs import ImagePair

__all__ = [
    "SOURCES",
    "ImagePair",
    "ImageSet",
    "Source",
    "as_asked",
    "default_data_root",
    "licence_of",
    "load_data",
    "load_images",
    "native_shape",
    "whole_file",
]
