"""Measurements of `wgan evaluate`; each kind of metric is printed as soon as it is known."""

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import nn

from wgan_cli.cli.render import evaluate_report as report
from wgan_cli.console import data, print_message
from wgan_cli.errors import WganError
from wgan_cli.evaluation.evaluate import PAIRS, Reference, pairs_grid
from wgan_cli.evaluation.features import Features, make_features
from wgan_cli.evaluation.inception import COUNT, check_inception, measure_inception
from wgan_cli.evaluation.metrics import INCEPTION, OWN, RECONSTRUCTION, USEFULNESS, chosen_metrics
from wgan_cli.evaluation.real_images import RealImages, real_images, training_images
from wgan_cli.evaluation.reconstruction import measure_reconstruction
from wgan_cli.evaluation.translation import make_translation_reference
from wgan_cli.evaluation.usefulness import SUBSET, augmentation, classification_accuracy
from wgan_cli.outputs.grid import picture_format, save_picture
from wgan_cli.outputs.reconstruct import has_encoder, open_autoencoder
from wgan_cli.outputs.sampling import generate, sample_images, sample_latents
from wgan_cli.recipe import Recipe, apply_settings
from wgan_cli.recipe.data_settings import DataSettings, PairSettings
from wgan_cli.recipe.schema import FREE_ON_RESUME
from wgan_cli.runs.checkpoint import Checkpoint
from wgan_cli.utils.format import Activity

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

    @cached_property
    def title(self) -> str:
        """Name of the checkpoint in tables."""
        return f"{self.source}: {self.checkpoint.source}, seed {self.seed}"

    @cached_property
    def data(self) -> DataSettings:
        """Settings of the training images."""
        assert isinstance(self.recipe.data, DataSettings)
        return self.recipe.data

    @cached_property
    def real(self) -> RealImages:
        """Real images, loaded on first use."""
        dataset = training_images(self.recipe, self.checkpoint, str(self.source), self.data_root, print_message)
        return real_images(self.data, self.data_root, print_message, dataset)

    @cached_property
    def features(self) -> Features:
        """Feature extractor; its classifier may have to be trained, so it is created once, on first use."""
        return make_features(self.real, self.data.source, self.data_root, self.device, print_message)

    def sample(self, count: int) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Generate images and, for a conditional generator, their labels."""
        image, dtype = self.checkpoint.image, self.real.training.dataset.images.dtype
        return sample_images(self.generator, self.recipe, image, count, self.seed, self.batch, dtype)

    def sample_of(self, labels: torch.Tensor) -> torch.Tensor:
        """Generate images of classes."""
        z = sample_latents(self.recipe.model.latent_dim, len(labels), self.seed)
        dtype = self.real.training.dataset.images.dtype
        return torch.cat(list(generate(self.generator, z, self.batch, labels.numpy(), dtype)))

    def print_json(self, result: dict[str, Any]) -> None:
        """Print facts of the checkpoint and the result as a JSON object."""
        about = {"checkpoint": str(self.source), "recipe": self.recipe.name, "step": self.checkpoint.step}
        data().print(json.dumps({**about, **result}), soft_wrap=True)


def measure(
    subject: Subject, metrics: str | None, *, pairs: Path | None, subset: int | None, weights: Path | None
) -> None:
    """Measure a list of metrics (the default ones if None), and print them.

    Raises: WganError if the generator does not support a metric, or options do not fit together.
    """
    conditional = subject.recipe.model.conditional
    chosen = chosen_metrics(metrics, conditional, has_encoder(subject.checkpoint))
    own, usefulness, inception = ([n for n in chosen if n in kind] for kind in (OWN, USEFULNESS, INCEPTION))
    if weights is not None and not inception:
        raise WganError("--feature-weights is only for fid, is and kid", "add --metrics fid,is,kid")
    if subset is not None and "augmentation" not in usefulness:
        raise WganError("--subset is only for augmentation", "add --metrics augmentation")
    if pairs is not None:
        picture_format(pairs)
        if not own:
            raise WganError("--pairs needs wgan's own features", "add memorization to --metrics")
    if inception:
        check_inception(weights)
    result: dict[str, Any] = {"seed": subject.seed}
    if own:
        result |= _measure_own(subject, own, pairs, explicit=metrics is not None)
    real = subject.real
    if set(RECONSTRUCTION) & set(chosen):
        networks, _ = open_autoencoder(subject.source, subject.device, subject.batch)
        errors = measure_reconstruction(networks, real, subject.features, subject.count)
        if not subject.as_json:
            report.show_reconstruction(errors, real)
        result["reconstruction"] = asdict(errors) | {"seen_by_generator": real.seen}
    if usefulness:
        result |= _measure_usefulness(subject, usefulness, subset or min(SUBSET, len(real.training)))
    if inception:
        print_message(Activity("computing Inception features"))
        images, _ = subject.sample(subject.count or COUNT)
        if images.shape[1] == 4:
            print_message(f"note: Inception sees transparent images on {subject.data.background_name}")
        scores = measure_inception(
            images, real.training, real.held_out, inception, weights, subject.device, subject.data.background_rgb
        )
        if not subject.as_json:
            report.show_inception(subject.title, scores, real.seen)
        result["inception"] = asdict(scores) | {"seen_by_generator": real.seen}
    if subject.as_json:
        subject.print_json(result)


def evaluate_translation(subject: Subject) -> None:
    """Evaluate both directions of a translator, and print the scores."""
    settings = subject.recipe.data
    assert isinstance(settings, PairSettings)
    reference = make_translation_reference(settings, subject.data_root, subject.device, print_message, subject.count)
    found = reference.evaluate(subject.generator, subject.recipe, subject.checkpoint.step)
    if subject.as_json:
        facts = {"held_out": found.held_out, "seen_by_generator": found.seen, "features": found.features or None}
        subject.print_json({**facts, **found.as_dict()})
    else:
        report.show_translation(f"{subject.source}: {subject.checkpoint.source}", found)


def with_moved_folder(recipe: Recipe, settings: list[str]) -> Recipe:
    """Apply settings of the data's location, the only ones that a trained generator allows to change."""
    allowed = sorted(name for name in FREE_ON_RESUME if name.startswith("data."))
    for setting in settings:
        name = setting.partition("=")[0].strip()
        if name not in allowed:
            raise WganError(
                f"--set {setting[:60]!r}: {name[:60]} is fixed once a generator is trained",
                f"only {', '.join(allowed)} can change",
            )
    return apply_settings(recipe.as_dict(), settings, "the checkpoint's recipe") if settings else recipe


