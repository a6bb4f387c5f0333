"""Wasserstein objectives: the critic estimates a distance between real and fake, the generator shortens it."""

from __future__ import annotations

from torch import Tensor, nn

from wgan_cli.objectives.base import Loss, Objective
from wgan_cli.objectives.penalties import gradient_penalty
from wgan_cli.objectives.two_player import Game, two_player
from wgan_cli.recipe import Recipe


def wgan_gp(recipe: Recipe) -> Objective:
    """WGAN with gradient penalty (Gulrajani et al. 2017, Algorithm 1). The critic gives scores, without sigmoid."""
    settings = recipe.objective

    def penalty(critic: nn.Module, real: Tensor, fake: Tensor, labels: Tensor | None) -> Loss:
        """gp_weight * penalty, as many times as hard as it comes seldom."""
        term = gradient_penalty(critic, real, fake, labels)
        return Loss(settings.gp_weight * settings.gp_every * term, {"gradient_penalty": term})

    meanings = {
        "wasserstein": "how far the samples are from the data, as the critic sees it; falls as they improve",
        "gradient_penalty": "how far the critic's slope is from 1; small is right",
        "critic_loss": "gp_weight * gradient_penalty - wasserstein; its negative estimates the distance",
        "generator_loss": "the critic's opinion of the samples; its level alone means nothing",
    }
    return two_player(recipe, Game(critic_loss, generator_loss, penalty, settings.gp_every, meanings=meanings))


def critic_loss(real_scores: Tensor, fake_scores: Tensor) -> Loss:
    """mean critic(fake) - mean critic(real)."""
    wasserstein = real_scores.mean() - fake_scores.mean()
    return Loss(-wasserstein, {"wasserstein": wasserstein})


def generator_loss(fake_scores: Tensor) -> Tensor:
    """-mean critic(fake)."""
    return -fake_scores.mean()
