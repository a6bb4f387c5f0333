"""Wasserstein objectives: the critic estimates a distance between real and fake, the generator shortens it."""

from __future__ import annotations

import torch
from torch import Tensor

from wgan_cli.objectives.adversarial import AdversarialLoss, adversarial_objective
from wgan_cli.objectives.base import Loss, Networks, Objective
from wgan_cli.recipe import Recipe

OPINION = "the critic's opinion of the samples; its level alone means nothing"


def wgan_gp(recipe: Recipe) -> Objective:
    """WGAN with gradient penalty (Gulrajani et al. 2017, Algorithm 1). The critic gives scores, without sigmoid."""
    meanings = {
        "wasserstein": "how far the samples are from the data, as the present critic sees it; a sharper one sees more",
        "critic_loss": "gp_weight * gradient_penalty - wasserstein; its negative estimates the distance",
        "generator_loss": OPINION,
    }
    return adversarial_objective(recipe, AdversarialLoss(critic_loss, generator_loss, meanings=meanings))


def wgan(recipe: Recipe) -> Objective:
    """WGAN with weight clipping (Arjovsky et al. 2017, Algorithm 1)."""
    bound = recipe.objective.clip_value

    @torch.no_grad()
    def clip_weights(networks: Networks) -> None:
        weights = list(networks["critic"].parameters())
        torch._foreach_clamp_min_(weights, -bound)
        torch._foreach_clamp_max_(weights, bound)

    meanings = {
        "wasserstein": "how far the samples are from the data, times an unknown factor; a sharper critic sees more",
        "critic_loss": "its negative is that distance",
        "generator_loss": OPINION,
    }
    return adversarial_objective(
        recipe, AdversarialLoss(critic_loss, generator_loss, after_step=clip_weights, meanings=meanings)
    )


def critic_loss(real_scores: Tensor, fake_scores: Tensor) -> Loss:
    """mean critic(fake) - mean critic(real)."""
    wasserstein = real_scores.mean() - fake_scores.mean()
    return Loss(-wasserstein, {"wasserstein": wasserstein})


def generator_loss(fake_scores: Tensor) -> Tensor:
    """-mean critic(fake)."""
    return -fake_scores.mean()
