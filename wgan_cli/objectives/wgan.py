"""Wasserstein objectives: the critic estimates a distance between real and fake, the generator shortens it."""

from __future__ import annotations

import torch

from wgan_cli.objectives.base import Batch, Loss, Networks, Objective, Phase
from wgan_cli.objectives.penalties import gradient_penalty
from wgan_cli.recipe.objective_settings import WganGpSettings


def wgan_gp(settings: WganGpSettings) -> Objective:
    """WGAN with gradient penalty (Gulrajani et al. 2017, Algorithm 1). The critic gives scores, without sigmoid."""

    def critic_loss(networks: Networks, batch: Batch) -> Loss:
        """mean critic(fake) - mean critic(real) + gp_weight * penalty."""
        generator, critic = networks["generator"], networks["critic"]
        with torch.no_grad():
            fake = generator(batch.z, batch.labels).float()  # (N, C, H, W)
        labels = None if batch.labels is None else batch.labels.repeat(2)
        real_scores, fake_scores = critic(torch.cat([batch.real, fake]), labels).float().chunk(2)  # (N,), (N,)
        wasserstein = real_scores.mean() - fake_scores.mean()
        if not batch.penalise:
            return Loss(-wasserstein, {"critic_loss": -wasserstein, "wasserstein": wasserstein})
        penalty = gradient_penalty(critic, batch.real, fake, batch.labels)
        total = settings.gp_weight * settings.gp_every * penalty - wasserstein
        return Loss(total, {"critic_loss": total, "wasserstein": wasserstein, "gradient_penalty": penalty})

    def generator_loss(networks: Networks, batch: Batch) -> Loss:
        """-mean critic(fake)."""
        fake = networks["generator"](batch.z, batch.labels)  # (N, C, H, W)
        loss = -networks["critic"](fake, batch.labels).float().mean()
        return Loss(loss, {"generator_loss": loss})

    return Objective(
        phases=(
            Phase("critic", "critic", settings.n_critic, critic_loss, penalise_every=settings.gp_every),
            Phase("generator", "generator", 1, generator_loss, uses_real=False),
        ),
        meanings={
            "wasserstein": "how far the samples are from the data, as the critic sees it; falls as they improve",
            "gradient_penalty": "how far the critic's slope is from 1; small is right",
            "critic_loss": "gp_weight * gradient_penalty - wasserstein; its negative estimates the distance",
            "generator_loss": "the critic's opinion of the samples; its level alone means nothing",
        },
    )
