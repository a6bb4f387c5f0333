"""Measurements of `wgan evaluate`; each kind of metric is printed as soon as it is known."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wgan_cli.cli.render.evaluate_report import (
    as_dict,
    results_as_dict,
    show,
    show_inception,
    show_reconstruction,
    show_translation,
    show_usefulness,
)
from wgan_cli.errors import WganError

if TYPE_CHECKING:
    import torch
    from torch import nn

    from wgan_cli.evaluation.features import Features
    from wgan_cli.evaluation.real_images import RealImages
    from wgan_cli.recipe import Recipe
    from wgan_cli.recipe.data_settings import DataSettings
    from wgan_cli.runs.checkpoint import Checkpoint

FEW = 200  # scores of fewer images are noisy


@dataclass(frozen=True)
class Subject:
    """The generator to evaluate, and how."""

    source: Path
    generator: nn.Module
    checkpoint: Checkpoint
    recipe: Recipe
    data_root: Path
    device: torch.device
    count: int | None
    seed: int
    batch: int
    as_json: bool

    @property
    def title(self) -> str:
        return f"{self.source}: {self.checkpoint.source}, seed {self.seed}"

    @property
    def data(self) -> DataSettings:
        from wgan_cli.recipe.data_settings import DataSettings

        assert isinstance(self.recipe.data, DataSettings)
        return self.recipe.data

    @cached_property
    def real(self) -> RealImages:
        """Real images, loaded on first use."""
        from wgan_cli.console import print_message
        from wgan_cli.evaluation.real_images import real_images, training_images

        dataset = training_images(self.recipe, self.checkpoint, str(self.source), self.data_root, print_message)
        return real_images(self.data, self.data_root, print_message, dataset)

    @cached_property
    def features(self) -> Features:
        """Feature extractor; its classifier may have to be trained, so it is created once, on first use."""
        from wgan_cli.console import print_message
        from wgan_cli.evaluation.features import make_features

        return make_features(self.real, self.data.source, self.data_root, self.device, print_message)

    def sample(self, count: int) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Generate images and, for a conditional generator, their labels."""
        from wgan_cli.outputs.sampling import sample_images

        return sample_images(self.generator, self.recipe, self.checkpoint.image, count, self.seed, self.batch)

    def sample_of(self, labels: torch.Tensor) -> torch.Tensor:
        """Generate images of classes."""
        from wgan_cli.outputs.sampling import sample_images_of

        return sample_images_of(self.generator, self.recipe, labels, self.seed, self.batch)

    def print_json(self, result: dict[str, Any]) -> None:
        from wgan_cli.console import data

        about = {"checkpoint": str(self.source), "recipe": self.recipe.name, "step": self.checkpoint.step}
        data().print(json.dumps({**about, **result}), soft_wrap=True)


@dataclass(frozen=True)
class Request:
    """Metrics to measure, by kind, with their options. explicit: the user named them, so an unavailable one fails."""

    own: list[str]
    reconstruction: list[str]
    usefulness: list[str]
    inception: list[str]
    pairs: Path | None
    subset: int | None
    weights: Path | None
    explicit: bool


def measure(subject: Subject, request: Request) -> None:
    """Measure everything requested, and print it."""
    result: dict[str, Any] = {"seed": subject.seed}
    if request.own:
        result |= _measure_own(subject, request.own, request.pairs, request.explicit)
    if request.reconstruction:
        result |= _measure_reconstruction(subject)
    if request.usefulness:
        result |= _measure_usefulness(subject, request.usefulness, request.subset)
    if request.inception:
        result |= _measure_inception(subject, request.inception, request.weights)
    if subject.as_json:
        subject.print_json(result)


def evaluate_translation(subject: Subject) -> None:
    """Evaluate both directions of a translator, and print the scores."""
    from wgan_cli.console import print_message
    from wgan_cli.evaluation.translation import make_translation_reference
    from wgan_cli.recipe.data_settings import PairSettings

    data = subject.recipe.data
    assert isinstance(data, PairSettings)
    reference = make_translation_reference(data, subject.data_root, subject.device, print_message, subject.count)
    found = reference.evaluate(subject.generator, subject.recipe, subject.checkpoint.step)
    if subject.as_json:
        facts = {"held_out": found.held_out, "seen_by_generator": found.seen, "features": found.features or None}
        subject.print_json({**facts, **found.as_dict()})
    else:
        show_translation(f"{subject.source}: {subject.checkpoint.source}", found)


def _measure_own(subject: Subject, chosen: list[str], pairs: Path | None, explicit: bool) -> dict[str, Any]:
    from wgan_cli.console import print_message
    from wgan_cli.evaluation.evaluate import Reference
    from wgan_cli.evaluation.memorization import save_pairs

    features = subject.features
    missing = [name for name in ("classes", "agreement") if name in chosen and not features.class_names]
    if explicit and missing:
        names = " and ".join(missing)
        raise WganError(f"--metrics {names} needs classes, but {features.name} has none", f"remove {names}")
    reference = Reference(subject.real, features, subject.count)
    images, labels = subject.sample(reference.count)
    found = reference.evaluate_images(images, labels, subject.checkpoint.step)
    if not subject.as_json:
        show(subject.title, found, chosen)
        if subject.count is None and reference.count < FEW:
            print_message(f"note: scores of {reference.count} images are noisy; look at samples as well")
    if pairs is not None:
        written = save_pairs(images, reference, pairs)
        print_message(f"{written} samples nearest to training images, each left of its neighbor: {pairs}")
    return as_dict(found, chosen)


def _measure_reconstruction(subject: Subject) -> dict[str, Any]:
    from wgan_cli.evaluation.reconstruction import measure_reconstruction
    from wgan_cli.outputs.reconstruct import open_autoencoder

    networks, _ = open_autoencoder(subject.source, subject.device, subject.batch)
    found = measure_reconstruction(networks, subject.real, subject.features, subject.count)
    if not subject.as_json:
        show_reconstruction(found, subject.real)
    return {"reconstruction": asdict(found) | {"seen_by_generator": subject.real.seen}}


def _measure_usefulness(subject: Subject, chosen: list[str], subset: int | None) -> dict[str, Any]:
    from wgan_cli.console import print_message
    from wgan_cli.evaluation.usefulness import SUBSET, augmentation, classification_accuracy

    print_message("training classifiers on generated images; each takes a minute or two")
    real, found = subject.real, {}
    subset = subset or min(SUBSET, len(real.training))
    if "cas" in chosen:
        found["cas"] = classification_accuracy(subject.sample_of, real, subject.device, subject.count)
    if "augmentation" in chosen:
        found["augmentation"] = augmentation(subject.sample_of, real, subject.device, subset, subject.count)
    if not subject.as_json:
        show_usefulness(subject.title, found, real, subset)
    return results_as_dict(found, real, subset)


def _measure_inception(subject: Subject, chosen: list[str], weights: Path | None) -> dict[str, Any]:
    from wgan_cli.evaluation.inception import COUNT, measure_inception

    real = subject.real
    images, _ = subject.sample(subject.count or COUNT)
    scores = measure_inception(images, real.training, real.held_out, chosen, weights, subject.device)
    if not subject.as_json:
        show_inception(subject.title, scores, real.seen)
    return {"inception": asdict(scores) | {"seen_by_generator": real.seen}}
