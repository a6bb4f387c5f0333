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

    Raises: NotAnImage for other arrays; pickled objects aren't loaded.
    """
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise NotAnImage(f"version {version[0]}.{version[1]} of .npy")
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(file)
    if dtype.kind not in "uifb":
        raise NotAnImage(f"an array of {dtype}")
    layout = (*shape, 1) if len(shape) == 2 else shape
    axis = channel_axis(layout)
    if axis is None or 0 in shape:
        raise NotAnImage(f"an array of shape {shape}, not (H, W), (H, W, C) or (C, H, W) with C up to {MAX_CHANNELS}")
    height, width = (side for place, side in enumerate(layout) if place != axis)

    def rasters() -> Iterator[Raster]:
        file.seek(0)
        values = np.moveaxis(np.load(file, allow_pickle=False).reshape(layout), axis, -1)  # (H, W, C)
        yield Raster(values.astype(np.uint8) * 255 if dtype.kind == "b" else values)

    stored = np.dtype(np.uint8) if dtype.kind == "b" else dtype
    return RasterFile(raster_header(stored, (width, height), layout[axis]), rasters)


def channel_axis(shape: tuple[int, ...]) -> int | None:
    """Return the axis of channels, 0 or 2: the shorter one; None if the shape isn't an image's."""
    if len(shape) != 3 or not 1 <= min(shape[0], shape[2]) <= MAX_CHANNELS:
        return None
    return 0 if shape[0] < shape[2] else 2
