"""Noise on all that a critic sees, so that real and fake overlap while the generator is young."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wgan_cli.distributed import rng
from wgan_cli.recipe.objective_settings import CriticGameSettings


def make_noise(settings: CriticGameSettings, device: torch.device) -> InstanceNoise | None:
    """The noise that an objective's settings ask for, or None."""
    if not settings.instance_noise:
        return None
    return InstanceNoise(settings.instance_noise, settings.instance_noise_steps, device)


class InstanceNoise(nn.Module):
    """x + sigma * N(0, 1), with sigma falling linearly to 0 (Sonderby et al. 2017; Arjovsky and Bottou 2017).

    sigma depends on the step alone, so that a resumed run needs none of it saved, and lies in memory on the device, so
    that a captured iteration sees it fall.
    """

    def __init__(self, sigma: float, steps: int, device: torch.device) -> None:
        super().__init__()
        self.first, self.steps = sigma, steps
        self.register_buffer("sigma", torch.tensor(sigma, device=device), persistent=False)

    def schedule(self, step: int) -> None:
        """Set sigma for a step, from 0."""
        self.sigma.fill_(self.first * max(0.0, 1 - step / self.steps))

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        return images + self.sigma * rng.randn_like(images)