def _measure_own(subject: Subject, chosen: list[str], pairs: Path | None, explicit: bool) -> dict[str, Any]:
    features = subject.features
    missing = " and ".join(name for name in ("classes", "agreement") if name in chosen and not features.class_names)
    if explicit and missing:  # the default metrics leave them out
        raise WganError(f"--metrics {missing} needs classes, but {features.name} has none", f"remove {missing}")
    reference = Reference(subject.real, features, subject.count)
    print_message(Activity(f"comparing {reference.count:,} generated images with real ones"))
    images, labels = subject.sample(reference.count)
    found = reference.evaluate_images(images, labels, subject.checkpoint.step)
    if not subject.as_json:
        report.show(subject.title, found, chosen)
        if subject.count is None and reference.count < FEW:
            print_message(f"note: scores of {reference.count} images are noisy; look at samples as well")
    if pairs is not None:
        save_picture(pairs_grid(images, reference), pairs)
        written = min(PAIRS, len(images))
        print_message(f"{written} samples nearest to training images, each left of its neighbor: {pairs}")
    return report.as_dict(found, chosen)


def _measure_usefulness(subject: Subject, chosen: list[str], subset: int) -> dict[str, Any]:
    print_message("training classifiers on generated images; each takes a minute or two")
    real, found = subject.real, {}
    if "cas" in chosen:
        found["cas"] = classification_accuracy(subject.sample_of, real, subject.device, subject.count)
    if "augmentation" in chosen:
        found["augmentation"] = augmentation(subject.sample_of, real, subject.device, subset, subject.count)
    if not subject.as_json:
        report.show_usefulness(subject.title, found, real, subset)
    return report.results_as_dict(found, real, subset)
