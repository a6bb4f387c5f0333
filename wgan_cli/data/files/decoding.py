"""Decoding of one image file of any mode, orientation and shape into arrays of pixels of one size."""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from PIL import Image, ImageColor, ImageOps

from wgan_cli.data.containers.container import NotAnImage
from wgan_cli.data.files.formats.opening import as_not_an_image, check_size, has_alpha, header_of, open_image
from wgan_cli.data.files.formats.raster import COLOR, Header, Raster, RasterFile, deepened, quantized, to_planes
from wgan_cli.data.files.frames import frame_numbers, seek_each
from wgan_cli.data.files.value_range import clipped_share, is_deep
from wgan_cli.data.fit import contained_size, crop_box
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.recipe.decoding_types import Fit, Size
from wgan_cli.utils.transparency import composited, is_transparent

MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # number of channels -> Pillow's mode


class Decoded(NamedTuple):
    """Images of one file."""

    pixels: np.ndarray  # (n, channels, H, W) uint8 or int16, n > 1 for pages and animation frames
    sizes: tuple[tuple[int, int], ...]  # (width, height) of each in the file, upright
    transparent: int  # number composited onto the background
    frames: int  # number in the file, used or not
    bands: bool  # the channels are bands of their own, not gray, RGB and alpha
    deep: bool  # the file has more than 8 bits
    non_finite: int  # number with NaN or infinite values
    clipped: float  # sum of the shares of their values outside of a range that the settings give


class _Image(NamedTuple):
    """One image of a file."""

    pixels: np.ndarray  # (channels, H, W)
    size: tuple[int, int]  # (width, height) in the file, upright
    transparent: bool
    bands: bool = False
    deep: bool = False
    non_finite: bool = False
    clipped: float = 0.0


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
    with as_not_an_image():
        return header_of(open_image(source))


def check_image(content: bytes) -> Header:
    """Decode all images of a file, and return its header. Raises: NotAnImage if any is damaged."""
    header = read_header(content)
    with as_not_an_image():
        frames, _ = _frames(content, DataSettings.model_validate({"frames": "all"}))
        loaded = [_loaded(frame, 1)[0] for frame in frames]
        return header._replace(non_finite=sum(isinstance(each, Raster) and each.non_finite for each in loaded))


def decode(content: bytes, size: Size, channels: int, settings: DataSettings, name: str, deep: bool = False) -> Decoded:
    """Decode an image file to (n, channels, *size), upright, as `fit`, `frames` and `background` ask for.

    With more than 8 bits, `range` says which values become black and white. `fit: crop` keeps the largest center of the
    size's aspect ratio, `random_crop` one at a position that depends on the file's name; `pad` adds borders, black or
    of the background's color if the image is transparent; `stretch` ignores the aspect ratio.

    Args:
        size: Height and width.
        name: Name of the file, for `random_crop`.
        deep: Return 16 bits as int16 instead of 8 as uint8 (`wgan_cli.utils.pixels`).
    Raises: NotAnImage if it can't be decoded; RangeUnknown if it has more than 8 bits and `range` is auto.
    """
    with as_not_an_image():
        frames, number = _frames(content, settings)
        images = [_decoded(frame, size, channels, settings, name, deep) for frame in frames]
        pixels = [image.pixels for image in images]
        return Decoded(
            pixels=pixels[0][None] if len(pixels) == 1 else np.stack(pixels),  # no copy of a single image
            sizes=tuple(image.size for image in images),
            transparent=sum(image.transparent for image in images),
            frames=number,
            bands=any(image.bands for image in images),
            deep=any(image.deep for image in images),
            non_finite=sum(image.non_finite for image in images),
            clipped=sum(image.clipped for image in images),
        )


def deep_values(content: bytes, settings: DataSettings) -> list[np.ndarray]:
    """Return the values (H, W, C) of each image with more than 8 bits in a file, without alpha. Raises: NotAnImage."""
    with as_not_an_image():
        frames, _ = _frames(content, settings)
        rasters = [
            frame if isinstance(frame, Raster) else Raster(np.array(frame)[..., None])
            for frame in frames
            if isinstance(frame, Raster) or is_deep(frame.mode)
        ]
        return [raster.colors for raster in rasters if raster.deep]


def decode_first(
    content: bytes, size: Size, channels: int, settings: DataSettings, name: str, deep: bool = False
) -> Decoded:
    """Decode the first image of a file only, as `decode` does."""
    return decode(content, size, channels, settings.model_copy(update={"frames": "first"}), name, deep)


def _frames(content: bytes, settings: DataSettings) -> tuple[Iterable[Image.Image | Raster], int]:
    """Open a file; return the images that the settings select, and the number in the file."""
    opened, every = open_image(content), settings.frames == "all"
    if isinstance(opened, RasterFile):
        return islice(opened.rasters(), None if every else 1), opened.header.frames
    numbers = frame_numbers(opened)
    first = numbers[:1] if opened.format == "TIFF" else [0]  # an animated PNG shows its still picture
    used = numbers if every else first
    return seek_each(opened, used) if used[-1] > 0 else [opened], len(numbers)


