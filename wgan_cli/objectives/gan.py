"""The first adversarial objective: the critic tells how probable it is that an image is real."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from wgan_cli.objectives.adversarial import AdversarialLoss, adversarial_objective
from wgan_cli.objectives.base import Loss, Objective
from wgan_cli.objectives.label_smoothing import fake_targets, real_targets
from wgan_cli.recipe import Recipe


def gan(recipe: Recipe) -> Objective:
    """GAN with cross-entropy (Goodfellow et al. 2014, eq. 1). The critic gives logits; D is their sigmoid."""
    settings = recipe.objective

    def critic_loss(real_scores: Tensor, fake_scores: Tensor) -> Loss:
        """-mean log D(real) - mean log(1 - D(fake)); in general, cross-entropy to the targets."""
        on_real = F.binary_cross_entropy_with_logits(real_scores, real_targets(settings, real_scores))
        on_fake = F.binary_cross_entropy_with_logits(fake_scores, fake_targets(settings, fake_scores))
        terms = {"real_probability": real_scores.sigmoid().mean(), "fake_probability": fake_scores.sigmoid().mean()}
        return Loss(on_real + on_fake, terms)

    meanings = {
        "real_probability": "how probably real the critic finds the data; 1 is certain",
        "fake_probability": "how probably real it finds the samples; rises towards the data's as they improve",
        "critic_loss": "cross-entropy of its answers; 1.39 where it only guesses, 0 where it is always right",
        "generator_loss": "how sure the critic is that samples are fake; its level alone means little",
    }
    generator_loss = saturating_loss if settings.saturating else non_saturating_loss
    return adversarial_objective(recipe, AdversarialLoss(critic_loss, generator_loss, meanings=meanings))


def non_saturating_loss(fake_scores: Tensor) -> Tensor:
    """-mean log D(fake), whose slope is steepest where samples are worst."""
    return F.softplus(-fake_scores).mean()


def saturating_loss(fake_scores: Tensor) -> Tensor:
    """mean log(1 - D(fake)), the other side of the critic's game."""
    return -F.softplus(fake_scores).mean()
