"""`wgan evaluate`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wgan_cli.commands.completion import complete_checkpoint
from wgan_cli.commands.evaluate_report import (
    as_dict,
    lessons_as_dict,
    show,
    show_inception,
    show_reconstruction,
    show_usefulness,
)
from wgan_cli.commands.evaluate_translation import evaluate_translation
from wgan_cli.commands.options import DataRoot, Device, Json, Seed, example
from wgan_cli.commands.translate import refuse_with_translate
from wgan_cli.errors import WganError

if TYPE_CHECKING:
    import torch

    from wgan_cli.data.dataset import ImageSet
    from wgan_cli.evaluation.real import RealImages
    from wgan_cli.recipe import Recipe
    from wgan_cli.runs.checkpoint import Checkpoint


MOST_NAMED = 20  # classes in an error


def evaluate(
    what: Annotated[
        Path,
        typer.Argument(metavar="RUN|CKPT", help="A run folder, or a checkpoint.", autocompletion=complete_checkpoint),
    ],
    metrics: Annotated[
        str | None,
        typer.Option("--metrics", metavar="LIST", help=r"Such as recall, cas or fid,is. \[default: wgan's own]"),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(
            "-n", "--count", min=10, help=r"How many images. \[default: as many as held out, to 10,000; for fid 50,000]"
        ),
    ] = None,
    seed: Seed = 0,
    pairs: Annotated[
        Path | None,
        typer.Option("--pairs", metavar="FILE.png", help="Draw those most like a training image, each beside it."),
    ] = None,
    subset: Annotated[
        int | None, typer.Option("--subset", min=2, metavar="N", help=r"Real images for augmentation. \[default: 500]")
    ] = None,
    feature_weights: Annotated[
        Path | None,
        typer.Option("--feature-weights", metavar="FILE", help="Of Inception, for fid, is, kid; else downloaded."),
    ] = None,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Images computed at once.")] = 64,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="data.path=PATH", help="Where the folder of training images is now."),
    ] = None,
    as_json: Json = False,
    data_root: DataRoot = None,
    device: Device = "auto",
) -> None:
    """Measure how good and how varied a generator's images are, beside real images held out from it."""
    from wgan_cli.console import data, say
    from wgan_cli.data import default_data_root
    from wgan_cli.evaluation.evaluate import generated_images, images_of
    from wgan_cli.evaluation.inception import check_inception
    from wgan_cli.evaluation.metrics import COPIED, INCEPTION, OWN, USEFULNESS, chosen_metrics
    from wgan_cli.evaluation.real import real_images
    from wgan_cli.outputs.reconstruct import has_encoder
    from wgan_cli.outputs.sampling import load_generator
    from wgan_cli.runs.environment import resolve_device

    where, root = resolve_device(device), data_root or default_data_root()
    generator, checkpoint = load_generator(what, where)
    if checkpoint.recipe.model.task == "translation":
        of_noise = {"--metrics": metrics, "--pairs": pairs, "--subset": subset, "--feature-weights": feature_weights}
        refuse_with_translate(of_noise)
        recipe = _with_moved_folder(checkpoint.recipe, settings or [])
        return evaluate_translation(generator, recipe, checkpoint, what, root, where, count, as_json)
    chosen = chosen_metrics(metrics, checkpoint.recipe.model.conditional, has_encoder(checkpoint))
    own, copied, useful, inception = (
        [name for name in chosen if name in kind] for kind in (OWN, COPIED, USEFULNESS, INCEPTION)
    )
    _check_together(own, useful, inception, pairs, subset, feature_weights)
    if inception:
        check_inception(feature_weights)
    recipe = _with_moved_folder(checkpoint.recipe, settings or [])
    subject = _Subject(
        title=f"{what}: {checkpoint.source}, seed {seed}",
        recipe=recipe,
        step=checkpoint.step,
        make=lambda number: generated_images(generator, recipe, checkpoint.image, number, seed, batch),
        make_of=lambda labels: images_of(generator, recipe, labels, seed, batch),
        real=real_images(recipe.data, root, say, _training_images(recipe, checkpoint, what, root)),
        data_root=root,
        device=where,
        count=count,
        shown=not as_json,
    )
    result = {"checkpoint": str(what), "recipe": recipe.name, "step": checkpoint.step, "seed": seed}
    if own:
        result |= _measure_own(subject, own, pairs, strict=metrics is not None)
    if copied:
        result |= _measure_reconstruction(subject, what, batch)
    if useful:
        result |= _measure_usefulness(subject, useful, subset)
    if inception:
        result |= _measure_inception(subject, inception, feature_weights)
    if as_json:
        data().print(json.dumps(result), soft_wrap=True)
    return None


evaluate.__doc__ += "\n\n" + example(
    "wgan evaluate runs/digits_dcgan",
    "wgan evaluate runs/digits_dcgan/checkpoints/step_00001000.pth --metrics distance,recall",
    "wgan evaluate runs/digits_dcgan --pairs pairs.png",
    "wgan evaluate G.pth -n 5000 --json",
    "wgan evaluate G.pth --metrics cas,augmentation",
    "wgan evaluate G.pth --metrics fid,is,kid --feature-weights inception.pth",
)


@dataclass(frozen=True)
class _Subject:
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


