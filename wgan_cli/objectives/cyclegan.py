"""CycleGAN: translators between two image domains, trained without pairs."""

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wgan_cli.distributed.batch_shard import current_shard
from wgan_cli.networks.translator import Critic, Generator
from wgan_cli.objectives.image_pool import ImagePool
from wgan_cli.objectives.objective import Batch, Loss, NetworksByRole, Objective, Phase, given, settings_of
from wgan_cli.objectives.terms import Term, critic_loss_term
from wgan_cli.recipe import ImageShape, Recipe
from wgan_cli.recipe.objective_settings import CycleganSettings

Translate = Callable[[Tensor], Tensor]


class CycleState(nn.Module):
    """Images that the translators' phase passes to the critics' phase, and an image pool for each domain.

    a, b: (batch_size, C, H, W) real. as_a, as_b: translations to that domain.
    """

    a: Tensor
    b: Tensor
    as_a: Tensor
    as_b: Tensor

    def __init__(self, batch_size: int, pool_size: int, image: ImageShape) -> None:
        super().__init__()
        for name in ("a", "b", "as_a", "as_b"):  # every iteration overwrites them first, so they aren't saved
            empty = torch.zeros(batch_size, image.channels, *image.size)
            self.register_buffer(name, empty, persistent=False)
        self.pool_a, self.pool_b = ImagePool(pool_size, image), ImagePool(pool_size, image)

    @torch.no_grad()
    def store(self, **images: Tensor) -> None:
        """Overwrite images by name, in place."""
        for name, new in images.items():
            self.get_buffer(name).copy_(new)


def cyclegan(recipe: Recipe, image: ImageShape) -> Objective:
    """CycleGAN (Zhu et al. 2017, sections 3 and 4): one step of both translators, then one of both critics.

    The translators F: b -> a and G: a -> b minimize, with means over all pixels and patches,
        (D_b(G(a)) - 1)^2 + (D_a(F(b)) - 1)^2 + cycle_weight * (|F(G(a)) - a| + |G(F(b)) - b|)
        + identity_weight * (|G(b) - b| + |F(a) - a|),
    and the critics half of (D_a(a) - 1)^2 + D_a(F(b))^2 + (D_b(b) - 1)^2 + D_b(G(a))^2 on the same images, except that
    a pool exchanges some translations for older ones.
    """
    settings = settings_of(recipe, CycleganSettings)
    apart = recipe.model.generator_batch_norm is not None
    state = CycleState(recipe.batch_size // current_shard().count, settings.pool_size, image)

    def generator_loss(networks: NetworksByRole, batch: Batch) -> Loss:
        generator = cast(Generator, networks["generator"])
        critic = cast(Critic, networks["critic"])
        a, b = given(batch.real).unbind(1)  # (N, C, H, W) each
        identity = settings.identity_weight > 0
        as_b, same_b = _translate(generator.to_b, a, b if identity else None, apart)
        as_a, same_a = _translate(generator.to_a, b, a if identity else None, apart)
        state.store(a=a, b=b, as_a=as_a, as_b=as_b)

        adversarial = real_loss(critic.of_b(as_b).float()) + real_loss(critic.of_a(as_a).float())
        cycle = F.l1_loss(generator.to_a(as_b).float(), a) + F.l1_loss(generator.to_b(as_a).float(), b)
        total = adversarial + settings.cycle_weight * cycle
        terms = {"adversarial_loss": adversarial, "cycle_loss": cycle}
        if same_a is not None and same_b is not None:
            terms["identity_loss"] = F.l1_loss(same_b, b) + F.l1_loss(same_a, a)
            total = total + settings.identity_weight * terms["identity_loss"]
        return Loss(total, {"generator_loss": total, **terms})

    def critic_loss(networks: NetworksByRole, batch: Batch) -> Loss:
        critic = cast(Critic, networks["critic"])
        real_a, fake_a = _scores(critic.of_a, state.a, state.pool_a.exchange(state.as_a))
        real_b, fake_b = _scores(critic.of_b, state.b, state.pool_b.exchange(state.as_b))
        loss_a = 0.5 * (real_loss(real_a) + fake_loss(fake_a))
        loss_b = 0.5 * (real_loss(real_b) + fake_loss(fake_b))
        terms = {
            "real_score": 0.5 * (real_a.mean() + real_b.mean()),
            "fake_score": 0.5 * (fake_a.mean() + fake_b.mean()),
        }
        return Loss(loss_a + loss_b, {"critic_loss": loss_a + loss_b, **terms})

    phases = (
        Phase("generator", "generator", 1, generator_loss),
        Phase("critic", "critic", 1, critic_loss, uses_real=False),  # it uses the translators' real images
    )
    return Objective(phases, _terms(settings), state=state, domains=2)


def _terms(settings: CycleganSettings) -> tuple[Term, ...]:
    identity = f" + {settings.identity_weight:g} * identity_loss" if settings.identity_weight else ""
    terms = (
        Term("generator_loss", f"adversarial_loss + {settings.cycle_weight:g} * cycle_loss{identity}"),
        Term("adversarial_loss", "squared distance of the translations' scores from 1; 0.5 if the critics only guess"),
        Term("cycle_loss", "mean absolute change of images after both translations; 0 is unchanged"),
        Term("identity_loss", "mean absolute change of images that are in the target domain already; falls towards 0"),
        critic_loss_term("squared distance of the critics' scores from their targets; 0.5 if they only guess"),
        Term("real_score", "mean score of real images; target: 1"),
        Term("fake_score", "mean score of translations; target: 0; rises as they improve"),
    )
    return tuple(term for term in terms if identity or term.name != "identity_loss")


def real_loss(scores: Tensor) -> Tensor:
    """Return mean (score - 1)^2 over all patches: the critics' loss on real images, the translators' on fake ones."""
    return (scores - 1).square().mean()


def fake_loss(scores: Tensor) -> Tensor:
    """Return mean score^2 over all patches: the critics' loss on translations."""
    return scores.square().mean()


def _translate(
    translator: Translate, images: Tensor, target_images: Tensor | None, apart: bool
) -> tuple[Tensor, Tensor | None]:
    """Translate images and, if given, images of the target domain: (N, C, H, W) float32 each.

    One pass is faster than two; `apart` takes two, because batch norm would mix both domains in one.
    """
    if target_images is None:
        return translator(images).float(), None
    if apart:
        return translator(images).float(), translator(target_images).float()
    translations, unchanged = translator(torch.cat([images, target_images])).float().chunk(2)
    return translations, unchanged


def _scores(critic: Translate, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Score both: (N, patches) float32 each."""
    return critic(real).float(), critic(fake).float()
