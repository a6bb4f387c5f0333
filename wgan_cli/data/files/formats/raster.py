"""Images as arrays of values: more than 8 bits, or bands other than gray, RGB and alpha."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from wgan_cli.data.containers.container import NotAnImage
from wgan_cli.data.files.value_range import scaled
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.utils.format import count_of

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R 601, as in Pillow
COLOR = (1, 3)  # number of bands that are gray or RGB
#: Pillow's names of modes that it has too.
_MODES = {"bool": "1", "uint8": "L", "uint8x3": "RGB", "uint16": "I;16", "int32": "I", "float32": "F"}
#: Orientations that exchange height and width, and the axes to flip afterwards.
_TRANSPOSED, _FLIPPED = (5, 6, 7, 8), {2: (1,), 3: (0, 1), 4: (0,), 6: (1,), 7: (0, 1), 8: (0,)}


class Header(NamedTuple):
    """Contents of an image file's header."""

    size: tuple[int, int]  # (width, height) after the EXIF orientation is applied
    mode: str  # Pillow's, or an array's type and number of bands, such as uint16x5
    channels: int  # 3 if the mode or palette can represent colors, else 1; the number of bands if there are others
    frames: int  # images in the file
    alpha: bool  # it may be transparent in places
    deep: bool = False  # it has more than 8 bits
    non_finite: int = 0  # images with NaN or infinite values, if it was decoded

    @property
    def bands(self) -> bool:
        """True if the channels are bands of their own, not gray or RGB."""
        return self.channels not in COLOR


class Raster(NamedTuple):
    """An image as an array of values."""

    values: np.ndarray  # (H, W, C), integers or floats
    alpha: bool = False  # the last band is opacity, in the full range of its type

    @property
    def bands(self) -> int:
        """Number of bands without alpha."""
        return self.values.shape[2] - self.alpha

    @property
    def deep(self) -> bool:
        """True for more than 8 bits."""
        return self.values.dtype != np.uint8

    @property
    def non_finite(self) -> bool:
        """True if any value is NaN or infinite."""
        return self.values.dtype.kind == "f" and not np.isfinite(self.values).all()

    @property
    def colors(self) -> np.ndarray:
        """Values without alpha."""
        return self.values[..., : self.bands]


@dataclass(frozen=True)
class RasterFile:
    """File whose images are rasters."""

    header: Header
    rasters: Callable[[], Iterator[Raster]]  # reads them, in order


def raster_header(
    values: np.dtype, size: tuple[int, int], bands: int, alpha: bool = False, orientation: int = 1, frames: int = 1
) -> Header:
    """Return the header of rasters of a type and a stored size (width, height), with `bands` besides alpha."""
    count = bands + alpha
    mode = values.name if count == 1 else f"{values.name}x{count}"
    return Header(
        size=upright_size(size, orientation),
        mode=_MODES.get(mode, mode),
        channels=bands,
        frames=frames,
        alpha=alpha,
        deep=values != np.uint8,
    )


def upright_size(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Return the size (width, height) of an image turned as `upright` turns it."""
    return (size[1], size[0]) if orientation in _TRANSPOSED else size


def upright(values: np.ndarray, orientation: int) -> np.ndarray:
    """Turn an image (H, W, C) as the EXIF or TIFF tag for its orientation, 1 to 8, says."""
    turned = values.swapaxes(0, 1) if orientation in _TRANSPOSED else values
    return np.flip(turned, _FLIPPED.get(orientation, ()))


def to_planes(raster: Raster, channels: int, settings: DataSettings) -> tuple[np.ndarray, np.ndarray]:
    """Scale a raster to [0, 1] by the range of the settings, and convert it to a number of channels.

    Gray and RGB are converted to each other. Alpha is kept as a fourth channel, or composited onto the background.
    Other bands stay as they are.

    Returns: planes (channels, H, W) float32, and the background's value in each channel if a pixel was transparent,
        otherwise an empty array.
    Raises: NotAnImage for another number of bands.
    """
    if channels != raster.bands and not (raster.bands in COLOR and channels in (*COLOR, 4)):
        raise NotAnImage(f"{count_of(raster.bands, 'band')}, not data.channels={channels}")
    planes = scaled(raster.colors, settings.range).transpose(2, 0, 1)  # (bands, H, W)
    if raster.bands in COLOR and channels != raster.bands:
        planes = (
            np.tensordot(LUMA, planes, 1)[None] if channels == 1 else np.broadcast_to(planes, (3, *planes.shape[1:]))
        )
    if channels == 4 and raster.bands != 4:
        return np.concatenate([planes, _opacity(raster)[None]]), np.empty(0, np.float32)
    if not raster.alpha or (opacity := _opacity(raster)).min() == 1:
        return planes, np.empty(0, np.float32)
    background = np.array(settings.background_rgb, np.float32) / 255
    fill = background if channels == 3 else LUMA[None] @ background  # (channels,)
    return planes * opacity + fill[:, None, None] * (1 - opacity), fill


def _opacity(raster: Raster) -> np.ndarray:
    """Return alpha in [0, 1], (H, W) float32; 1 if the raster has none."""
    if not raster.alpha:
        return np.ones(raster.values.shape[:2], np.float32)
    alpha = raster.values[..., -1]
    most = 1 if alpha.dtype.kind == "f" else np.iinfo(alpha.dtype).max
    return (alpha / most).astype(np.float32).clip(0, 1)


def quantized(planes: np.ndarray, deep: bool) -> np.ndarray:
    """Quantize planes in [0, 1] to stored pixels: uint8, or int16 with 16 bits (`utils.pixels`)."""
    if deep:
        return (np.rint(planes.clip(0, 1) * 65535) - 32768).astype(np.int16)
    return np.rint(planes.clip(0, 1) * 255).astype(np.uint8)


def deepened(pixels: np.ndarray) -> np.ndarray:
    """Convert pixels of 8 bits to the stored type of 16, exactly: 255 becomes 65535."""
    return (pixels.astype(np.int32) * 257 - 32768).astype(np.int16)
