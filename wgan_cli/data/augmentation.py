"""Augmentation of real images: random changes, drawn for each image each time it is shown."""

from collections.abc import Callable
from functools import partial, reduce

import torch
from torch import Tensor

from wgan_cli.data.pairs import for_both
from wgan_cli.distributed import rng
from wgan_cli.errors import WganError
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.data_settings import AugmentSettings, DataSettings, PairSettings
from wgan_cli.utils.pixels import num_colors

# torchvision's v2 transforms draw one set of parameters per call, so all images of a batch would change alike. These
# functions draw parameters for each image and apply torchvision's formulas to the whole batch. Random numbers come from
# torch's generator of the images' device, which checkpoints save, and nothing synchronizes with the device.

Augment = Callable[[Tensor], Tensor]


def make_augment(settings: DataSettings | PairSettings, image: ImageShape, bands: bool = False) -> Augment | None:
    """Combine a recipe's augmentations into one function of a batch (N, C, H, W) in [-1, 1]; None if there are none.

    For pairs (N, 2, C, H, W), each side has its own.

    Args:
        bands: four channels are bands of their own, not RGBA.
    Raises: WganError if random_crop is as large as the image.
    """
    if isinstance(settings, DataSettings):
        return _make_augment(settings.augment, image, bands)
    sides = for_both(settings, lambda side, _: _make_augment(side.augment, image, bands))
    if not any(sides):
        return None

    def augment(images: Tensor) -> Tensor:
        changed = (images[:, n] if side is None else side(images[:, n]) for n, side in enumerate(sides))
        return torch.stack(list(changed), 1)  # (N, 2, C, H, W)

    return augment


def _make_augment(settings: AugmentSettings, image: ImageShape, bands: bool) -> Augment | None:
    smallest = min(image.size)
    if settings.random_crop >= smallest:
        raise WganError(
            f"`data.augment.random_crop` is {settings.random_crop}, but the images are {image}",
            f"use about an eighth: --set data.augment.random_crop={max(1, smallest // 8)}",
        )
    steps: list[Augment] = [horizontal_flip] if settings.mirror else []
    if settings.random_crop:
        steps.append(partial(random_crop, max_shift=settings.random_crop))
    if settings.color_jitter:
        steps.append(partial(color_jitter, strength=settings.color_jitter, bands=bands))
    return (lambda images: reduce(lambda changed, step: step(changed), steps, images)) if steps else None


def horizontal_flip(images: Tensor) -> Tensor:
    """Flip each image left to right with probability 1/2."""
    flipped = uniform(images, 0.0, 1.0) < 0.5  # (N, 1, 1, 1)
    return torch.where(flipped, images.flip(-1), images)


def random_crop(images: Tensor, max_shift: int) -> Tensor:
    """Shift each image by up to `max_shift` pixels in each direction: a random crop after replication padding."""
    shifts = rng.randint(-max_shift, max_shift + 1, (2, len(images)), device=images.device, dim=1)
    return shift(images, shifts[0], shifts[1])


def shift(images: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Shift each image (N, C, H, W) by its own number of pixels (N,), repeating the edges; twice differentiable."""
    count, channels, height, width = images.shape
    rows = (torch.arange(height, device=images.device) - down[:, None]).clamp_(0, height - 1)  # (N, H)
    columns = (torch.arange(width, device=images.device) - right[:, None]).clamp_(0, width - 1)  # (N, W)
    images = images.gather(2, rows[:, None, :, None].expand(count, channels, height, width))
    return images.gather(3, columns[:, None, None, :].expand(count, channels, height, width))


def color_jitter(images: Tensor, strength: float, bands: bool = False) -> Tensor:
    """Scale brightness, contrast and saturation of each image, in this order, by random factors in 1 +- strength.

    The formulas are torchvision's `adjust_brightness`, `adjust_contrast` and `adjust_saturation`. Only RGB has
    saturation; the transparency of RGBA (four channels that aren't `bands`) stays unchanged.
    """
    count = num_colors(images.shape[1], bands)
    color = images[:, :count]
    low, high = max(0.0, 1.0 - strength), 1.0 + strength
    color = _blend(torch.full_like(color, -1.0), color, uniform(images, low, high))
    color = _blend(_grayscale(color).mean((1, 2, 3), keepdim=True), color, uniform(images, low, high))
    if count == 3:
        color = _blend(_grayscale(color), color, uniform(images, low, high))
    return torch.cat([color, images[:, count:]], 1) if images.shape[1] > count else color


def uniform(images: Tensor, low: float, high: float) -> Tensor:
    """Draw a number in [low, high) for each image: (N, 1, 1, 1)."""
    return rng.rand(len(images), 1, 1, 1, device=images.device) * (high - low) + low


def _grayscale(images: Tensor) -> Tensor:
    if images.shape[1] != 3:
        return images.mean(1, keepdim=True)  # (N, 1, H, W)
    from torchvision.transforms.v2.functional import rgb_to_grayscale  # takes a second to import

    return rgb_to_grayscale(images)  # (N, 1, H, W)


def _blend(base: Tensor, images: Tensor, factor: Tensor) -> Tensor:
    """Return base + factor * (images - base), clamped to [-1, 1]; exactly the images where the factor is 1."""
    return torch.lerp(base.expand_as(images), images, factor.to(images.dtype)).clamp_(-1, 1)
