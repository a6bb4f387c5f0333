"""Least squares instead of cross-entropy: a sample far on the right side of the border still learns."""

from __future__ import annotations

from torch import Tensor

from wgan_cli.objectives.adversarial import AdversarialLoss, adversarial_objective
from wgan_cli.objectives.base import Loss, Objective
from wgan_cli.objectives.label_smoothing import fake_targets, real_targets
from wgan_cli.recipe import Recipe


def lsgan(recipe: Recipe) -> Objective:
    """LSGAN (Mao et al. 2017, eq. 9): targets 1 for real, 0 for fake, and 1 for what the generator hopes for."""
    settings = recipe.objective

    def critic_loss(real_scores: Tensor, fake_scores: Tensor) -> Loss:
        """mean (critic(real) - 1)^2 / 2 + mean critic(fake)^2 / 2, or around softer targets."""
        on_real = (real_scores - real_targets(settings, real_scores)).square().mean()
        on_fake = (fake_scores - fake_targets(settings, fake_scores)).square().mean()
        terms = {"real_score": real_scores.mean(), "fake_score": fake_scores.mean()}
        return Loss(0.5 * on_real + 0.5 * on_fake, terms)

    meanings = {
        "real_score": "the critic's mean score of the data; it aims at 1",
        "fake_score": "its mean score of the samples; it aims at 0, and they rise towards the data's",
        "critic_loss": "how far its scores are from their targets; 0.25 where it only guesses",
        "generator_loss": "how far the samples' scores are from 1",
    }
    return adversarial_objective(recipe, AdversarialLoss(critic_loss, generator_loss, meanings=meanings))


def generator_loss(fake_scores: Tensor) -> Tensor:
    """mean (critic(fake) - 1)^2 / 2."""
    return 0.5 * (fake_scores - 1).square().mean()
