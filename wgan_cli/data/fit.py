"""Bringing images to the aspect ratio of a size (`data.fit`)."""

import random

import torch
from torch import Tensor
from torch.nn import functional as F

from wgan_cli.recipe.decoding_types import Fit, Size
from wgan_cli.utils.pixels import from_unit_range, to_unit_range


def cropped_size(width: int, height: int, size: Size) -> tuple[int, int]:
    """Return width and height of the largest part of an image that has the aspect ratio of a size (height, width)."""
    high, wide = size
    return min(width, max(1, round(height * wide / high))), min(height, max(1, round(width * high / wide)))


def contained_size(width: int, height: int, size: Size) -> tuple[int, int]:
    """Return width and height of a whole image scaled to fit into a size (height, width)."""
    scale = min(size[0] / height, size[1] / width)
    return max(1, round(width * scale)), max(1, round(height * scale))


def crop_box(width: int, height: int, size: Size, fit: Fit, name: str) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of the part of an image that `fit: crop` or `random_crop` keeps.

    The position of `random_crop` depends on the image's name: the same in every run, on every machine.
    """
    x, y = 0.5, 0.5
    if fit == "random_crop":
        position = random.Random(name.encode("utf-8", "surrogatepass"))
        x, y = position.random(), position.random()
    inner_width, inner_height = cropped_size(width, height, size)
    left, top = int((width - inner_width) * x), int((height - inner_height) * y)  # integers: cropping must not blur
    return left, top, left + inner_width, top + inner_height


def fitted(images: Tensor, size: Size, fit: Fit, first: int = 0, is_rgba: bool = False) -> Tensor:
    """Resize stored images (N, C, H, W), uint8 or int16, to a size, antialiased; with `pad`, borders are black.

    Args:
        first: Number of the first image, for `random_crop`.
        is_rgba: The colors are weighted by the fourth channel, opacity.
    """
    height, width = images.shape[2:]
    if cropped_size(width, height, size) == (width, height) or fit == "stretch":
        return _resized(images, size, is_rgba)
    if fit == "pad":
        inner_width, inner_height = contained_size(width, height, size)
        left, top = (size[1] - inner_width) // 2, (size[0] - inner_height) // 2
        right, bottom = size[1] - inner_width - left, size[0] - inner_height - top
        black = -32768 if images.dtype == torch.int16 else 0
        inner = _resized(images, (inner_height, inner_width), is_rgba)
        return F.pad(inner, (left, right, top, bottom), value=black)  # (N, C, *size)
    boxes = [crop_box(width, height, size, fit, str(number)) for number in range(first, first + len(images))]
    parts = [image[:, top:bottom, left:right] for image, (left, top, right, bottom) in zip(images, boxes, strict=True)]
    return _resized(torch.stack(parts), size, is_rgba)


def _resized(images: Tensor, size: Size, is_rgba: bool) -> Tensor:
    """Resize stored images to a size, whatever their aspect ratio."""
    from torchvision.transforms.v2 import functional as transforms  # takes more than a second to import

    if not is_rgba or images.shape[2:] == size:
        return transforms.resize(images, [*size], antialias=True)  # (N, C, *size)
    levels = (to_unit_range(images) + 1) / 2
    weighted = torch.cat([levels[:, :3] * levels[:, 3:], levels[:, 3:]], 1)
    weighted = transforms.resize(weighted, [*size], antialias=True)  # (N, 4, *size)
    colors = (weighted[:, :3] / weighted[:, 3:]).nan_to_num(0.0)
    return from_unit_range(2 * torch.cat([colors, weighted[:, 3:]], 1) - 1, images.dtype)
