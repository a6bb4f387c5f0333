"""Relativistic pairs: the critic tells which of two images is real, never whether one is."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from wgan_cli.objectives.adversarial import AdversarialLoss, adversarial_objective
from wgan_cli.objectives.base import Loss, Objective
from wgan_cli.recipe import Recipe


def r3gan(recipe: Recipe) -> Objective:
    """R3GAN (Huang et al. 2024, section 2): relativistic pairing, with R1 and R2 from the settings."""
    meanings = {
        "pair_probability": "how probably the critic finds the real one of real and sample; 0.5 where it only guesses",
        "critic_loss": "its surprise at which one is real, and the penalties; 0.69 where it only guesses",
        "generator_loss": "its surprise if the sample were the real one; 0.69 where it only guesses",
    }
    return adversarial_objective(
        recipe, AdversarialLoss(critic_loss, paired_generator=generator_loss, meanings=meanings)
    )


def critic_loss(real_scores: Tensor, fake_scores: Tensor) -> Loss:
    """mean softplus(critic(fake_n) - critic(real_n))."""
    lead = real_scores - fake_scores  # (N,)
    return Loss(F.softplus(-lead).mean(), {"pair_probability": lead.sigmoid().mean()})


def generator_loss(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """mean softplus(critic(real_n) - critic(fake_n))."""
    return F.softplus(real_scores - fake_scores).mean()