def _measure_own(subject: _Subject, chosen: list[str], pairs: Path | None, strict: bool) -> dict[str, Any]:
    from wgan_cli.console import say
    from wgan_cli.evaluation.evaluate import Reference, evaluate_images
    from wgan_cli.evaluation.features import make_features
    from wgan_cli.evaluation.pairs import save_pairs

    features = make_features(subject.real, subject.recipe.data.source, subject.data_root, subject.device, say)
    unknown = [name for name in ("classes", "agreement") if strict and name in chosen and not features.class_names]
    if unknown:
        names = " and ".join(unknown)
        raise WganError(f"--metrics names {names}, and {features.name} knows none", f"leave {names} out of --metrics")
    reference = Reference(subject.real, features, subject.count)
    images, labels = subject.make(reference.count)
    found = evaluate_images(images, labels, subject.step, reference)
    if subject.shown:
        show(subject.title, found, chosen)
    if pairs is not None:
        written = save_pairs(images, reference, pairs)
        say(f"the {written} images nearest to training images, each left of it: {pairs}")
    return as_dict(found, chosen)


def _measure_reconstruction(subject: _Subject, what: Path, batch: int) -> dict[str, Any]:
    from wgan_cli.console import say
    from wgan_cli.evaluation.features import make_features
    from wgan_cli.evaluation.reconstruction import measure_reconstruction
    from wgan_cli.outputs.reconstruct import load_autoencoder

    networks, _ = load_autoencoder(what, subject.device, batch)
    features = make_features(subject.real, subject.recipe.data.source, subject.data_root, subject.device, say)
    found = measure_reconstruction(networks, subject.real, features, subject.count)
    if subject.shown:
        show_reconstruction(found, subject.real)
    return {"reconstruction": asdict(found) | {"seen_by_generator": subject.real.seen}}


def _measure_usefulness(subject: _Subject, chosen: list[str], subset: int | None) -> dict[str, Any]:
    from wgan_cli.console import say
    from wgan_cli.evaluation.usefulness import SUBSET, augmentation, classification_accuracy

    say("training classifiers on what was generated; a minute or two each time")
    found, few = {}, subset or min(SUBSET, len(subject.real.training))
    if "cas" in chosen:
        found["cas"] = classification_accuracy(subject.make_of, subject.real, subject.device, subject.count)
    if "augmentation" in chosen:
        found["augmentation"] = augmentation(subject.make_of, subject.real, subject.device, few, subject.count)
    if subject.shown:
        show_usefulness(subject.title, found, subject.real, few)
    return lessons_as_dict(found, subject.real, few)


def _measure_inception(subject: _Subject, chosen: list[str], weights: Path | None) -> dict[str, Any]:
    from wgan_cli.evaluation.inception import COUNT, measure_inception

    images, _ = subject.make(subject.count or COUNT)
    scores = measure_inception(images, subject.real.training, subject.real.held_out, chosen, weights, subject.device)
    if subject.shown:
        show_inception(subject.title, scores, subject.real.seen)
    return {"inception": asdict(scores) | {"seen_by_generator": subject.real.seen}}


def _check_together(
    own: list[str], useful: list[str], inception: list[str], pairs: Path | None, subset: int | None,
    weights: Path | None,
) -> None:  # fmt: skip
    from wgan_cli.outputs.grid import picture_format

    if weights is not None and not inception:
        raise WganError("--feature-weights is only for fid, is and kid", "add --metrics fid,is,kid")
    if subset is not None and "augmentation" not in useful:
        raise WganError("--subset is only for augmentation", "add --metrics augmentation")
    if pairs is not None:
        picture_format(pairs)
        if not own:
            raise WganError("--pairs looks for copies in wgan's own features", "add copies to --metrics")


def _with_moved_folder(recipe: Recipe, settings: list[str]) -> Recipe:
    """The recipe with what may be said anew of a trained generator's data: where its folder is, and how it is read."""
    from wgan_cli.recipe import apply_settings
    from wgan_cli.recipe.schema import FREE_ON_RESUME

    free = sorted(name for name in FREE_ON_RESUME if name.startswith("data."))
    for setting in settings:
        name = setting.partition("=")[0].strip()
        if name not in free:
            raise WganError(
                f"--set {setting[:60]!r}: a generator that is trained keeps its recipe's {name[:60]}",
                f"only {', '.join(free)} can be said anew",
            )
    return apply_settings(recipe.as_dict(), settings, "the checkpoint's recipe") if settings else recipe


def _training_images(recipe: Recipe, checkpoint: Checkpoint, what: Path, data_root: Path) -> ImageSet:
    """What the generator learnt from, which may have changed since."""
    from wgan_cli.console import say
    from wgan_cli.data import load_images

    dataset = load_images(recipe.data, data_root, say)
    if str(dataset.shape) != str(checkpoint.image):
        raise WganError(
            f"{dataset.origin} has images of {dataset.shape} now, and {what} learnt from {checkpoint.image}",
            "give the images back that it was trained on; `wgan inspect` shows the recipe",
        )
    if recipe.model.conditional and dataset.class_names != checkpoint.class_names:
        now, then = (", ".join(names[:MOST_NAMED]) for names in (dataset.class_names, checkpoint.class_names))
        raise WganError(
            f"{dataset.origin} has the classes {now} now, and {what} learnt {then}",
            "give the images back that it was trained on; `wgan inspect` shows the recipe",
        )
    return dataset
