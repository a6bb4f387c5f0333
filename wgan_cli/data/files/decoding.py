"""Decoding of one image file of any mode, orientation and shape into a square array of pixels."""

import io
import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image, ImageOps

from wgan_cli.data.files.container import NotAnImage
from wgan_cli.recipe.data_settings import Fit
from wgan_cli.utils.image_formats import readable_formats

MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # number of channels -> Pillow's mode
_EXIF_ORIENTATION = 0x0112
_HEIC_BRANDS = (b"ftypheic", b"ftypheix", b"ftypheim", b"ftyphevc", b"ftypmif1", b"ftypmsf1")  # from the fifth byte


class Header(NamedTuple):
    """Contents of an image file's header."""

    size: tuple[int, int]  # (width, height) after the EXIF orientation is applied
    mode: str  # Pillow's
    channels: int  # 3 if the mode or palette can represent colors, else 1


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Suppress Pillow's warnings about unusual files, in the threads started inside too.

    Others stay: filters are global to the process, and concurrent threads may restore them in the wrong order.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


def read_header(source: bytes | BinaryIO) -> Header:
    """Read an image file's header. Raises: NotAnImage, also for more pixels than Pillow's limit."""
    with _as_not_an_image():
        image = _identify(source)
        (width, height), exif = image.size, {}
        # Pillow rotates TIFFs itself; without EXIF data, getexif() would decode the image to look for some.
        if image.format != "TIFF" and "exif" in image.info:
            with suppress(Exception):
                exif = image.getexif()
        rotated = exif.get(_EXIF_ORIENTATION) in (5, 6, 7, 8)
        return Header((height, width) if rotated else (width, height), image.mode, _natural_channels(image))


def open_image(content: bytes, min_size: int | None = None) -> Image.Image:
    """Decode an image and apply its EXIF orientation.

    Args:
        min_size: Allows JPEGs to be decoded at 1/2, 1/4 or 1/8 of their size, but not below this many pixels.
    Raises: NotAnImage if it can't be decoded.
    """
    with _as_not_an_image():
        image = _identify(content)
        if min_size is not None:
            image.draft(None, (min_size, min_size))
        image.load()
        with suppress(Exception):  # EXIF data is broken more often than images are
            ImageOps.exif_transpose(image, in_place=True)
        return image


def _natural_channels(image: Image.Image) -> int:
    if image.mode in ("1", "L", "LA", "La", "I", "F") or image.mode.startswith("I;16"):
        return 1
    palette = image.palette
    if image.mode in ("P", "PA") and palette is not None and palette.mode == "RGB":
        colors = bytes(palette.palette)
        return 1 if colors[0::3] == colors[1::3] == colors[2::3] else 3
    return 3


def to_pixels(content: bytes, size: int, channels: int, fit: Fit, name: str) -> np.ndarray:
    """Decode an image file to (channels, size, size) uint8.

    16-bit values are scaled to 8 bits; transparency is composited onto black unless there are 4 channels.

    Args:
        fit: `crop` resizes the shorter side to `size` and keeps the center, `random_crop` a position that depends on
            the file's name; `pad` resizes the longer side and adds black borders; `stretch` ignores the aspect ratio.
        name: Name of the file, for `random_crop`.
    Raises: NotAnImage if it can't be decoded.
    """
    image = open_image(content, min_size=2 * size)
    with _as_not_an_image():
        pixels = np.asarray(_fit_to_square(_convert(image, channels), size, fit, name))  # (size, size[, channels])
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


def _identify(source: bytes | BinaryIO) -> Image.Image:
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        image = Image.open(file, formats=readable_formats())
    except Image.UnidentifiedImageError:
        file.seek(4)
        if file.read(8) in _HEIC_BRANDS:
            raise NotAnImage("HEIC isn't supported: save it as JPEG") from None
        raise
    # Pillow only warns at its limit and refuses at twice that.
    if Image.MAX_IMAGE_PIXELS is not None and image.width * image.height > Image.MAX_IMAGE_PIXELS:
        raise Image.DecompressionBombError
    return image


@contextmanager
def _as_not_an_image() -> Iterator[None]:
    """Turn everything that Pillow raises into NotAnImage."""
    try:
        yield
    except NotAnImage:
        raise
    except Image.DecompressionBombError:
        raise NotAnImage(f"more pixels than Pillow's limit of {Image.MAX_IMAGE_PIXELS:,}") from None
    except Image.UnidentifiedImageError:
        raise NotAnImage("not an image") from None
    except Exception as error:  # for broken bytes Pillow's decoders raise a dozen types, SyntaxError among them
        raise NotAnImage(f"damaged: {error or type(error).__name__}") from None


def _convert(image: Image.Image, channels: int) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        # Scale 16-bit integers by their range, and floats from [0, 1], [0, 255], [0, 65535] or else by their maximum.
        values = np.nan_to_num(np.asarray(image).astype(np.float64), posinf=0.0, neginf=0.0)
        maximum = float(values.max(initial=0.0))
        ranges = (65535.0,) if image.mode.startswith("I") else (1.0, 255.0, 65535.0)
        white = next((upper for upper in ranges if maximum <= upper), maximum)
        image = Image.fromarray(np.clip(values * (255.0 / white) + 0.5, 0, 255).astype(np.uint8))
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


def _fit_to_square(image: Image.Image, size: int, fit: Fit, name: str) -> Image.Image:
    target = (size, size)
    if image.size == target:
        return image
    width, height = image.size
    if fit == "pad":
        scale = size / max(width, height)
        inner_width, inner_height = (max(1, round(side * scale)) for side in (width, height))
        padded = Image.new(image.mode, target)
        resized = image.resize((inner_width, inner_height), Image.Resampling.LANCZOS)
        padded.paste(resized, ((size - inner_width) // 2, (size - inner_height) // 2))
        return padded
    if fit != "stretch":
        x, y = 0.5, 0.5
        if fit == "random_crop":
            position = random.Random(name.encode("utf-8", "surrogatepass"))  # the same in every run, on every machine
            x, y = position.random(), position.random()
        side = min(width, height)
        left, top = int((width - side) * x), int((height - side) * y)  # integers: cropping must not blur
        image = image.crop((left, top, left + side, top + side))
    return image.resize(target, Image.Resampling.LANCZOS)
