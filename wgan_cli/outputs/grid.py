"""Many images in one."""

from __future__ import annotations

import io
import math
from pathlib import Path

from PIL import Image
from torch import Tensor

from wgan_cli.errors import WganError
from wgan_cli.utils.files import write_atomically
from wgan_cli.utils.image_formats import WRITABLE


def grid_tensor(images: Tensor, columns: int, padding: int = 2) -> Tensor:
    """Lay images out row by row: (N, C, H, W) uint8 -> (C', H', W') uint8, C' = 3 where C is 1; one is left alone.

    As torchvision's make_grid does, whose import takes more than a second.
    """
    if images.shape[1] == 1:
        images = images.expand(-1, 3, -1, -1)
    count, channels, height, width = images.shape
    if count == 1:
        return images[0]
    columns = min(columns, count)
    rows, height, width = -(-count // columns), height + padding, width + padding
    grid = images.new_zeros(channels, rows * height + padding, columns * width + padding)
    for index, image in enumerate(images):
        top, left = index // columns * height + padding, index % columns * width + padding
        grid[:, top : top + height - padding, left : left + width - padding] = image
    return grid


def as_picture(image: Tensor) -> Image.Image:
    """One image for Pillow: (C, H, W) uint8 with 1, 3 or 4 channels."""
    array = image.permute(1, 2, 0).contiguous().numpy()  # (H, W, C)
    return Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array)


def picture_format(path: Path) -> str:
    """Pillow's name for the file format that a path's ending asks for.

    Raises: WganError for an ending of no such format.
    """
    if path.suffix.lower() not in WRITABLE:
        raise WganError(
            f"{path} ends in {path.suffix or 'nothing'}, which is no image format that can be written",
            "end it in .png, .jpg or .webp for a grid, in / for single images, or in .npy or .npz for an array",
        )
    return WRITABLE[path.suffix.lower()]


def save_picture(image: Tensor, path: Path) -> None:
    """Write one image, (C, H, W) uint8, in one step, in the format of the path's ending.

    Raises: WganError where the format cannot hold it, or the file system refuses.
    """
    wanted = picture_format(path)
    picture = as_picture(image)
    if wanted == "JPEG" and picture.mode == "RGBA":
        picture = picture.convert("RGB")
    encoded = io.BytesIO()
    try:
        picture.save(encoded, format=wanted)
    except (OSError, ValueError) as error:
        size = f"{picture.width}x{picture.height} pixels"
        raise WganError(f"{path}: {wanted} cannot hold {size} ({error})", "end it in .png, or take fewer") from error
    write_atomically(path, lambda file: file.write(encoded.getbuffer()))


def near_square(count: int) -> int:
    """Columns for a grid of `count` images that is square or a little wider than high."""
    return max(1, math.ceil(math.sqrt(count)))
