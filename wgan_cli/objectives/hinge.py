"""Hinge losses: the critic stops learning from images that are already on the right side by a margin."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from wgan_cli.objectives.adversarial import AdversarialLoss, adversarial_objective
from wgan_cli.objectives.base import Loss, Objective
from wgan_cli.recipe import Recipe


def hinge(recipe: Recipe) -> Objective:
    """GAN with hinge losses (Lim and Ye 2017; Miyato et al. 2018, eqs. 16 and 17)."""
    meanings = {
        "real_score": "the critic's mean score of the data; it aims above 1",
        "fake_score": "its mean score of the samples; it aims below -1",
        "critic_loss": "how much is missing to those margins; 2 where it only guesses, 0 where it is always right",
        "generator_loss": "the critic's opinion of the samples, negative; its level alone means nothing",
    }
    return adversarial_objective(recipe, AdversarialLoss(critic_loss, generator_loss, meanings=meanings))


def critic_loss(real_scores: Tensor, fake_scores: Tensor) -> Loss:
    """mean max(0, 1 - critic(real)) + mean max(0, 1 + critic(fake))."""
    total = F.relu(1 - real_scores).mean() + F.relu(1 + fake_scores).mean()
    return Loss(total, {"real_score": real_scores.mean(), "fake_score": fake_scores.mean()})


def generator_loss(fake_scores: Tensor) -> Tensor:
    """-mean critic(fake)."""
    return -fake_scores.mean()
