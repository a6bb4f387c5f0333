"""Noise on everything the critic sees, so that real and fake images overlap early in training."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wgan_cli.distributed import rng
from wgan_cli.recipe.objective_base import AnyObjective, CriticGameSettings


def make_noise(settings: AnyObjective, device: torch.device) -> InstanceNoise | None:
    """Return the noise that an objective's settings ask for, or None."""
    if not isinstance(settings, CriticGameSettings) or not settings.instance_noise:
        return None
    return InstanceNoise(settings.instance_noise, settings.instance_noise_steps, device)


class InstanceNoise(nn.Module):
    """x + sigma * N(0, 1), with sigma decreasing linearly to 0 (Sonderby et al. 2017; Arjovsky and Bottou 2017).

    sigma follows from the step, so checkpoints don't hold it. It is a tensor that is updated in place, so that a
    captured CUDA graph uses the current value.
    """

    sigma: Tensor

    def __init__(self, sigma: float, steps: int, device: torch.device) -> None:
        super().__init__()
        self.initial_sigma, self.steps = sigma, steps
        self.register_buffer("sigma", torch.tensor(sigma, device=device), persistent=False)

    def schedule(self, step: int) -> None:
        """Set sigma for a step, counted from 0."""
        self.sigma.fill_(self.initial_sigma * max(0.0, 1 - step / self.steps))

    def forward(self, images: Tensor) -> Tensor:
        return images + self.sigma * rng.randn_like(images)  # (N, C, H, W)
