"""Targets of the critic's scores: 1 for real images and 0 for fake ones, optionally smoothed or flipped."""

import math

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


def guessing_loss(settings: TargetSettings, fakes_per_real: int = 1) -> float:
    """Return the least cross-entropy of a critic that scores all images alike, of one real image and its fake ones.

    Its D is the mean target p, and the loss is -p log p - (1 - p) log(1 - p) for each image. Without `label_flip`.
    """
    images = 1 + fakes_per_real
    p = (1 - settings.label_smoothing + fakes_per_real * settings.fake_smoothing) / images
    return -images * (p * math.log(p) + (1 - p) * math.log(1 - p))


def cross_entropy_meaning(settings: TargetSettings, fakes_per_real: int = 1) -> str:
    """Return the meaning of the critic's loss, with its value for a critic that only guesses if that is known."""
    guess = "" if settings.label_flip else f"; {guessing_loss(settings, fakes_per_real):.3g} if it only guesses"
    return f"binary cross-entropy of the critic{guess}"


def _flip(settings: TargetSettings, scores: Tensor, target: float, flipped: float) -> Tensor:
    targets = torch.full_like(scores, target)
    if not settings.label_flip:
        return targets
    return targets.masked_fill(rng.rand_like(scores) < settings.label_flip, flipped)
