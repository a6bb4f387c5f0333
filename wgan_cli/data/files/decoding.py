"""Decoding of one image file of any mode, orientation and shape into arrays of pixels of one size."""

import io
import random
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image, ImageColor, ImageOps

from wgan_cli.data.containers.container import NotAnImage
from wgan_cli.data.files.frames import frame_numbers, seek_each
from wgan_cli.data.files.value_range import RangeUnknown, is_deep, to_8_bits
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.recipe.decoding_types import Fit, Size
from wgan_cli.utils.image_formats import readable_formats
from wgan_cli.utils.transparency import composited, is_transparent

MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # number of channels -> Pillow's mode
_EXIF_ORIENTATION = 0x0112
_HEIC_BRANDS = (b"ftypheic", b"ftypheix", b"ftypheim", b"ftyphevc", b"ftypmif1", b"ftypmsf1")  # from the fifth byte


class Header(NamedTuple):
    """Contents of an image file's header."""

    size: tuple[int, int]  # (width, height) after the EXIF orientation is applied
    mode: str  # Pillow's
    channels: int  # 3 if the mode or palette can represent colors, else 1
    frames: int  # images in the file
    alpha: bool  # it may be transparent in places


class Decoded(NamedTuple):
    """Images of one file."""

    pixels: np.ndarray  # (n, channels, H, W) uint8, n > 1 for pages and animation frames
    sizes: tuple[tuple[int, int], ...]  # (width, height) of each in the file, upright
    transparent: int  # number composited onto the background
    frames: int  # number in the file, used or not


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
        frames, mode, alpha = frame_numbers(image), image.mode, _has_alpha(image)
        channels = _natural_channels(image)
        if channels == 1 and len(frames) > 1:  # others may have color
            channels = max(map(_natural_channels, seek_each(image, frames)))
        return Header(
            size=(height, width) if rotated else (width, height),
            mode=mode,
            channels=channels,
            frames=len(frames),
            alpha=alpha,
        )


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


def decode(content: bytes, size: Size, channels: int, settings: DataSettings, name: str) -> Decoded:
    """Decode an image file to (n, channels, *size) uint8, upright, as `fit`, `frames` and `background` ask for.

    More than 8 bits are scaled to 8 as `range` says. `fit: crop` keeps the largest center of the size's aspect ratio,
    `random_crop` one at a position that depends on the file's name; `pad` adds borders, black or of the background's
    color if the image is transparent; `stretch` ignores the aspect ratio.

    Args:
        size: Height and width.
        name: Name of the file, for `random_crop`.
    Raises: NotAnImage if it can't be decoded; RangeUnknown if it has more than 8 bits and `range` is auto.
    """
    with _as_not_an_image():
        image = _identify(content)
        numbers = frame_numbers(image)
        pixels, sizes, transparent = [], [], 0
        for frame in _frames(image, numbers, settings):
            _check_size(frame)
            upright, full_size = _load_upright(frame, 2 * max(size))
            converted, was_transparent = _convert(upright, channels, settings)
            fill = settings.background_rgb if was_transparent else (0, 0, 0)
            fitted = np.asarray(_fit(converted, size, settings.fit, name, fill))  # (H, W) or (H, W, channels)
            pixels.append(fitted[None] if channels == 1 else fitted.transpose(2, 0, 1))
            sizes.append(full_size)
            transparent += was_transparent
    stacked = pixels[0][None] if len(pixels) == 1 else np.stack(pixels)  # no copy of a single image
    return Decoded(stacked, tuple(sizes), transparent, len(numbers))


def deep_values(content: bytes, settings: DataSettings) -> list[np.ndarray]:
    """Return the values (H, W) of each image with more than 8 bits in a file. Raises: NotAnImage."""
    with _as_not_an_image():
        image = _identify(content)
        frames = _frames(image, frame_numbers(image), settings)
        return [np.array(frame) for frame in frames if is_deep(frame.mode)]


