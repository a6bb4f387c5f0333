"""Differentiable augmentation of everything that a critic sees, so that it cannot learn a small set by heart."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from wgan_cli.data.augmentation import shifted, uniform
from wgan_cli.distributed import rng
from wgan_cli.objectives.base import Networks
from wgan_cli.objectives.instance_noise import InstanceNoise

SHIFT_SHARE = 1 / 8  # of the side, at most, each way
CUTOUT_SHARE = 1 / 2  # of the side


def with_diff_augment(networks: Networks, policy: Sequence[str], noise: InstanceNoise | None = None) -> Networks:
    """The networks as losses see them: critics look at augmented images (Zhao et al. 2020, eqs. 4 to 6).

    Whatever a loss shows to a critic, real, fake or between, is changed by its own random draw of one distribution, and
    gradients flow back through the change. The networks themselves, and so their weights' names, stay as they were.

    Args:
        policy: of POLICIES, in any order.
        noise: put upon what they have changed. With neither, the same networks come back.
    """
    if not policy and noise is None:
        return networks
    return {
        role: AugmentedCritic(network, policy, noise) if role.startswith("critic") else network
        for role, network in networks.items()
    }


class AugmentedCritic(nn.Module):
    """A critic behind random changes of its images."""

    def __init__(self, critic: nn.Module, policy: Sequence[str], noise: InstanceNoise | None = None) -> None:
        super().__init__()
        self.critic = critic
        self.policy = tuple(policy)
        self.noise = noise

    def forward(self, images: Tensor, labels: Tensor | None = None, **more: bool) -> Tensor | tuple[Tensor, Tensor]:
        # In float32 also under autocast: the means over whole images need it.
        images = diff_augment(images.float(), self.policy)
        return self.critic(images if self.noise is None else self.noise(images), labels, **more)


def diff_augment(images: Tensor, policy: Sequence[str]) -> Tensor:
    """Change each image by a random draw of its own: (N, C, H, W) in [-1, 1] to about that range.

    Differentiable in the images, twice. Always in the order of POLICIES, so that the order of names has no say.
    """
    for name, change in POLICIES.items():
        if name in policy:
            images = change(images)
    return images


def color(images: Tensor) -> Tensor:
    """Brightness by -0.5 to 0.5, saturation by a factor of 0 to 2, contrast by one of 0.5 to 1.5; not transparency."""
    colour = images[:, :3]
    colour = colour + uniform(images, -0.5, 0.5)
    colour = _spread(colour, colour.mean(1, keepdim=True), uniform(images, 0.0, 2.0))
    colour = _spread(colour, colour.mean((1, 2, 3), keepdim=True), uniform(images, 0.5, 1.5))
    return torch.cat([colour, images[:, 3:]], 1) if images.shape[1] > 3 else colour


def translation(images: Tensor) -> Tensor:
    """Move by up to an eighth of the side each way; zeros come in."""
    down, right = (_whole_numbers(images, -most, most) for most in _shares(images, SHIFT_SHARE))
    # A frame of zeros, which `shifted` repeats as far as is needed.
    return shifted(functional.pad(images, (1, 1, 1, 1)), down, right)[:, :, 1:-1, 1:-1]


def cutout(images: Tensor) -> Tensor:
    """Set a square of half the side to zero; its centre is anywhere, so that a part of it may lie outside."""
    inside = []
    for side, hole in zip(images.shape[2:], _shares(images, CUTOUT_SHARE), strict=True):
        start = _whole_numbers(images, 0, side) - hole // 2  # (N,)
        place = torch.arange(side, device=images.device) - start[:, None]  # (N, side)
        inside.append((place >= 0) & (place < hole))
    hidden = inside[0][:, None, :, None] & inside[1][:, None, None, :]  # (N, 1, H, W)
    return images.masked_fill(hidden, 0.0)


#: By the name that `data.diff_augment` gives them.
POLICIES: dict[str, Callable[[Tensor], Tensor]] = {"color": color, "translation": translation, "cutout": cutout}


def _spread(images: Tensor, centre: Tensor, factor: Tensor) -> Tensor:
    return (images - centre) * factor + centre


def _shares(images: Tensor, share: float) -> tuple[int, int]:
    """That part of height and width in pixels, rounded."""
    return tuple(int(side * share + 0.5) for side in images.shape[2:])


def _whole_numbers(images: Tensor, low: int, high: int) -> Tensor:
    """One of low..high for each image, (N,) int64."""
    return rng.randint(low, high + 1, (len(images),), device=images.device)
