"""Differentiable augmentation of everything the critic sees, against overfitting to small datasets."""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from wgan_cli.data.augmentation import shift, uniform
from wgan_cli.distributed import rng
from wgan_cli.objectives.instance_noise import InstanceNoise
from wgan_cli.objectives.objective import NetworksByRole
from wgan_cli.utils.pixels import num_colors

MAX_SHIFT = 1 / 8  # of the side, in each direction
CUTOUT_SIZE = 1 / 2  # of the side


def augment_critic(
    networks: NetworksByRole, policy: Sequence[str], noise: InstanceNoise | None = None, bands: bool = False
) -> NetworksByRole:
    """Return networks whose critic sees augmented images (Zhao et al. 2020, eqs. 4 to 6).

    Every image shown to the critic (real, fake or interpolated) gets its own random change from one distribution, and
    gradients flow back through it. The given networks and the names of their weights stay unchanged.

    Args:
        policy: names from POLICIES, in any order.
        noise: added after the augmentation. Without policy and noise, the networks are returned as they are.
        bands: four channels are bands of their own, not RGBA.
    """
    if not policy and noise is None:
        return networks
    return {**networks, "critic": AugmentedCritic(networks["critic"], policy, noise, bands)}


class AugmentedCritic(nn.Module):
    """Critic behind random changes of its images."""

    def __init__(
        self, critic: nn.Module, policy: Sequence[str], noise: InstanceNoise | None = None, bands: bool = False
    ) -> None:
        super().__init__()
        self.critic = critic
        self.policy = tuple(policy)
        self.noise = noise
        self.bands = bands

    def forward(self, images: Tensor, labels: Tensor | None = None, **flags: bool) -> Tensor | tuple[Tensor, ...]:
        # float32 also under autocast, because means over whole images need it
        images = diff_augment(images.float(), self.policy, self.bands)
        return self.critic(images if self.noise is None else self.noise(images), labels, **flags)


def diff_augment(images: Tensor, policy: Sequence[str], bands: bool = False) -> Tensor:
    """Change each image (N, C, H, W) in [-1, 1] at random; twice differentiable with respect to the images.

    Policies are applied in the order of POLICIES, whatever the order of the names.
    """
    for name, change in {**POLICIES, "color": partial(color, bands=bands)}.items():
        if name in policy:
            images = change(images)
    return images


def color(images: Tensor, bands: bool = False) -> Tensor:
    """Shift brightness by -0.5 to 0.5, scale saturation by 0 to 2 and contrast by 0.5 to 1.5; keep transparency."""
    count = num_colors(images.shape[1], bands)
    rgb = images[:, :count]
    rgb = rgb + uniform(images, -0.5, 0.5)
    rgb = _scale_around(rgb, rgb.mean(1, keepdim=True), uniform(images, 0.0, 2.0))
    rgb = _scale_around(rgb, rgb.mean((1, 2, 3), keepdim=True), uniform(images, 0.5, 1.5))
    return torch.cat([rgb, images[:, count:]], 1) if images.shape[1] > count else rgb


def translation(images: Tensor) -> Tensor:
    """Shift by up to an eighth of the side in each direction, filling with zeros."""
    down, right = (_random_integers(images, -most, most) for most in _fractions(images, MAX_SHIFT))
    # `shift` repeats the edge, which is a border of zeros here.
    return shift(functional.pad(images, (1, 1, 1, 1)), down, right)[:, :, 1:-1, 1:-1]


def cutout(images: Tensor) -> Tensor:
    """Set a square of half the side to zero; its center is anywhere in the image, so parts may lie outside."""
    inside: list[Tensor] = []
    for side, hole in zip(images.shape[2:], _fractions(images, CUTOUT_SIZE), strict=True):
        start = _random_integers(images, 0, side) - hole // 2  # (N,)
        place = torch.arange(side, device=images.device) - start[:, None]  # (N, side)
        inside.append((place >= 0) & (place < hole))
    hidden = inside[0][:, None, :, None] & inside[1][:, None, None, :]  # (N, 1, H, W)
    return images.masked_fill(hidden, 0.0)


#: Augmentations by their names in `data.diff_augment`.
POLICIES: dict[str, Callable[[Tensor], Tensor]] = {"color": color, "translation": translation, "cutout": cutout}


def _scale_around(images: Tensor, center: Tensor, factor: Tensor) -> Tensor:
    return (images - center) * factor + center


def _fractions(images: Tensor, fraction: float) -> tuple[int, int]:
    """Return a fraction of height and width in pixels, rounded."""
    return int(images.shape[2] * fraction + 0.5), int(images.shape[3] * fraction + 0.5)


def _random_integers(images: Tensor, low: int, high: int) -> Tensor:
    """Draw one integer from low to high for each image: (N,) int64."""
    return rng.randint(low, high + 1, (len(images),), device=images.device)
