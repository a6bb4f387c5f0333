"""Images in .npy files."""

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from wgan_cli.data.containers.container import NotAnImage
from wgan_cli.data.files.formats.raster import Raster, RasterFile, raster_header
from wgan_cli.recipe.decoding_types import MAX_CHANNELS

MAGIC = b"\x93NUMPY"


def open_npy(file: BinaryIO) -> RasterFile:
    """Open an array (H, W), (H, W, C) or (C, H, W) with at most 16 channels, of integers, floats or booleans.

    If both ends may be channels, the last one is. Raises: NotAnImage for other arrays; pickled objects aren't loaded.
    """
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise NotAnImage(f"version {version[0]}.{version[1]} of .npy")
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(file)
    if dtype.kind not in "uifb":
        raise NotAnImage(f"an array of {dtype}")
    channels_last = _is_channels_last(shape)
    height, width, bands = (*shape, 1)[:3] if channels_last else (*shape[1:], shape[0])

    def rasters() -> Iterator[Raster]:
        file.seek(0)
        values = np.load(file, allow_pickle=False).reshape(shape)
        values = values.reshape(height, width, bands) if channels_last else values.transpose(1, 2, 0)  # (H, W, C)
        yield Raster(values.astype(np.uint8) * 255 if dtype.kind == "b" else values)

    stored = np.dtype(np.uint8) if dtype.kind == "b" else dtype
    return RasterFile(raster_header(stored, (width, height), bands), rasters)


def _is_channels_last(shape: tuple[int, ...]) -> bool:
    if 0 in shape:
        raise NotAnImage(f"an empty array of shape {shape}")
    if len(shape) == 2 or (len(shape) == 3 and shape[2] <= MAX_CHANNELS):
        return True
    if len(shape) == 3 and shape[0] <= MAX_CHANNELS:
        return False
    raise NotAnImage(
        f"an array of shape {shape}, not (H, W), (H, W, C) or (C, H, W) with at most {MAX_CHANNELS} channels"
    )
