"""Changes of real images, drawn anew for each image each time it is shown."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from wgan_cli.distributed import rng
from wgan_cli.errors import WganError
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.data_settings import AugmentSettings

# torchvision's v2 transforms draw one set of parameters for a whole call, so a batch would be flipped or shifted as
# one. Here each image has its own, in a few operations over the whole batch: torchvision's where they need no number,
# and its formulas with one number an image elsewhere. All draws come from torch's random state on the images' device,
# which checkpoints keep, and nothing waits for the device.

Augment = Callable[[Tensor], Tensor]


def make_augment(settings: AugmentSettings, image: ImageShape) -> Augment | None:
    """All changes that a recipe asks for, as one: (N, C, H, W) in [-1, 1] to the same. None where it asks for none.

    Raises: WganError where images of this shape would be shifted out of sight.
    """
    if settings.random_crop >= image.size:
        raise WganError(
            f"`data.augment.random_crop` is {settings.random_crop}, and images are {image.size} pixels wide",
            f"give about an eighth: --set data.augment.random_crop={max(1, image.size // 8)}",
        )
    steps: list[Augment] = []
    if settings.mirror:
        steps.append(mirror)
    if settings.random_crop:
        steps.append(lambda images: random_crop(images, settings.random_crop))
    if settings.color_jitter:
        steps.append(lambda images: color_jitter(images, settings.color_jitter))
    if not steps:
        return None

    def augment(images: Tensor) -> Tensor:
        for step in steps:
            images = step(images)
        return images

    return augment


def mirror(images: Tensor) -> Tensor:
    """Flip each image left to right with probability 1/2."""
    chosen = uniform(images, 0.0, 1.0) < 0.5  # (N, 1, 1, 1)
    return torch.where(chosen, images.flip(-1), images)


def random_crop(images: Tensor, most: int) -> Tensor:
    """Shift each image by up to `most` pixels each way, edges repeated: a crop of the image padded by so much."""
    moves = rng.randint(-most, most + 1, (2, len(images)), device=images.device, dim=1)
    return shifted(images, moves[0], moves[1])


def shifted(images: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Move each image by its own whole number of pixels; edges are repeated.

    Args:
        down, right: (N,) int64, negative to move up or left.
    Returns: differentiable in the images, twice.
    """
    count, channels, height, width = images.shape
    rows = (torch.arange(height, device=images.device) - down[:, None]).clamp_(0, height - 1)  # (N, H)
    columns = (torch.arange(width, device=images.device) - right[:, None]).clamp_(0, width - 1)  # (N, W)
    images = images.gather(2, rows[:, None, :, None].expand(count, channels, height, width))
    return images.gather(3, columns[:, None, None, :].expand(count, channels, height, width))


def color_jitter(images: Tensor, strength: float) -> Tensor:
    """Change brightness, contrast and saturation of each image, in this order, each by a factor in 1 +- strength.

    The formulas are torchvision's `adjust_brightness`, `adjust_contrast` and `adjust_saturation`. Images of one channel
    have no saturation; a fourth channel is transparency and stays.
    """
    colour = images[:, :3]
    low, high = max(0.0, 1.0 - strength), 1.0 + strength
    colour = _blend(-1.0, colour, uniform(images, low, high))  # black is -1
    colour = _blend(_grey(colour).mean((1, 2, 3), keepdim=True), colour, uniform(images, low, high))
    if images.shape[1] > 1:
        colour = _blend(_grey(colour), colour, uniform(images, low, high))
    return torch.cat([colour, images[:, 3:]], 1) if images.shape[1] > 3 else colour


def uniform(images: Tensor, low: float, high: float) -> Tensor:
    """One number in [low, high) for each image, (N, 1, 1, 1), from torch's random state."""
    return rng.rand(len(images), 1, 1, 1, device=images.device) * (high - low) + low


def _grey(images: Tensor) -> Tensor:
    if images.shape[1] == 1:
        return images
    from torchvision.transforms.v2.functional import rgb_to_grayscale  # a second to import, only where it is used

    return rgb_to_grayscale(images)  # (N, 1, H, W)


def _blend(base: Tensor | float, images: Tensor, factor: Tensor) -> Tensor:
    """base + factor * (images - base), kept in [-1, 1]; exactly the images where the factor is 1."""
    if not isinstance(base, Tensor):
        base = images.new_full((), base)  # filled on the device, where a copy from the host would wait for it
    return torch.lerp(base.expand_as(images), images, factor.to(images.dtype)).clamp_(-1, 1)
