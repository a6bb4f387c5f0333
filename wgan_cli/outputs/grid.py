"""Grids of images, and image files."""

import io
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from wgan_cli.errors import WganError
from wgan_cli.utils.files import write_atomically
from wgan_cli.utils.image_formats import WRITABLE, readable_formats
from wgan_cli.utils.transparency import composited

Limits = tuple[float, float]
#: Ranges that values are usually meant in, smallest first: 8, 10, 12, 14 or 16 bits; floats.
_INTEGERS: tuple[Limits, ...] = tuple((0.0, 2.0**bits - 1) for bits in (8, 10, 12, 14, 16))
_FLOATS: tuple[Limits, ...] = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))


def grid_tensor(images: Tensor, columns: int, padding: int = 2, black: float = 0) -> Tensor:
    """Arrange images in rows: (N, C, H, W) -> (C', H', W'), C' = 3 if C is 1 and uint8; one image gets no padding.

    Same result as torchvision's make_grid, whose import takes more than a second.

    Args:
        black: value between images.
    """
    if images.shape[1] == 1 and images.dtype == torch.uint8:
        images = images.expand(-1, 3, -1, -1)
    count, channels, height, width = images.shape
    if count == 1:
        return images[0]
    columns = min(columns, count)
    rows, height, width = -(-count // columns), height + padding, width + padding
    grid = images.new_full((channels, rows * height + padding, columns * width + padding), black)
    for index, image in enumerate(images):
        top, left = index // columns * height + padding, index % columns * width + padding
        grid[:, top : top + height - padding, left : left + width - padding] = image
    return grid


def near_square(count: int) -> int:
    """Return the columns of a grid that is square or slightly wider than high."""
    return max(1, math.ceil(math.sqrt(count)))


def as_picture(image: Tensor) -> Image.Image:
    """Convert (C, H, W) uint8 with 1, 3 or 4 channels to a Pillow image."""
    array = image.permute(1, 2, 0).contiguous().numpy()  # (H, W, C)
    return Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array)


def picture_format(path: Path, hint: str = "use .png, .jpg or .webp") -> str:
    """Return Pillow's name for the format of a path's suffix. Raises: WganError with the hint for an unknown suffix."""
    if path.suffix.lower() not in WRITABLE:
        raise WganError(
            f"{path}: {path.suffix} is not a supported image format" if path.suffix else f"{path} has no suffix",
            hint,
        )
    return WRITABLE[path.suffix.lower()]


def scaled(picture: Image.Image, factor: float) -> Image.Image:
    """Resize a picture by a factor; pixels stay sharp squares if both sides become whole multiples."""
    size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    whole = all(new % old == 0 for new, old in zip(size, picture.size, strict=True))
    return picture.resize(size, Image.Resampling.NEAREST if whole else Image.Resampling.LANCZOS)


def encoded_picture(image: Tensor, path: Path, scale: float = 1) -> bytes:
    """Return an image (C, H, W) uint8, resized by a factor, in the format of the path's suffix.

    Without transparency in the format, the image is composited onto white.

    Raises: WganError if the format cannot hold it.
    """
    wanted = picture_format(path)
    picture = scaled(as_picture(image), scale)
    if wanted in ("JPEG", "BMP") and picture.mode == "RGBA":  # few programs show the alpha channel of a BMP
        picture = composited(picture)
    encoded = io.BytesIO()
    try:
        picture.save(encoded, format=wanted)
    except (OSError, ValueError) as error:
        size = f"{picture.width}x{picture.height} pixels"
        raise WganError(f"{path}: {wanted} cannot hold {size} ({error})", "use .png, or fewer images") from error
    return encoded.getvalue()


def save_picture(image: Tensor, path: Path, scale: float = 1) -> None:
    """Write an image as from `encoded_picture`, atomically. Raises: WganError, also if the file cannot be written."""
    encoded = encoded_picture(image, path, scale)
    write_atomically(path, lambda file: file.write(encoded))


def open_picture(path: Path, limits: Limits | None = None) -> Image.Image:
    """Read an image file of any origin as grayscale or RGB, on white. Raises: WganError if it is unreadable.

    Args:
        limits: values that become black and white, of a picture with more than 8 bits; by default `deep_limits` of it.
    """
    with _as_wgan_error(path), Image.open(path, formats=readable_formats()) as picture:
        if _is_deep(picture):
            values = _values(picture)
            low, high = limits or _usual_limits([values])
            return Image.fromarray(np.rint(((values - low) / (high - low)).clip(0, 1) * 255).astype(np.uint8))
        if picture.mode in ("LA", "PA", "RGBA") or "transparency" in picture.info:
            return composited(picture.convert("RGBA"))
        return picture.convert("L" if picture.mode in ("1", "L") else "RGB")


def deep_limits(paths: Sequence[Path]) -> Limits | None:
    """Return a usual range that holds the values of all pictures with more than 8 bits, else their own; None for none.

    Raises: WganError if a file is unreadable.
    """
    ends = []  # the least and greatest values of each
    for path in paths:
        with _as_wgan_error(path), Image.open(path, formats=readable_formats()) as picture:
            if _is_deep(picture):
                values = _values(picture)
                ends.append(np.array([values.min(), values.max()], values.dtype))
    return _usual_limits(ends) if ends else None


def _is_deep(picture: Image.Image) -> bool:
    return picture.mode.startswith("I") or picture.mode == "F"


def _values(picture: Image.Image) -> np.ndarray:
    """Return values (H, W) float32 of floats, without NaN, and int64 of integers."""
    values = np.asarray(picture)
    return np.nan_to_num(values, posinf=0.0, neginf=0.0) if values.dtype.kind == "f" else values.astype(np.int64)


def _usual_limits(pictures: Sequence[np.ndarray]) -> Limits:
    least, greatest = min(float(each.min()) for each in pictures), max(float(each.max()) for each in pictures)
    usual = _FLOATS if any(each.dtype.kind == "f" for each in pictures) else _INTEGERS
    own = (least, greatest if least < greatest else least + max(1.0, abs(least)))
    return next((limits for limits in usual if limits[0] <= least and greatest <= limits[1]), own)


def picture_facts(path: Path) -> tuple[tuple[int, int], int]:
    """Read the size (width, height) of an image file, and its number of frames. Raises: WganError if unreadable."""
    with _as_wgan_error(path), Image.open(path, formats=readable_formats()) as picture:
        # A photo of a camera is an MPO with the same picture in several sizes.
        return picture.size, 1 if picture.format == "MPO" else getattr(picture, "n_frames", 1)


@contextmanager
def _as_wgan_error(path: Path) -> Iterator[None]:
    """Turn all errors of Pillow into one that names the file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about large images, which callers count
            yield
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError) as error:
        raise WganError(f"{path} is not a readable image", "delete it, or choose another folder") from error
