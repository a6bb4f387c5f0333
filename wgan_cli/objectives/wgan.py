"""Wasserstein objectives: the critic estimates the Wasserstein distance, and the generator minimizes it."""

import torch
from torch import Tensor

from wgan_cli.objectives.adversarial import AdversarialLoss, adversarial_objective
from wgan_cli.objectives.objective import Loss, NetworksByRole, Objective, settings_of
from wgan_cli.objectives.terms import Term, critic_loss_term
from wgan_cli.recipe import ImageShape, Recipe
from wgan_cli.recipe.objective_settings import WganSettings

GENERATOR_LOSS = Term("generator_loss", "negative mean score of the samples; its level alone means nothing")


def wgan_gp(recipe: Recipe, image: ImageShape) -> Objective:
    """WGAN with gradient penalty (Gulrajani et al. 2017, Algorithm 1). The critic returns scores without a sigmoid."""
    return adversarial_objective(recipe, AdversarialLoss(critic_loss, generator_loss, terms=_terms()))


def wgan(recipe: Recipe, image: ImageShape) -> Objective:
    """WGAN with weight clipping (Arjovsky et al. 2017, Algorithm 1)."""
    bound = settings_of(recipe, WganSettings).clip_value

    @torch.no_grad()
    def clip_weights(networks: NetworksByRole) -> None:
        weights: list[Tensor] = [p for p in networks["critic"].parameters() if p.requires_grad]  # not frozen ones
        torch._foreach_clamp_min_(weights, -bound)  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]
        torch._foreach_clamp_max_(weights, bound)  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]

    terms = _terms(", times an unknown factor")
    loss = AdversarialLoss(critic_loss, generator_loss, after_step=clip_weights, terms=terms)
    return adversarial_objective(recipe, loss)


def _terms(scale: str = "") -> tuple[Term, ...]:
    estimate = f"the critic's estimate of the distance from samples to data{scale}; grows with a sharper critic"
    return Term("wasserstein", estimate), critic_loss_term("-wasserstein"), GENERATOR_LOSS


def critic_loss(real_scores: Tensor, fake_scores: Tensor) -> Loss:
    """Return mean critic(fake) - mean critic(real)."""
    wasserstein = real_scores.mean() - fake_scores.mean()
    return Loss(-wasserstein, {"wasserstein": wasserstein})


def generator_loss(fake_scores: Tensor) -> Tensor:
    """Return -mean critic(fake)."""
    return -fake_scores.mean()