def _frames(image: Image.Image, numbers: Sequence[int], settings: DataSettings) -> Iterable[Image.Image]:
    several = settings.frames == "all" and numbers[-1] > 0
    return seek_each(image, numbers) if several else [image]


def to_pixels(content: bytes, size: Size, channels: int, settings: DataSettings, name: str) -> np.ndarray:
    """Decode the first image of a file to (channels, *size) uint8, as `decode` does."""
    first = settings.model_copy(update={"frames": "first"})
    return decode(content, size, channels, first, name).pixels[0]


def _identify(source: bytes | BinaryIO) -> Image.Image:
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        image = Image.open(file, formats=readable_formats())
    except Image.UnidentifiedImageError:
        file.seek(4)
        if file.read(8) in _HEIC_BRANDS:
            raise NotAnImage("HEIC isn't supported: save it as JPEG") from None
        raise
    _check_size(image)
    return image


def _check_size(image: Image.Image) -> None:
    # Pillow only warns at its limit and refuses at twice that.
    if Image.MAX_IMAGE_PIXELS is not None and image.width * image.height > Image.MAX_IMAGE_PIXELS:
        raise Image.DecompressionBombError


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


@contextmanager
def _as_not_an_image() -> Iterator[None]:
    """Turn everything that Pillow raises into NotAnImage."""
    try:
        yield
    except (NotAnImage, RangeUnknown):
        raise
    except Image.DecompressionBombError:
        raise NotAnImage(f"more pixels than Pillow's limit of {Image.MAX_IMAGE_PIXELS:,}") from None
    except Image.UnidentifiedImageError:
        raise NotAnImage("not an image") from None
    except Exception as error:  # for broken bytes Pillow's decoders raise a dozen types, SyntaxError among them
        raise NotAnImage(f"damaged: {error or type(error).__name__}") from None


def _has_alpha(image: Image.Image) -> bool:
    return image.mode in ("LA", "PA", "La", "RGBA", "RGBa") or "transparency" in image.info


def _convert(image: Image.Image, channels: int, settings: DataSettings) -> tuple[Image.Image, bool]:
    """Convert to the mode for these channels; also return True if the image was composited onto the background."""
    if is_deep(image.mode):
        image = to_8_bits(image, settings.range)
    alpha = _has_alpha(image)
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


def cropped_size(width: int, height: int, size: Size) -> tuple[int, int]:
    """Return width and height of the largest part of an image that has the aspect ratio of a size (height, width)."""
    high, wide = size
    return min(width, max(1, round(height * wide / high))), min(height, max(1, round(width * high / wide)))


def _fit(image: Image.Image, size: Size, fit: Fit, name: str, fill: tuple[int, int, int]) -> Image.Image:
    target = (size[1], size[0])  # Pillow's order
    if image.size == target:
        return image
    width, height = image.size
    if fit == "pad":
        scale = min(whole / side for whole, side in zip(target, image.size, strict=True))
        inner_width, inner_height = (max(1, round(side * scale)) for side in (width, height))
        gray = ImageColor.getcolor(f"rgb{fill}", "L")
        padded = Image.new(image.mode, target, {"L": gray, "RGB": fill}.get(image.mode, 0))
        resized = image.resize((inner_width, inner_height), Image.Resampling.LANCZOS)
        padded.paste(resized, ((target[0] - inner_width) // 2, (target[1] - inner_height) // 2))
        return padded
    if fit != "stretch":
        x, y = 0.5, 0.5
        if fit == "random_crop":
            position = random.Random(name.encode("utf-8", "surrogatepass"))  # the same in every run, on every machine
            x, y = position.random(), position.random()
        inner_width, inner_height = cropped_size(width, height, size)
        left, top = int((width - inner_width) * x), int((height - inner_height) * y)  # integers: must not blur
        image = image.crop((left, top, left + inner_width, top + inner_height))
    return image.resize(target, Image.Resampling.LANCZOS)