def _decoded(
    frame: Image.Image | Raster, size: Size, channels: int, settings: DataSettings, name: str, deep: bool
) -> _Image:
    """Decode one image of a file."""
    raster, full_size = _loaded(frame, 2 * max(size))
    if not isinstance(raster, Raster):
        pixels, transparent = _from_picture(raster, size, channels, settings, name)
        return _Image(deepened(pixels) if deep else pixels, full_size, transparent)
    planes, background = to_planes(raster, channels, settings)
    fill = background.tolist() or [0.0] * channels
    is_rgba = channels == 4 and raster.bands in COLOR
    fitted = _fit_planes(planes, size, settings.fit, name, fill, is_rgba)
    pixels = quantized(fitted, deep)
    clipped = clipped_share(raster.colors, settings.range)
    facts = len(background) > 0, raster.bands not in COLOR, raster.deep, raster.non_finite, clipped
    return _Image(pixels, full_size, *facts)


def _fit_planes(
    planes: np.ndarray, size: Size, fit: Fit, name: str, fill: Sequence[float], is_rgba: bool
) -> np.ndarray:
    """Bring planes (C, H, W) to a size as `_fit` does, which weights the colors of RGBA by their opacity."""
    weighted = is_rgba and planes.shape[1:] != size and planes[3].min() < 1
    if weighted:
        planes = np.concatenate([planes[:3] * planes[3], planes[3:]])
    levels = zip(planes, fill, strict=True)
    fitted = np.stack([np.asarray(_fit(Image.fromarray(plane), size, fit, name, level)) for plane, level in levels])
    if weighted:
        fitted[:3] = np.divide(fitted[:3], fitted[3], out=np.zeros_like(fitted[:3]), where=fitted[3] > 0)
    return fitted


def _loaded(frame: Image.Image | Raster, min_size: int) -> tuple[Image.Image | Raster, tuple[int, int]]:
    """Load an image of a file upright, as a raster if it has more than 8 bits; return its size in the file too."""
    if isinstance(frame, Raster):
        return frame, frame.values.shape[1::-1]
    check_size(frame.size)
    upright, size = _load_upright(frame, min_size)
    return Raster(np.asarray(upright)[..., None]) if is_deep(upright.mode) else upright, size


def _from_picture(
    image: Image.Image, size: Size, channels: int, settings: DataSettings, name: str
) -> tuple[np.ndarray, bool]:
    """Return pixels (channels, *size) uint8, and True if the image was composited onto the background."""
    converted, transparent = _convert(image, channels, settings)
    border: Any = 0
    if transparent and settings.fit == "pad":
        rgb = settings.background_rgb
        border = rgb if channels == 3 else ImageColor.getcolor(f"rgb{rgb}", "L")
    fitted = np.asarray(_fit(converted, size, settings.fit, name, border))
    return fitted[None] if channels == 1 else fitted.transpose(2, 0, 1), transparent  # (channels, H, W)


def _load_upright(image: Image.Image, min_size: int) -> tuple[Image.Image, tuple[int, int]]:
    """Decode the current frame and apply its EXIF orientation; return it with its upright size in the file.

    JPEGs are decoded at 1/2, 1/4 or 1/8 of their size where that is at least `min_size` pixels.
    """
    width, height = image.size
    image.draft(None, (min_size, min_size))
    image.load()
    size = image.size
    if getattr(image, "n_frames", 1) > 1:
        image = image.copy()  # the next frame may be composed from this one
    with suppress(Exception):  # EXIF data is broken more often than images are
        ImageOps.exif_transpose(image, in_place=True)
    return image, (width, height) if image.size == size else (height, width)


def _convert(image: Image.Image, channels: int, settings: DataSettings) -> tuple[Image.Image, bool]:
    """Convert to the mode for these channels; also return True if the image was composited onto the background."""
    if channels not in MODES:
        raise NotAnImage(f"{image.mode}, not data.channels={channels}")
    alpha = has_alpha(image)
    if channels == 4 or alpha:
        if image.mode not in ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBa", "La"):
            image = image.convert("RGB")
        image = image.convert("LA").convert("RGBA") if image.mode == "La" else image.convert("RGBA")
    if channels == 4:
        return image, False
    transparent = alpha and is_transparent(image)
    if transparent:
        image = composited(image, settings.background_rgb)
    return (image if image.mode == MODES[channels] else image.convert(MODES[channels])), transparent


def _fit(image: Image.Image, size: Size, fit: Fit, name: str, fill: Any) -> Image.Image:
    """Bring an image to a size as `decode` describes; `fill` is the color of borders."""
    target = (size[1], size[0])  # Pillow's order
    if image.size == target:
        return image
    if fit == "pad":
        inner_width, inner_height = contained_size(*image.size, size)
        padded = Image.new(image.mode, target, fill)
        resized = image.resize((inner_width, inner_height), Image.Resampling.LANCZOS)
        padded.paste(resized, ((target[0] - inner_width) // 2, (target[1] - inner_height) // 2))
        return padded
    if fit != "stretch":
        image = image.crop(crop_box(*image.size, size, fit, name))
    return image.resize(target, Image.Resampling.LANCZOS)
