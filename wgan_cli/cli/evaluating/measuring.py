"""Measurements of `wgan evaluate`; each kind of metric is printed as soon as it is known."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from wgan_cli.cli.evaluating.subjects import FilesSubject, GeneratorSubject, Subject
from wgan_cli.cli.render import evaluate_report as report
from wgan_cli.console import print_message
from wgan_cli.errors import WganError
from wgan_cli.evaluation.evaluate import PAIRS, Reference, pairs_grid, unequal
from wgan_cli.evaluation.inception import COUNT, check_inception, measure_inception
from wgan_cli.evaluation.metrics import INCEPTION, OWN, RECONSTRUCTION, USEFULNESS, chosen_metrics
from wgan_cli.evaluation.reconstruction import measure_reconstruction
from wgan_cli.evaluation.translation import make_translation_reference
from wgan_cli.evaluation.usefulness import SUBSET, augmentation, classification_accuracy
from wgan_cli.outputs.grid import picture_format, save_picture
from wgan_cli.outputs.reconstruct import open_autoencoder
from wgan_cli.recipe import Recipe, apply_settings
from wgan_cli.recipe.data_settings import PairSettings
from wgan_cli.recipe.schema import FREE_ON_RESUME
from wgan_cli.runs.pretrained import source_title
from wgan_cli.utils.files import make_parent
from wgan_cli.utils.format import Activity

FEW = 200  # scores of fewer images are noisy


def measure(
    subject: Subject, metrics: str | None, *, pairs: Path | None, subset: int | None, weights: Path | None
) -> None:
    """Measure a list of metrics (the default ones if None), and print them.

    Raises: WganError if the generator does not support a metric, or options do not fit together.
    """
    chosen = chosen_metrics(metrics, subject.missing)
    own, usefulness, inception = ([n for n in chosen if n in kind] for kind in (OWN, USEFULNESS, INCEPTION))
    if weights is not None and not inception:
        raise WganError("--feature-weights is only for fid, is and kid", "add --metrics fid,is,kid")
    if subset is not None and "augmentation" not in usefulness:
        raise WganError("--subset is only for augmentation", "add --metrics augmentation")
    if pairs is not None:
        picture_format(pairs)
        if not own:
            raise WganError("--pairs needs wgan's own features", "add memorization to --metrics")
        make_parent(pairs)
    if inception:
        check_inception(weights)
    result: dict[str, Any] = {}
    if own:
        result |= _measure_own(subject, own, pairs, explicit=metrics is not None)
    real = subject.real
    if set(RECONSTRUCTION) & set(chosen):
        assert isinstance(subject, GeneratorSubject)
        networks, _ = open_autoencoder(subject.source, subject.device, subject.batch)
        errors = measure_reconstruction(networks, real, subject.features, subject.count)
        if not subject.as_json:
            report.show_reconstruction(errors, real)
        result["reconstruction"] = asdict(errors) | {"seen_by_generator": real.seen}
    if usefulness:
        assert isinstance(subject, GeneratorSubject)
        result |= _measure_usefulness(subject, usefulness, subset or min(SUBSET, len(real.training)))
    if inception:
        print_message(Activity("computing Inception features"))
        images, _ = subject.sample(subject.count or COUNT)
        if (held_out := len(real.held_out)) < len(images):
            print_message(f"{unequal(len(images), held_out)}; -n {held_out} makes as many")
        if images.shape[1] == 4 and real.training.dataset.preview_channels is None:
            print_message(f"note: Inception sees transparent images on {subject.data.background_name}")
        scores = measure_inception(
            images, real.training, real.held_out, inception, weights, subject.device, subject.data.background_rgb
        )
        if not subject.as_json:
            report.show_inception(subject.heading, scores, real.seen)
        result["inception"] = asdict(scores) | {"seen_by_generator": real.seen}
    if subject.as_json:
        subject.print_json(result)
    if metrics is None and isinstance(subject, FilesSubject):
        print_message(f"note: {', '.join(subject.missing)} need a generator, and files of images have none")


def evaluate_translation(subject: GeneratorSubject) -> None:
    """Evaluate both directions of a translator, and print the scores."""
    settings = subject.recipe.data
    assert isinstance(settings, PairSettings)
    reference = make_translation_reference(settings, subject.data_root, subject.device, print_message, subject.count)
    found = reference.evaluate(subject.generator, subject.recipe, subject.checkpoint.step)
    if subject.as_json:
        facts = {"held_out": found.held_out, "seen_by_generator": found.seen, "features": found.features or None}
        subject.print_json({**facts, **found.as_dict()})
    else:
        report.show_translation(f"{source_title(subject.source)}: {subject.checkpoint.source}", found)


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
    reference = Reference(subject.real, features, subject.own_count)
    reference.log_unequal(print_message)
    print_message(Activity(f"comparing {reference.count:,} generated images with real ones"))
    images, labels = subject.sample(reference.count)
    if labels is None and "agreement" in chosen and features.class_names:
        chosen = _without_agreement(subject, chosen, explicit)
    found = reference.evaluate_images(images, labels, subject.step)
    if not subject.as_json:
        report.show(subject.heading, found, chosen)
        if subject.count is None and reference.count < FEW:
            print_message(f"note: scores of {reference.count} images are noisy; look at samples as well")
    if pairs is not None:
        save_picture(pairs_grid(images, reference), pairs)
        written = min(PAIRS, len(images))
        print_message(f"{written} samples nearest to training images, each left of its neighbor: {pairs}")
    return report.as_dict(found, chosen)


def _without_agreement(subject: Subject, chosen: list[str], explicit: bool) -> list[str]:
    """Leave out the agreement with classes that files don't have. Raises: WganError if it was asked for."""
    problem = f"agreement needs the classes of {subject.source}, one folder for each as the real images have"
    if explicit:
        raise WganError(f"--metrics {problem}", "remove agreement, or sort the images into such folders")
    print_message(f"note: {problem}")
    return [name for name in chosen if name != "agreement"]


def _measure_usefulness(subject: GeneratorSubject, chosen: list[str], subset: int) -> dict[str, Any]:
    print_message("training classifiers on generated images; each takes a minute or two")
    real, found = subject.real, {}
    if "cas" in chosen:
        found["cas"] = classification_accuracy(subject.sample_of, real, subject.device, subject.count)
    if "augmentation" in chosen:
        found["augmentation"] = augmentation(subject.sample_of, real, subject.device, subset, subject.count)
    if not subject.as_json:
        report.show_usefulness(subject.heading, found, real, subset)
    return report.results_as_dict(found, real, subset)
