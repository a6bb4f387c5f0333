"""Number of bits of written images, and the values of black and white in them."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from wgan_cli.errors import WganError
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.utils.extras import import_extra
from wgan_cli.utils.files import write_atomically
from wgan_cli.utils.pixels import as_uint8, shown_bands, to_unit_range

DEPTHS = ("8", "16", "float")
TIFF = (".tif", ".tiff")
DEEP = (".png", *TIFF)  # formats of more than 8 bits
_PICTURES = (1, 3, 4)  # channels of PNGs


@dataclass(frozen=True)
class PixelFormat:
    """Type of written pixels, and the values of black and white.

    Attributes:
        bands: numbers of the bands that pictures show, of images with bands that aren't gray, RGB and alpha.
        note: line about a range that isn't the data's own; "" if there is none.
    """

    dtype: type[np.generic] = np.uint8
    low: float = 0.0
    high: float = 255.0
    bands: tuple[int, ...] | None = None
    note: str = ""

    @property
    def is_deep(self) -> bool:
        """True for more than 8 bits."""
        return self.dtype is not np.uint8

    def values(self, pixels: Tensor) -> Tensor:
        """Return stored pixels as the values to write: uint8, or float32 in the range of the format."""
        if not self.is_deep:
            return as_uint8(pixels)
        values = (to_unit_range(pixels) + 1) * ((self.high - self.low) / 2) + self.low
        return values.clamp(self.low, self.high) if self.dtype is np.float32 else values.round()

    def array(self, pixels: Tensor) -> np.ndarray:
        """Return stored pixels (N, C, H, W) as an array (N, H, W, C) of the format's type."""
        return self.values(pixels).permute(0, 2, 3, 1).contiguous().numpy().astype(self.dtype, copy=False)

    def keeps_bands(self, path: Path) -> bool:
        """Return True if a picture shows all channels: they are gray, RGB and alpha, or its format has bands."""
        return self.bands is None or path.suffix.lower() in TIFF

    def shown(self, pixels: Tensor, path: Path) -> Tensor:
        """Return the values of stored pixels for a picture in the format of the path's suffix."""
        return self.values(pixels if self.keeps_bands(path) else shown_bands(pixels, self.bands))

    @property
    def suffix(self) -> str:
        """Format of single images that holds all of their values."""
        return ".png" if self.bands is None and self.dtype in (np.uint8, np.uint16) else ".tif"

    def check(self, path: Path) -> None:
        """Raise a WganError if a picture of this suffix can't hold the format, or a package is missing."""
        suffix = path.suffix.lower()
        if self.is_deep and (suffix not in DEEP or (suffix == ".png" and self.dtype is not np.uint16)):
            use = ".tif" if self.dtype is not np.uint16 else ".png, .tif"
            raise WganError(f"{path}: {suffix} cannot hold {self._meaning}", f"use {use}, .npy or .npz, or --depth 8")
        if suffix in TIFF and (self.is_deep or self.bands):
            import_extra("tifffile", "tiff", f"{path}: a TIFF with bands or more than 8 bits")

    @property
    def _meaning(self) -> str:
        return "floats" if self.dtype is np.float32 else f"values from {self.low:g} to {self.high:g}"

    def describe(self) -> str:
        """Return a phrase about the written values; "" for 8 bits."""
        return f", {np.dtype(self.dtype)} from {self.low:g} to {self.high:g}" if self.is_deep else ""


def pixel_format(depth: str, data: DataSettings, channels: int, where: str) -> PixelFormat:
    """Return the format for images of a generator, in the range of its training images where a type holds it.

    Args:
        depth: one of DEPTHS. where: path of the output; a PNG has no signed values.
    Raises: WganError for another depth.
    """
    bands = data.preview_channels or (None if channels in _PICTURES else ())
    if depth == "8":
        return PixelFormat(bands=bands)
    low, high = data.range if isinstance(data.range, tuple) else (0.0, 255.0)
    if depth == "float":
        return PixelFormat(np.float32, low, high, bands)
    if depth != "16":
        raise WganError(f"--depth: unknown depth {depth[:40]!r}", f"choose {', '.join(DEPTHS)}")
    if not isinstance(data.range, tuple):
        return PixelFormat(np.uint16, 0, 65535, bands)
    for kind in (np.uint16, np.int16):
        least, greatest = np.iinfo(kind).min, np.iinfo(kind).max
        fits = least <= low and high <= greatest and low == round(low) and high == round(high) and high - low >= 255
        if fits and not (kind is np.int16 and where.lower().endswith(".png")):
            return PixelFormat(kind, low, high, bands)
    note = f"values {low:g} to {high:g} become 0 to 65535; --depth float keeps them"
    return PixelFormat(np.uint16, 0, 65535, bands, note)


def save_values(values: Tensor, path: Path, form: PixelFormat, scale: int = 1) -> None:
    """Write values (C, H, W) of a format as a PNG or TIFF atomically, enlarged by a whole factor. Raises: WganError."""
    enlarged = values.repeat_interleave(scale, 1).repeat_interleave(scale, 2)
    array = enlarged.permute(1, 2, 0).contiguous().numpy().astype(form.dtype)  # (H, W, C)
    if array.shape[2] == 1:
        array = array[..., 0]
    encoded = io.BytesIO()
    if path.suffix.lower() in TIFF:
        tifffile = import_extra("tifffile", "tiff", f"{path}: a TIFF with bands or more than 8 bits")
        tifffile.imwrite(encoded, array, **_tiff_layout(array, form))
    elif array.ndim == 2:
        Image.fromarray(array).save(encoded, "PNG")
    else:
        imagecodecs = import_extra("imagecodecs", "tiff", f"{path}: a color PNG with 16 bits")
        encoded.write(imagecodecs.png_encode(array))
    write_atomically(path, lambda file: file.write(encoded.getbuffer()))


def _tiff_layout(array: np.ndarray, form: PixelFormat) -> dict[str, Any]:
    if array.ndim == 2:
        return {"photometric": "minisblack"}
    if form.bands is None and array.shape[2] in (3, 4):
        extra = {"extrasamples": ["unassalpha"]} if array.shape[2] == 4 else {}
        return {"photometric": "rgb", "planarconfig": "contig", **extra}
    extra = ["unspecified"] * (array.shape[2] - 1)
    return {"photometric": "minisblack", "planarconfig": "contig", "extrasamples": extra}
