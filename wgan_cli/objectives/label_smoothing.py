"""What a critic is taught to answer: 1 for real images and 0 for fake ones, made softer or wrong at times."""

from __future__ import annotations

import torch
from torch import Tensor

from wgan_cli.distributed import rng
from wgan_cli.recipe.objective_settings import TargetSettings


def real_targets(settings: TargetSettings, scores: Tensor) -> Tensor:
    """1 - label_smoothing for each score (N,); a share `label_flip` of them, drawn anew, have the target of fakes."""
    return _flipped(settings, scores, 1 - settings.label_smoothing, settings.fake_smoothing)


def fake_targets(settings: TargetSettings, scores: Tensor) -> Tensor:
    """fake_smoothing for each score (N,); a share `label_flip` of them, drawn anew, have the target of real images."""
    return _flipped(settings, scores, settings.fake_smoothing, 1 - settings.label_smoothing)


def _flipped(settings: TargetSettings, scores: Tensor, target: float, other: float) -> Tensor:
    targets = torch.full_like(scores, target)
    if not settings.label_flip:
        return targets
    return targets.masked_fill(rng.rand_like(scores) < settings.label_flip, other)
