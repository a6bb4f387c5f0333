"""Opening of an image file of any format: by Pillow, or as an array of values."""

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from PIL import Image

from wgan_cli.data.containers.container import NotAnImage, NotNow, unreadable
from wgan_cli.data.files.formats import npy, tiff
from wgan_cli.data.files.formats.png import open_deep_png
from wgan_cli.data.files.formats.raster import Header, RasterFile, upright_size
from wgan_cli.data.files.frames import frame_numbers, seek_each
from wgan_cli.data.files.value_range import RangeUnknown, is_deep
from wgan_cli.errors import WganError
from wgan_cli.utils.image_formats import readable_formats

_EXIF_ORIENTATION = 0x0112
_HEIC_BRANDS = (b"ftypheic", b"ftypheix", b"ftypheim", b"ftyphevc", b"ftypmif1", b"ftypmsf1")  # from the fifth byte


def open_image(source: bytes | BinaryIO) -> Image.Image | RasterFile:
    """Open an image file, reading its header only. Errors need `as_not_an_image`."""
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    start = file.read(12)
    file.seek(0)
    if start.startswith(npy.MAGIC):
        return _checked(npy.open_npy(file))
    try:
        image = Image.open(file, formats=readable_formats())
    except Image.UnidentifiedImageError:
        if start[4:] in _HEIC_BRANDS:
            raise NotAnImage("HEIC isn't supported: save it as JPEG") from None
        if not start.startswith(tiff.MAGIC):
            raise
        if not tiff.is_installed():
            raise NotNow("a TIFF that Pillow doesn't read; `pip install 'wgan[tiff]'` may help") from None
        return _checked(tiff.open_tiff(file))
    check_size(image.size)
    if tiff.loses_values(image):
        return tiff.open_tiff(file)
    return open_deep_png(image, file, _orientation(image)) or image


def header_of(opened: Image.Image | RasterFile) -> Header:
    """Return the header of an open image file."""
    if isinstance(opened, RasterFile):
        return opened.header
    pages = frame_numbers(opened) if opened.format == "TIFF" else [0]
    if pages[0] > 0:  # after a thumbnail or a mask
        opened.seek(pages[0])
    # Before the first frame is left: its EXIF data and mode count.
    size, mode, alpha = upright_size(opened.size, _orientation(opened)), opened.mode, has_alpha(opened)
    frames = pages if opened.format == "TIFF" else frame_numbers(opened)
    channels = _natural_channels(opened)
    if channels == 1 and len(frames) > 1:  # others may have color
        channels = max(map(_natural_channels, seek_each(opened, frames)))
    return Header(size, mode, channels, len(frames), alpha, is_deep(mode))


def has_alpha(image: Image.Image) -> bool:
    """Return True if an image may be transparent in places."""
    return image.mode in ("LA", "PA", "La", "RGBA", "RGBa") or "transparency" in image.info


def check_size(size: tuple[int, int]) -> None:
    """Raise DecompressionBombError for more pixels than Pillow's limit, at which Pillow itself only warns."""
    if Image.MAX_IMAGE_PIXELS is not None and size[0] * size[1] > Image.MAX_IMAGE_PIXELS:
        raise Image.DecompressionBombError


@contextmanager
def as_not_an_image() -> Iterator[None]:
    """Turn everything that decoders raise into NotAnImage."""
    try:
        yield
    except (NotAnImage, RangeUnknown, WganError, MemoryError):
        raise
    except Image.DecompressionBombError:
        raise NotAnImage(f"more pixels than Pillow's limit of {Image.MAX_IMAGE_PIXELS:,}") from None
    except Image.UnidentifiedImageError:
        raise NotAnImage("not an image") from None
    except Exception as error:  # for broken bytes Pillow's decoders raise a dozen types, SyntaxError among them
        if isinstance(found := unreadable(error), NotNow):
            raise found from None
        raise NotAnImage(f"damaged: {error or type(error).__name__}") from None


def _checked(found: RasterFile) -> RasterFile:
    check_size(found.header.size)
    return found


def _orientation(image: Image.Image) -> int:
    # Pillow rotates TIFFs itself; without EXIF data, getexif() would decode the image to look for some.
    if image.format != "TIFF" and "exif" in image.info:
        with suppress(Exception):  # EXIF data is broken more often than images are
            return image.getexif().get(_EXIF_ORIENTATION, 1)
    return 1


def _natural_channels(image: Image.Image) -> int:
    if image.mode in ("1", "L", "LA", "La", "I", "F") or image.mode.startswith("I;16"):
        return 1
    if image.format == "GIF" and image.mode in ("RGB", "RGBA"):  # a later frame; Pillow has decoded it
        red, green, blue = (band.tobytes() for band in image.convert("RGB").split())
        return 1 if red == green == blue else 3
    palette = image.palette
    if image.mode in ("P", "PA") and palette is not None and palette.mode == "RGB":
        colors = bytes(palette.palette)
        return 1 if colors[0::3] == colors[1::3] == colors[2::3] else 3
    return 3
