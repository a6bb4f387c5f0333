"""Fixed changes of whole sets of images: what a translator of them should learn is known to the pixel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from wgan_cli.data.dataset import ImageSet
from wgan_cli.errors import WganError
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.data_settings import Transform

THREE = 3  # channels
CHUNK = 4096  # images changed at once
# From black to white: red, green and blue at grey 0, 128 and 255. No two greys have one colour.
SCALE = ((24, 16, 96), (220, 56, 72), (255, 232, 120))


def invert(images: Tensor) -> Tensor:
    """Negatives, 255 - x; a fourth channel is transparency and stays. (N, C, H, W) uint8 to the same."""
    return torch.cat([255 - images[:, :3], images[:, 3:]], 1)


def thicken(images: Tensor) -> Tensor:
    """Bright strokes a pixel wider on each side: the greatest of 3x3 pixels. (N, C, H, W) uint8 to the same."""
    return F.max_pool2d(images.float(), 3, stride=1, padding=1).to(torch.uint8)


def grey(images: Tensor) -> Tensor:
    """Three channels that say the same: (N, 1, H, W) uint8 to (N, 3, H, W)."""
    return images.expand(-1, THREE, -1, -1)


def colour(images: Tensor) -> Tensor:
    """Each grey as its place on a scale from dark blue over red to yellow: (N, 1, H, W) uint8 to (N, 3, H, W)."""
    return _scale()[images[:, 0].long()].permute(0, 3, 1, 2)  # (N, 3, H, W)


def _scale() -> Tensor:
    """The colour of each grey: (256, 3) uint8."""
    ends = torch.tensor(SCALE, dtype=torch.float64)
    places = torch.arange(256, dtype=torch.float64) / 255 * (len(SCALE) - 1)  # 0 to the last of SCALE
    below = places.long().clamp(max=len(SCALE) - 2)
    return torch.lerp(ends[below], ends[below + 1], (places - below)[:, None]).round().to(torch.uint8)


TRANSFORMS: dict[Transform, Callable[[Tensor], Tensor]] = {
    "invert": invert,
    "thicken": thicken,
    "grey": grey,
    "colour": colour,
}
_OF_GREY = ("grey", "colour")  # they make three channels of one


def transformed(images: ImageSet, name: Transform | None) -> ImageSet:
    """A set with all its images changed; the same where name is None. Raises: WganError where it has colours."""
    if name is None:
        return images
    transformed_shape(images.shape, name)
    parts = [TRANSFORMS[name](part) for part in images.images.split(CHUNK)]
    return replace(images, images=torch.cat(parts), origin=f"{images.origin}, {name}")


def transformed_shape(shape: ImageShape, name: Transform | None) -> ImageShape:
    """The shape of such images once they are changed. Raises: WganError where they have colours."""
    if name not in _OF_GREY:
        return shape
    if shape.channels != 1:
        raise WganError(
            f"`data.transform` is {name}, for grey images, and these have {shape.channels} channels",
            "leave out `data.transform`, or set it to invert or thicken",
        )
    return replace(shape, channels=THREE)
