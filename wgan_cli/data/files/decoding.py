"""One image file to pixels of one size: any mode, any orientation, any shape."""

from __future__ import annotations

import io
import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import BinaryIO

import numpy as np
from PIL import Image

from wgan_cli.data.files.container import NotAnImage
from wgan_cli.recipe.data_settings import Fit

__all__ = ["Header", "NotAnImage", "natural_channels", "open_image", "quiet_pillow", "read_header", "to_pixels"]

MODES = {1: "L", 3: "RGB", 4: "RGBA"}
#: Formats of pixels. Not Pillow's others: to open an .eps runs another program, and an .ico is many images.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "MPO", "JPEG2000", "PPM", "TGA", "QOI", "PCX", "SGI")
ORIENTATION = 0x0112  # in EXIF
#: How a telephone's photos begin, from the fifth byte: Pillow reads them only with a package of its own.
HEIC = (b"ftypheic", b"ftypheix", b"ftypheim", b"ftyphevc", b"ftypmif1", b"ftypmsf1")
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class Header:
    """What a file says of itself. size: (width, height) upright; mode: Pillow's; colour: whether it can show any."""

    size: tuple[int, int]
    mode: str
    colour: bool


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Keep Pillow's warnings about odd files to ourselves.

    For the thread that starts others, round all their work: Python has one list of filters for all threads.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def read_header(source: bytes | BinaryIO) -> Header:
    """Read what a file's beginning says, without decoding it.

    Raises: NotAnImage for bytes that begin no image, or one of more pixels than Pillow's limit.
    """
    with _reasons():
        image = _identified(source)
        size = image.size
        if _orientation(image, decoded=False) >= 5:
            size = size[::-1]
        return Header(size, image.mode, natural_channels(image) == 3)


def open_image(content: bytes, enough: int | None = None) -> Image.Image:
    """Decode a file's bytes wholly, turned upright by its EXIF orientation.

    Args:
        enough: a JPEG much larger than this many pixels in both directions is decoded at a half, quarter or eighth.
    Raises: NotAnImage for bytes that are no image, are cut off, or are more pixels than Pillow's limit.
    """
    with _reasons():
        image = _identified(content)
        if enough is not None:
            image.draft(None, (enough, enough))
        image.load()
        turn = UPRIGHT.get(_orientation(image, decoded=True))
        return image if turn is None else image.transpose(turn)


def natural_channels(image: Image.Image) -> int:
    """1 for a picture whose mode or palette is without colour, 3 for one with; transparency does not count."""
    if image.mode in ("1", "L", "LA", "La", "I", "F") or image.mode.startswith("I;16"):
        return 1
    palette = image.palette
    if image.mode in ("P", "PA") and palette is not None and palette.mode == "RGB":
        colours = bytes(palette.palette)
        return 1 if colours[0::3] == colours[1::3] == colours[2::3] else 3
    return 3


def to_pixels(content: bytes, size: int, channels: int, fit: Fit, name: str) -> np.ndarray:
    """A file's bytes as (channels, size, size) uint8; 16 bits are scaled to 8, transparency is laid on black.

    crop: the shorter side becomes `size`, and the middle stays. random_crop: likewise, at a place that follows from the
    file's name. pad: the longer side becomes `size`, with black around. stretch: each side, whatever becomes of shapes.

    Raises: NotAnImage.
    """
    image = open_image(content, enough=2 * size)
    with _reasons():
        image = _fitted(_to_mode(image, channels), size, fit, name)
        pixels = np.asarray(image)  # (size, size) or (size, size, channels)
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


@lru_cache(maxsize=1)
def _known_formats() -> tuple[str, ...]:
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)  # a Pillow may be built without some


def _identified(source: bytes | BinaryIO) -> Image.Image:
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        image = Image.open(file, formats=_known_formats())
    except Image.UnidentifiedImageError:
        file.seek(4)
        if file.read(8) in HEIC:
            raise NotAnImage("HEIC, which is not read: save it as JPEG") from None
        raise
    # Pillow warns from its limit on and refuses at twice that; for training data the limit is the limit.
    if Image.MAX_IMAGE_PIXELS is not None and image.width * image.height > Image.MAX_IMAGE_PIXELS:
        raise Image.DecompressionBombError
    return image


@contextmanager
def _reasons() -> Iterator[None]:
    """Turn whatever Pillow raises into a few words."""
    try:
        yield
    except NotAnImage:
        raise
    except Image.DecompressionBombError:
        raise NotAnImage(f"more pixels than Pillow's limit of {Image.MAX_IMAGE_PIXELS:,}") from None
    except Image.UnidentifiedImageError:
        raise NotAnImage("no image") from None
    except Exception as error:  # for broken bytes Pillow's decoders raise a dozen types, SyntaxError among them
        raise NotAnImage(f"damaged: {error or type(error).__name__}") from None


def _orientation(image: Image.Image, decoded: bool) -> int:
    """1 to 8; 1 is upright, and also what an unreadable note counts as, for the pixels may be fine."""
    if image.format == "TIFF" or not (decoded or "exif" in image.info):
        return 1  # Pillow turns a TIFF itself; and where there is no note yet, asking would decode the image
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except Exception:  # notes are as often broken as images are
        return 1
    return value if isinstance(value, int) and value in UPRIGHT else 1


def _to_mode(image: Image.Image, channels: int) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        image = _scaled_to_8_bits(image)
    transparent = image.mode in ("LA", "PA", "La", "RGBA", "RGBa") or "transparency" in image.info
    if channels == 4 or transparent:
        if image.mode not in ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBa", "La"):
            image = image.convert("RGB")
        image = image.convert("LA").convert("RGBA") if image.mode == "La" else image.convert("RGBA")
    if channels == 4:
        return image
    if transparent:
        image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
    return image if image.mode == MODES[channels] else image.convert(MODES[channels])


def _scaled_to_8_bits(image: Image.Image) -> Image.Image:
    """Integers of 16 bits by their range. Floats from 0 to 1 or to 255; a larger greatest value becomes white."""
    values = np.nan_to_num(np.asarray(image).astype(np.float64), posinf=0.0, neginf=0.0)
    greatest = float(values.max(initial=0.0))
    usual = (65535.0,) if image.mode.startswith("I") else (1.0, 255.0, 65535.0)
    full = next((full for full in usual if greatest <= full), greatest)
    return Image.fromarray(np.clip(values * (255.0 / full) + 0.5, 0, 255).astype(np.uint8))


def _fitted(image: Image.Image, size: int, fit: Fit, name: str) -> Image.Image:
    target = (size, size)
    if image.size == target:
        return image
    width, height = image.size
    if fit == "pad":
        scale = size / max(width, height)
        inner = tuple(max(1, round(side * scale)) for side in (width, height))
        around = Image.new(image.mode, target)
        around.paste(image.resize(inner, Image.Resampling.LANCZOS), tuple((size - side) // 2 for side in inner))
        return around
    if fit != "stretch":
        across, down = 0.5, 0.5
        if fit == "random_crop":
            chance = random.Random(name.encode("utf-8", "surrogatepass"))  # the same in every run and on every machine
            across, down = chance.random(), chance.random()
        side = min(width, height)
        left, top = int((width - side) * across), int((height - side) * down)  # whole pixels, which stay sharp
        image = image.crop((left, top, left + side, top + side))
    return image.resize(target, Image.Resampling.LANCZOS)
