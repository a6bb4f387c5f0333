"""Translators that learn from two sides of images without a single pair."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wgan_cli.distributed.batch_shard import current_shard
from wgan_cli.objectives.base import Batch, Loss, Networks, Objective, Phase
from wgan_cli.objectives.image_pool import ImagePool
from wgan_cli.recipe import ImageShape, Recipe


class Shown(nn.Module):
    """What the translators' step leaves to the critics': its real images, its translations, and a pool of each side.

    a, b: (batch_size, C, H, W) real. as_a, as_b: translations to that side.
    """

    def __init__(self, recipe: Recipe, image: ImageShape) -> None:
        super().__init__()
        shape = (recipe.batch_size // current_shard().world_size, image.channels, image.size, image.size)
        for name in ("a", "b", "as_a", "as_b"):  # which the next iteration replaces before anybody looks
            self.register_buffer(name, torch.zeros(shape), persistent=False)
        self.pool_a, self.pool_b = (ImagePool(recipe.objective.pool_size, image) for _ in range(2))

    @torch.no_grad()
    def keep(self, **images: Tensor) -> None:
        """Replace images by name, in place."""
        for name, new in images.items():
            getattr(self, name).copy_(new)


def cyclegan(recipe: Recipe, image: ImageShape) -> Objective:
    """CycleGAN (Zhu et al. 2017, sections 3 and 4): one step of both translators, then one of both critics.

    Translators lower, with F: b -> a and G: a -> b and means over everything,
        (D_b(G(a)) - 1)^2 + (D_a(F(b)) - 1)^2 + cycle_weight * (|F(G(a)) - a| + |G(F(b)) - b|)
        + identity_weight * (|G(b) - b| + |F(a) - a|),
    and critics half of (D_a(a) - 1)^2 + D_a(F(b))^2 + (D_b(b) - 1)^2 + D_b(G(a))^2, on the same images as the
    translators, but for translations that a pool exchanges for older ones.
    """
    settings = recipe.objective
    shown = Shown(recipe, image)

    def generator_loss(networks: Networks, batch: Batch) -> Loss:
        generator, critic = networks["generator"], networks["critic"]
        a, b = batch.real.unbind(1)  # (N, C, H, W) each
        keeps_side = settings.identity_weight > 0
        # Its own side passes through a translator beside the other's images, since one pass costs less than two.
        as_b, same_b = _translated(generator.to_b, a, b if keeps_side else None)
        as_a, same_a = _translated(generator.to_a, b, a if keeps_side else None)
        shown.keep(a=a, b=b, as_a=as_a, as_b=as_b)

        opinion = real_loss(critic.of_b(as_b).float()) + real_loss(critic.of_a(as_a).float())
        cycle = distance(generator.to_a(as_b), a) + distance(generator.to_b(as_a), b)
        total, terms = opinion + settings.cycle_weight * cycle, {"adversarial_loss": opinion, "cycle_loss": cycle}
        if keeps_side:
            terms["identity_loss"] = distance(same_b, b) + distance(same_a, a)
            total = total + settings.identity_weight * terms["identity_loss"]
        return Loss(total, {"generator_loss": total, **terms})

    def critic_loss(networks: Networks, batch: Batch) -> Loss:
        critic = networks["critic"]
        real_a, fake_a = _scores(critic.of_a, shown.a, shown.pool_a.exchange(shown.as_a))
        real_b, fake_b = _scores(critic.of_b, shown.b, shown.pool_b.exchange(shown.as_b))
        of_a = 0.5 * (real_loss(real_a) + fake_loss(fake_a))
        of_b = 0.5 * (real_loss(real_b) + fake_loss(fake_b))
        terms = {
            "real_score": 0.5 * (real_a.mean() + real_b.mean()),
            "fake_score": 0.5 * (fake_a.mean() + fake_b.mean()),
        }
        return Loss(of_a + of_b, {"critic_loss": of_a + of_b, **terms})

    meanings = {
        "generator_loss": "what the translators lower: the losses that follow, each times its weight",
        "adversarial_loss": "how far the critics' scores of translations are from 1; 0.5 where they only guess",
        "cycle_loss": "how far images come back changed, there and back, both sides together; 0 is unchanged, 2 a lot",
        "identity_loss": "how much translators change images that are of their side already; falls towards 0",
        "critic_loss": "how far the critics' scores are from their targets; 0.5 where they only guess",
        "real_score": "the critics' mean score of the data; it aims at 1",
        "fake_score": "their mean score of translations; it aims at 0, and they rise towards the data's",
    }
    if not settings.identity_weight:
        del meanings["identity_loss"]
    phases = (
        Phase("generator", "generator", 1, generator_loss),
        Phase("critic", "critic", 1, critic_loss, uses_real=False),  # it sees those of the translators
    )
    return Objective(phases, meanings, memory=shown, sides=2)


def real_loss(scores: Tensor) -> Tensor:
    """mean (score - 1)^2, over all patches: where critics want real images, and translators theirs."""
    return (scores - 1).square().mean()


def fake_loss(scores: Tensor) -> Tensor:
    """mean score^2, over all patches: where critics want translations."""
    return scores.square().mean()


def distance(one: Tensor, other: Tensor) -> Tensor:
    """mean |one - other|, in float32."""
    return (one.float() - other).abs().mean()


def _translated(translator: nn.Module, images: Tensor, own: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Translations (N, C, H, W) float32 of images, and of those of its own side, where they are given."""
    if own is None:
        return translator(images).float(), None
    return translator(torch.cat([images, own])).float().chunk(2)


def _scores(critic: nn.Module, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Scores (N, patches) float32 of each."""
    return critic(real).float(), critic(fake).float()
