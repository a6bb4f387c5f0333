"""Targets of the critic's scores: 1 for real images and 0 for fake ones, optionally smoothed or flipped."""

import torch
from torch import Tensor

from wgan_cli.distributed import rng
from wgan_cli.recipe.objective_base import TargetSettings


def real_targets(settings: TargetSettings, scores: Tensor) -> Tensor:
    """Return 1 - label_smoothing for each score (N,); a random fraction `label_flip` gets the fake target."""
    return _flip(settings, scores, 1 - settings.label_smoothing, settings.fake_smoothing)


def fake_targets(settings: TargetSettings, scores: Tensor) -> Tensor:
    """Return fake_smoothing for each score (N,); a random fraction `label_flip` gets the real target."""
    return _flip(settings, scores, settings.fake_smoothing, 1 - settings.label_smoothing)


def _flip(settings: TargetSettings, scores: Tensor, target: float, flipped: float) -> Tensor:
    targets = torch.full_like(scores, target)
    if not settings.label_flip:
        return targets
    return targets.masked_fill(rng.rand_like(scores) < settings.label_flip, flipped)
