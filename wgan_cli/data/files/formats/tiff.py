"""TIFFs with more bits or bands than Pillow keeps, read by tifffile."""

import importlib.util
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from wgan_cli.data.containers.container import NotAnImage
from wgan_cli.data.files.formats.raster import Raster, RasterFile, raster_header, upright
from wgan_cli.recipe.decoding_types import MAX_CHANNELS
from wgan_cli.utils.extras import import_extra

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PHOTOMETRIC, _BITS, _SAMPLES, _EXTRA, _ORIENTATION, _TYPE = 262, 258, 277, 338, 274, 339  # tags
_INVERTED = 0  # photometric interpretation: black is the greatest value of unsigned integers; other types have none
_UNSIGNED = 1  # type of values
_PLAIN = (_INVERTED, 1, 2)  # others, such as CMYK, are converted by Pillow
_PREMULTIPLIED, _ALPHA = 1, (1, 2)  # meanings of an extra sample
_NO_IMAGE = 1 | 4  # bits of a page's type: a smaller copy of another page, a transparency mask


def is_installed() -> bool:
    """Return True if tifffile is installed."""
    return importlib.util.find_spec("tifffile") is not None


def loses_values(image: Image.Image) -> bool:
    """Return True for a TIFF of which Pillow leaves out bits or bands, or perhaps that black is the greatest value."""
    if image.format != "TIFF":
        return False
    tags: Any = image.tag_v2  # type: ignore[attr-defined]
    samples, extra = tags.get(_SAMPLES, 1), tags.get(_EXTRA, ())
    photometric, is_deep = tags.get(_PHOTOMETRIC), max(tags.get(_BITS, (1,))) > 8
    if samples == 1:
        return is_deep and photometric == _INVERTED and tags.get(_TYPE, (_UNSIGNED,))[0] == _UNSIGNED
    is_alpha = not extra or extra[0] in _ALPHA
    return photometric in _PLAIN and (is_deep or len(image.getbands()) != samples or not is_alpha)


def open_tiff(file: BinaryIO) -> RasterFile:
    """Open a TIFF of up to 16 bands. Raises: NotAnImage, and WganError if tifffile isn't installed."""
    tifffile = import_extra("tifffile", "tiff", "a TIFF with several bands or more than 8 bits")
    file.seek(0)
    pages = [page.aspage() for page in tifffile.TiffFile(file).pages]
    pages = [page for page in pages if not page.subfiletype & _NO_IMAGE] or pages[:1]
    first = pages[0]
    alpha = _has_alpha(first)
    bands = first.samplesperpixel - alpha
    if first.axes not in ("YX", "YXS", "SYX") or not 1 <= bands <= MAX_CHANNELS or first.dtype is None:
        raise NotAnImage(f"a TIFF with the axes {first.axes} and {bands} bands, of which {MAX_CHANNELS} can be used")
    kind, size = np.dtype(first.dtype), (first.imagewidth, first.imagelength)

    def rasters() -> Iterator[Raster]:
        yield from map(_raster, pages)

    return RasterFile(raster_header(kind, size, bands, alpha, _orientation(first), len(pages)), rasters)


def _has_alpha(page: Any) -> bool:
    """Return True for gray or RGB with alpha; an extra band that is called alpha among others isn't."""
    return page.samplesperpixel in (2, 4) and bool(page.extrasamples) and page.extrasamples[0] in _ALPHA


def _orientation(page: Any) -> int:
    tag = page.tags.get(_ORIENTATION)
    return 1 if tag is None else int(tag.value)


def _raster(page: Any) -> Raster:
    values: np.ndarray = page.asarray()
    values = values.transpose(1, 2, 0) if page.axes == "SYX" else values.reshape(*values.shape[:2], -1)  # (H, W, C)
    if page.photometric == _INVERTED and values.dtype.kind == "u":
        values = (1 << page.bitspersample) - 1 - values
    values, alpha = upright(values, _orientation(page)), _has_alpha(page)
    if alpha and page.extrasamples[0] == _PREMULTIPLIED:
        most = 1 if values.dtype.kind == "f" else np.iinfo(values.dtype).max
        colors, opacity = values[..., :-1].astype(np.float64), values[..., -1:] / most
        straight = np.divide(colors, opacity, out=np.zeros_like(colors), where=opacity > 0).clip(None, most)
        values = np.concatenate([straight.astype(values.dtype), values[..., -1:]], axis=2)
    return Raster(values, alpha)
