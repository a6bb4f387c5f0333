"""Objectives of one critic and one generator: the phases, penalties and log terms that the whole family shares."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wgan_cli.objectives.objective import Batch, Loss, NetworksByRole, Objective, Phase, given, settings_of
from wgan_cli.objectives.path_length import TERMS as PATH_TERMS
from wgan_cli.objectives.path_length import PathLength
from wgan_cli.objectives.penalties import Penalty, make_penalty, penalty_terms
from wgan_cli.objectives.terms import Term
from wgan_cli.recipe import Recipe
from wgan_cli.recipe.objective_base import AdversarialSettings, CriticGameSettings


@dataclass(frozen=True)
class AdversarialLoss:
    """Formulas that distinguish one objective of the family from another.

    Attributes:
        critic: (scores of real images, scores of fake images), (N,) each -> the critic's loss and terms to log.
        generator: scores of fake images (N,) -> the generator's loss.
        paired_generator: (scores of real images, scores of fake images) -> the generator's loss, instead of
            `generator`; the generator's phase then takes real images, too.
        penalty: (critic, real, fake, labels) -> weighted addition to the critic's loss and any number of terms, on top
            of the penalties that the settings ask for.
        after_step: called with the networks after each critic step.
        terms: `critic_loss`, `generator_loss` and everything else that the formulas log.
    """

    critic: Callable[[Tensor, Tensor], Loss]
    generator: Callable[[Tensor], Tensor] | None = None
    paired_generator: Callable[[Tensor, Tensor], Tensor] | None = None
    penalty: Penalty | None = None
    after_step: Callable[[NetworksByRole], None] | None = None
    terms: tuple[Term, ...] = ()


def adversarial_objective(recipe: Recipe, loss: AdversarialLoss) -> Objective:
    """Return n_critic steps of the critic, then one of the generator (Goodfellow et al. 2014, Algorithm 1).

    With `model.condition: classifier` the critic also minimizes the cross-entropy of its class logits on real images,
    and the generator that on fake images (AC-GAN, Odena et al. 2017).
    """
    settings = settings_of(recipe, AdversarialSettings)
    classify = recipe.model.shows_critic("classifier")
    paths = PathLength() if settings.path_length_weight else None

    critic_addends, generator_addends = penalty_terms(settings), list[tuple[Term, float]]()
    if classify:
        critic_addends.append((CLASS_LOSS, settings.ac_weight))
        generator_addends.append((GENERATOR_CLASS_LOSS, settings.generator_ac_weight))
    if paths:
        generator_addends.append((PATH_TERMS[0], settings.path_length_weight))
    addends = {"critic_loss": critic_addends, "generator_loss": generator_addends}
    return Objective(
        phases=(
            _critic_phase(recipe, settings, loss, classify),
            _generator_phase(settings, loss, classify, paths),
        ),
        terms=(
            *(with_addends(term, addends.get(term.name, ())) for term in loss.terms),
            *(term for term, _ in critic_addends + generator_addends),
            *(PATH_TERMS[1:] if paths else ()),
        ),
        state=paths,
        **advice(settings),
    )


def _critic_phase(recipe: Recipe, settings: AdversarialSettings, loss: AdversarialLoss, classify: bool) -> Phase:
    penalty = make_penalty(settings, loss.penalty)
    # Batch norm or minibatch layers must not see real and fake images in one batch.
    two_passes = recipe.model.batch_coupling is not None

    def critic_loss(networks: NetworksByRole, batch: Batch) -> Loss:
        generator, critic = networks["generator"], networks["critic"]
        real, labels = given(batch.real), batch.labels
        with torch.no_grad():
            fake = generator(batch.z, labels).float()  # (N, C, H, W)

        if two_passes:
            real_scores, logits = critic_scores(critic, real, labels, classify)  # (N,), (N, num_classes)
            fake_scores, _ = critic_scores(critic, fake, labels, classify)
        else:  # one pass over both is faster
            both_labels = None if labels is None else labels.repeat(2)
            scores, logits = critic_scores(critic, torch.cat([real, fake]), both_labels, classify)
            real_scores, fake_scores = scores.chunk(2)  # (N,), (N,)

        total, terms = loss.critic(real_scores, fake_scores)
        if penalty and batch.apply_penalty:
            added = penalty(critic, real, fake, labels)
            total, terms = total + added.total, terms | added.terms
        if logits is not None:
            class_loss = F.cross_entropy(logits[: len(real)], given(labels))
            total, terms = total + settings.ac_weight * class_loss, {**terms, "class_loss": class_loss}
        return Loss(total, {"critic_loss": total, **terms})

    interval = settings.gp_every if penalty else 1
    return Phase(
        "critic", "critic", settings.n_critic, critic_loss, after_step=loss.after_step, penalty_interval=interval
    )


def _generator_phase(
    settings: AdversarialSettings, loss: AdversarialLoss, classify: bool, paths: PathLength | None
) -> Phase:
    def generator_loss(networks: NetworksByRole, batch: Batch) -> Loss:
        generator, critic, labels = networks["generator"], networks["critic"], batch.labels
        fake = generator(batch.z, labels)  # (N, C, H, W)
        scores, logits = critic_scores(critic, fake, labels, classify)
        terms: dict[str, Tensor] = {}
        if loss.paired_generator:
            with torch.no_grad():
                real_scores, _ = critic_scores(critic, given(batch.real), labels, classify)
            total = loss.paired_generator(real_scores, scores)
        else:
            assert loss.generator is not None
            total = loss.generator(scores)
        if logits is not None:
            terms["generator_class_loss"] = F.cross_entropy(logits, given(labels))
            total = total + settings.generator_ac_weight * terms["generator_class_loss"]
        if paths and batch.apply_penalty:
            half = -(-len(batch.z) // 2)  # as in the authors' code, to save time
            added = paths(generator, batch.z[:half], None if labels is None else labels[:half])
            total = total + settings.path_length_weight * settings.path_length_every * added.total
            terms = terms | added.terms
        return Loss(total, {"generator_loss": total, **terms})

    return Phase(
        "generator",
        "generator",
        1,
        generator_loss,
        uses_real=loss.paired_generator is not None,
        penalty_interval=settings.path_length_every if paths else 1,
    )


CLASS_LOSS = Term("class_loss", "cross-entropy of the critic's class predictions on real images; falls towards 0")
GENERATOR_CLASS_LOSS = Term("generator_class_loss", "the same on samples and their requested classes; falls towards 0")


def critic_scores(
    critic: nn.Module, images: Tensor, labels: Tensor | None, classify: bool
) -> tuple[Tensor, Tensor | None]:
    """Return float32 scores (N,) and, with `classify`, class logits (N, num_classes), else None."""
    if not classify:
        return critic(images, labels).float(), None
    scores, logits = critic(images, labels, classify=True)
    return scores.float(), logits.float()


def with_addends(term: Term, addends: Iterable[tuple[Term, float]]) -> Term:
    """Return a loss term whose meaning lists the weighted terms that the loss includes."""
    listed = " + ".join(f"{weight:g} * {addend.name}" for addend, weight in addends if weight)
    return replace(term, meaning=f"{term.meaning}, plus {listed}") if listed else term


def advice(settings: CriticGameSettings) -> dict[str, Any]:
    """Return the `*_advice` arguments of an Objective with a critic that trains n_critic steps."""
    n_critic = f"a larger n_critic (--set objective.n_critic={max(5, 2 * settings.n_critic)})"
    lower = f"a lower gp_weight (--set objective.gp_weight={settings.gp_weight / 10:g})"
    return {
        "collapse_advice": "a lower optim.generator.lr or a larger objective.n_critic",
        "divergence_advice": (*([lower] if settings.gp_weight > 1 else []), n_critic),
    }
