"""A critic that tells real from fake, and a generator that learns from it: what the whole family shares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wgan_cli.objectives.base import Batch, Loss, Networks, Objective, Phase
from wgan_cli.objectives.path_length import MEANINGS as PATH_MEANINGS
from wgan_cli.objectives.path_length import PathLength
from wgan_cli.objectives.penalties import TERMS, Penalty, penalty_of
from wgan_cli.recipe import Recipe
from wgan_cli.recipe.objective_settings import AdversarialSettings

CriticFormula = Callable[[Tensor, Tensor], Loss]
GeneratorFormula = Callable[[Tensor], Tensor]
PairedGeneratorFormula = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class AdversarialLoss:
    """What one member of the family puts into the two losses.

    critic: scores of real and of fake images, (N,) each, to what the critic lowers, with terms for the log.
    generator: scores of fake images (N,) to what the generator lowers; or, instead, paired_generator: scores of real
        and of fake images, (N,) each, to the same. Then the generator's phase takes real images too.
    penalty: what it adds to the critic's loss beside the penalties that settings ask for: of critic, real, fake and
        labels a loss, already weighted, and its terms for the log.
    after_step: what happens to the critic after each of its steps.
    meanings: of the terms, as in Objective.
    """

    critic: CriticFormula
    generator: GeneratorFormula | None = None
    paired_generator: PairedGeneratorFormula | None = None
    penalty: Penalty | None = None
    after_step: Callable[[Networks], None] | None = None
    meanings: dict[str, str] = field(default_factory=dict)


def adversarial_objective(recipe: Recipe, game: AdversarialLoss) -> Objective:
    """The phases of a game: n_critic steps of the critic, then one of the generator (Goodfellow et al. 2014, Alg. 1).

    A critic that also tells classes apart lowers its cross-entropy on real images, and the generator that on fake ones
    (Odena et al. 2017).
    """
    settings = recipe.objective
    classify = recipe.model.shows_critic("classifier")
    mixes = recipe.model.critic.mixes_images  # so that the critic must not see real beside fake
    penalty = penalty_of(settings, game.penalty)
    paths = PathLength() if settings.path_length_weight else None

    def critic_loss(networks: Networks, batch: Batch) -> Loss:
        generator, critic, labels = networks["generator"], networks["critic"], batch.labels
        with torch.no_grad():
            fake = generator(batch.z, labels).float()  # (N, C, H, W)

        if mixes:
            real_scores, logits = judge(critic, batch.real, labels, classify)  # (N,), (N, num_classes)
            fake_scores, _ = judge(critic, fake, labels, classify)
        else:  # one pass through the critic costs less than two
            twice = None if labels is None else labels.repeat(2)
            scores, logits = judge(critic, torch.cat([batch.real, fake]), twice, classify)
            real_scores, fake_scores = scores.chunk(2)  # (N,), (N,)

        total, terms = game.critic(real_scores, fake_scores)
        if penalty and batch.apply_penalty:
            smooth = penalty(critic, batch.real, fake, labels)
            total, terms = total + smooth.total, terms | smooth.terms
        if classify:
            wrong = F.cross_entropy(logits[: len(labels)], labels)
            total, terms = total + settings.ac_weight * wrong, {**terms, "class_loss": wrong}
        return Loss(total, {"critic_loss": total, **terms})

    def generator_loss(networks: Networks, batch: Batch) -> Loss:
        fake = networks["generator"](batch.z, batch.labels)  # (N, C, H, W)
        scores, logits = judge(networks["critic"], fake, batch.labels, classify)
        terms = {}
        if game.paired_generator:
            with torch.no_grad():
                real_scores, _ = judge(networks["critic"], batch.real, batch.labels, classify)
            total = game.paired_generator(real_scores, scores)
        else:
            total = game.generator(scores)
        if classify:
            wrong = F.cross_entropy(logits, batch.labels)
            total, terms = total + settings.generator_ac_weight * wrong, {"generator_class_loss": wrong}
        if paths and batch.apply_penalty:
            half = -(-len(batch.z) // 2)  # as in the authors' code, for the sake of time
            smooth = paths(networks["generator"], batch.z[:half], None if batch.labels is None else batch.labels[:half])
            total = total + settings.path_length_weight * settings.path_length_every * smooth.total
            terms = terms | smooth.terms
        return Loss(total, {"generator_loss": total, **terms})

    return Objective(
        phases=(
            Phase(
                "critic", "critic", settings.n_critic, critic_loss,
                after_step=game.after_step, penalty_interval=settings.gp_every if penalty else 1,
            ),
            Phase(
                "generator", "generator", 1, generator_loss,
                uses_real=game.paired_generator is not None,
                penalty_interval=settings.path_length_every if paths else 1,
            ),
        ),
        meanings=_meanings(game, settings, classify),
        memory=paths,
    )  # fmt: skip


CLASS_MEANINGS = {
    "class_loss": "how badly the critic names the classes of real images; falls towards 0",
    "generator_class_loss": "how badly it names those that the samples were asked for; falls towards 0",
}


def _meanings(game: AdversarialLoss, settings: AdversarialSettings, classify: bool) -> dict[str, str]:
    """Of the terms that the settings bring about."""
    penalties = dict(TERMS[weight] for weight in settings.penalties if weight in TERMS)
    paths = PATH_MEANINGS if settings.path_length_weight else {}
    return game.meanings | penalties | (CLASS_MEANINGS if classify else {}) | paths


def judge(critic: nn.Module, images: Tensor, labels: Tensor | None, classify: bool) -> tuple[Tensor, Tensor | None]:
    """Scores (N,) and, where a critic classifies, logits (N, num_classes), else None; in float32."""
    if not classify:
        return critic(images, labels).float(), None
    scores, logits = critic(images, labels, classify=True)
    return scores.float(), logits.float()
