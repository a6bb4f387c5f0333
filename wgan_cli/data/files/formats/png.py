"""Color PNGs with 16 bits, of which Pillow keeps 8; read by imagecodecs."""

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from PIL import Image

from wgan_cli.data.files.formats.raster import Raster, RasterFile, raster_header, upright
from wgan_cli.utils.extras import import_extra

_BIT_DEPTH, _COLOR_TYPE = 24, 25  # positions in the file
_BANDS = {2: 3, 4: 1, 6: 3}  # color type -> bands without alpha: RGB, gray with alpha, RGB with alpha


def open_deep_png(image: Image.Image, file: BinaryIO, orientation: int) -> RasterFile | None:
    """Open a color PNG with 16 bits; None for other images. Raises: WganError if imagecodecs isn't installed."""
    if image.format != "PNG" or getattr(image, "n_frames", 1) > 1 or "transparency" in image.info:
        return None
    file.seek(0)
    start = file.read(_COLOR_TYPE + 1)
    color_type = start[_COLOR_TYPE]
    if start[_BIT_DEPTH] != 16 or color_type not in _BANDS:
        return None
    imagecodecs = import_extra("imagecodecs", "tiff", "a color PNG with 16 bits")
    alpha = color_type in (4, 6)
    header = raster_header(np.dtype(np.uint16), image.size, _BANDS[color_type], alpha, orientation)

    def rasters() -> Iterator[Raster]:
        file.seek(0)
        yield Raster(upright(imagecodecs.png_decode(file.read()), orientation), alpha)

    return RasterFile(header, rasters)
