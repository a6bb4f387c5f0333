"""What `wgan evaluate` measures of a generator of noise, kind by kind, each shown as it comes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wgan_cli.cli.render.evaluate_report import (
    as_dict,
    lessons_as_dict,
    show,
    show_inception,
    show_reconstruction,
    show_usefulness,
)
from wgan_cli.errors import WganError

if TYPE_CHECKING:
    import torch

    from wgan_cli.evaluation.real_images import RealImages
    from wgan_cli.recipe import Recipe

FEW = 200  # images; scores of fewer say little


@dataclass(frozen=True)
class Subject:
    """What is measured, and beside what.

    make: a number to so many images and their classes, if they have any. make_of: classes to images of them.
    """

    title: str
    recipe: Recipe
    step: int
    make: Callable[[int], tuple[torch.Tensor, torch.Tensor | None]]
    make_of: Callable[[torch.Tensor], torch.Tensor]
    real: RealImages
    data_root: Path
    device: torch.device
    count: int | None
    shown: bool


@dataclass(frozen=True)
class Wishes:
    """What is to be measured: names of metrics by their kind, and what belongs to some of them alone.

    strict: whether they were named, so that one that cannot be measured is an error.
    """

    own: list[str]
    copied: list[str]
    useful: list[str]
    inception: list[str]
    pairs: Path | None
    subset: int | None
    weights: Path | None
    strict: bool


def measure(subject: Subject, wishes: Wishes, what: Path, seed: int, batch: int, as_json: bool) -> None:
    """Measure all that is wished for, each kind shown as it comes."""
    from wgan_cli.console import data

    result = {"checkpoint": str(what), "recipe": subject.recipe.name, "step": subject.step, "seed": seed}
    if wishes.own:
        result |= _measure_own(subject, wishes.own, wishes.pairs, wishes.strict)
    if wishes.copied:
        result |= _measure_reconstruction(subject, what, batch)
    if wishes.useful:
        result |= _measure_usefulness(subject, wishes.useful, wishes.subset)
    if wishes.inception:
        result |= _measure_inception(subject, wishes.inception, wishes.weights)
    if as_json:
        data().print(json.dumps(result), soft_wrap=True)


def _measure_own(subject: Subject, chosen: list[str], pairs: Path | None, strict: bool) -> dict[str, Any]:
    from wgan_cli.console import print_message
    from wgan_cli.evaluation.evaluate import Reference, evaluate_images
    from wgan_cli.evaluation.features import make_features
    from wgan_cli.evaluation.paired_images import save_pairs

    features = make_features(subject.real, subject.recipe.data.source, subject.data_root, subject.device, print_message)
    unknown = [name for name in ("classes", "agreement") if strict and name in chosen and not features.class_names]
    if unknown:
        names = " and ".join(unknown)
        raise WganError(f"--metrics names {names}, and {features.name} knows none", f"leave {names} out of --metrics")
    reference = Reference(subject.real, features, subject.count)
    images, labels = subject.make(reference.count)
    found = evaluate_images(images, labels, subject.step, reference)
    if subject.shown:
        show(subject.title, found, chosen)
        if subject.count is None and reference.count < FEW:
            print_message(f"note: scores of {reference.count} images say little; look at samples as well")
    if pairs is not None:
        written = save_pairs(images, reference, pairs)
        print_message(f"the {written} images nearest to training images, each left of it: {pairs}")
    return as_dict(found, chosen)


def _measure_reconstruction(subject: Subject, what: Path, batch: int) -> dict[str, Any]:
    from wgan_cli.console import print_message
    from wgan_cli.evaluation.features import make_features
    from wgan_cli.evaluation.reconstruction import measure_reconstruction
    from wgan_cli.outputs.reconstruct import load_autoencoder

    networks, _ = load_autoencoder(what, subject.device, batch)
    features = make_features(subject.real, subject.recipe.data.source, subject.data_root, subject.device, print_message)
    found = measure_reconstruction(networks, subject.real, features, subject.count)
    if subject.shown:
        show_reconstruction(found, subject.real)
    return {"reconstruction": asdict(found) | {"seen_by_generator": subject.real.seen}}


def _measure_usefulness(subject: Subject, chosen: list[str], subset: int | None) -> dict[str, Any]:
    from wgan_cli.console import print_message
    from wgan_cli.evaluation.usefulness import SUBSET, augmentation, classification_accuracy

    print_message("training classifiers on what was generated; a minute or two each time")
    found, few = {}, subset or min(SUBSET, len(subject.real.training))
    if "cas" in chosen:
        found["cas"] = classification_accuracy(subject.make_of, subject.real, subject.device, subject.count)
    if "augmentation" in chosen:
        found["augmentation"] = augmentation(subject.make_of, subject.real, subject.device, few, subject.count)
    if subject.shown:
        show_usefulness(subject.title, found, subject.real, few)
    return lessons_as_dict(found, subject.real, few)


def _measure_inception(subject: Subject, chosen: list[str], weights: Path | None) -> dict[str, Any]:
    from wgan_cli.evaluation.inception import COUNT, measure_inception

    images, _ = subject.make(subject.count or COUNT)
    scores = measure_inception(images, subject.real.training, subject.real.held_out, chosen, weights, subject.device)
    if subject.shown:
        show_inception(subject.title, scores, subject.real.seen)
    return {"inception": asdict(scores) | {"seen_by_generator": subject.real.seen}}
