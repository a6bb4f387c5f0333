"""Fixed transforms of whole image sets (`data.transform`), for translators whose correct output is known exactly."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from wgan_cli.data.dataset import ImageSet
from wgan_cli.errors import WganError
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.decoding_types import TO_COLOR, Transform
from wgan_cli.utils.pixels import as_uint8, num_colors

CHUNK = 4096  # images transformed at once
# Colors of gray levels 0, 128 and 255, interpolated between: dark blue, red, yellow. Each level gets its own color.
_COLOR_SCALE = ((24, 16, 96), (220, 56, 72), (255, 232, 120))


def invert(images: Tensor) -> Tensor:
    """Return negatives, with the transparency of RGBA unchanged. (N, C, H, W) to the same."""
    count = num_colors(images.shape[1])
    return torch.cat([~images[:, :count], images[:, count:]], 1)  # of uint8 that is 255 - x, of int16 -1 - x


def thicken(images: Tensor) -> Tensor:
    """Widen bright strokes by a pixel on each side: the maximum of 3x3 pixels. (N, C, H, W) to the same."""
    return F.max_pool2d(images.float(), 3, stride=1, padding=1).to(images.dtype)


def gray(images: Tensor) -> Tensor:
    """Repeat one channel three times: (N, 1, H, W) to (N, 3, H, W)."""
    return images.expand(-1, 3, -1, -1)


def color(images: Tensor) -> Tensor:
    """Color gray levels on a scale from dark blue over red to yellow: (N, 1, H, W) to (N, 3, H, W) uint8."""
    ends = torch.tensor(_COLOR_SCALE, dtype=torch.float64)
    positions = torch.arange(256, dtype=torch.float64) / 255 * (len(ends) - 1)  # from 0 to the last color
    below = positions.long().clamp(max=len(ends) - 2)
    table = torch.lerp(ends[below], ends[below + 1], (positions - below)[:, None]).round().to(torch.uint8)  # (256, 3)
    return table[as_uint8(images)[:, 0].long()].permute(0, 3, 1, 2)  # (N, 3, H, W)


_TRANSFORMS: dict[Transform, Callable[[Tensor], Tensor]]
_TRANSFORMS = {"invert": invert, "thicken": thicken, "grey": gray, "colour": color}


def transformed_pixels(images: Tensor, name: Transform | None, bands: bool = False) -> Tensor:
    """Return stored images (N, C, H, W) transformed, or unchanged if name is None; `bands` have no transparency."""
    if name is None:
        return images
    change = torch.bitwise_not if bands and name == "invert" else _TRANSFORMS[name]
    return change(images)


def transformed(images: ImageSet, name: Transform | None) -> ImageSet:
    """Return a set with all images transformed, or unchanged if name is None."""
    if name is None:
        return images
    output_shape(images.shape, name)
    assert isinstance(images.images, Tensor), "lazy images have no transform"
    parts = [transformed_pixels(part, name, images.bands) for part in images.images.split(CHUNK)]
    return replace(images, images=torch.cat(parts), origin=f"{images.origin}, {name}")


def output_shape(shape: ImageShape, name: Transform | None) -> ImageShape:
    """Return the shape of transformed images. Raises: WganError if the transform needs grayscale images."""
    if name not in TO_COLOR:
        return shape
    if shape.channels != 1:
        raise WganError(
            f"`data.transform` is {name}, which needs grayscale images, but these have {shape.channels} channels",
            "leave out `data.transform`, or set it to invert or thicken",
        )
    return replace(shape, channels=3)


def input_channels(channels: int, name: Transform | None) -> int:
    """Return the channels that images of `channels` had before a transform."""
    return 1 if name in TO_COLOR else channels
