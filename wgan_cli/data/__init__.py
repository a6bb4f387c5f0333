"""Real images: sources, the image sets they return, and the loaders that make batches of them."""

from wgan_cli.data.dataset import ImageSet
from wgan_cli.data.loading import SOURCES, default_data_root, load_data, load_images, native_shape
from wgan_cli.data.pairs import ImagePair

__all__ = ["SOURCES", "ImagePair", "ImageSet", "default_data_root", "load_data", "load_images", "native_shape"]
