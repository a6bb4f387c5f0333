"""`wgan evaluate`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wgan_cli.commands.evaluate_report import as_dict, show, show_inception
from wgan_cli.commands.options import DataRoot, Device, Json, Seed, example
from wgan_cli.errors import WganError

if TYPE_CHECKING:
    from wgan_cli.data.dataset import ImageSet
    from wgan_cli.evaluation.features import Features
    from wgan_cli.runs.checkpoint import Checkpoint


def evaluate(
    what: Annotated[Path, typer.Argument(metavar="RUN|CKPT", help="A run folder, or a checkpoint.")],
    metrics: Annotated[
        str | None,
        typer.Option("--metrics", metavar="LIST", help=r"Such as distance,recall or fid,is. \[default: wgan's own]"),
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
    feature_weights: Annotated[
        Path | None,
        typer.Option("--feature-weights", metavar="FILE", help="Of Inception, for fid, is, kid; else downloaded."),
    ] = None,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Images computed at once.")] = 64,
    as_json: Json = False,
    data_root: DataRoot = None,
    device: Device = "auto",
) -> None:
    """Measure how good and how varied a generator's images are, beside real images held out from it."""
    from wgan_cli.console import data, say
    from wgan_cli.data import default_data_root
    from wgan_cli.evaluation.evaluate import evaluate_images, generated_images, make_reference
    from wgan_cli.evaluation.inception import COUNT, check_inception, measure_inception
    from wgan_cli.evaluation.metrics import INCEPTION, OWN, chosen_metrics
    from wgan_cli.evaluation.pairs import save_pairs
    from wgan_cli.evaluation.real import real_images
    from wgan_cli.outputs.sampling import load_generator
    from wgan_cli.runs.environment import resolve_device

    chosen = chosen_metrics(metrics)
    own, inception = [name for name in chosen if name in OWN], [name for name in chosen if name in INCEPTION]
    _check_together(own, inception, pairs, feature_weights)
    if inception:
        check_inception(feature_weights)
    where, root = resolve_device(device), data_root or default_data_root()
    generator, checkpoint = load_generator(what, where)
    settings, latent_dim = checkpoint.recipe.data, checkpoint.recipe.model.latent_dim
    dataset = _training_images(checkpoint, what, root)
    result = {"checkpoint": str(what), "recipe": checkpoint.recipe.name, "step": checkpoint.step, "seed": seed}
    title = f"{what}: {checkpoint.source}, seed {seed}"

    if own:
        reference = make_reference(settings, root, where, say, count, dataset)
        if metrics is not None:
            _check_classes(own, reference.features)
        images = generated_images(generator, latent_dim, reference.count, seed, batch)
        found = evaluate_images(images, checkpoint.step, reference)
        result |= as_dict(found, own)
        if not as_json:
            show(title, found, own)
        if pairs is not None:
            written = save_pairs(images, reference, pairs)
            say(f"the {written} images nearest to training images, each left of it: {pairs}")
    if inception:
        images = generated_images(generator, latent_dim, count or COUNT, seed, batch)
        real = real_images(settings, root, say, dataset)
        scores = measure_inception(images, real.training, real.held_out, inception, feature_weights, where)
        result["inception"] = asdict(scores)
        if not as_json:
            show_inception(title, scores)
    if as_json:
        data().print(json.dumps(result), soft_wrap=True)


evaluate.__doc__ += "\n\n" + example(
    "wgan evaluate runs/digits_dcgan",
    "wgan evaluate runs/digits_dcgan/checkpoints/step_00001000.pth --metrics distance,recall",
    "wgan evaluate runs/digits_dcgan --pairs pairs.png",
    "wgan evaluate G.pth -n 5000 --json",
    "wgan evaluate G.pth --metrics fid,is,kid --feature-weights inception.pth",
)


def _check_together(own: list[str], inception: list[str], pairs: Path | None, weights: Path | None) -> None:
    from wgan_cli.outputs.grid import picture_format

    if weights is not None and not inception:
        raise WganError("--feature-weights is only for fid, is and kid", "add --metrics fid,is,kid")
    if pairs is not None:
        picture_format(pairs)
        if not own:
            raise WganError("--pairs looks for copies in wgan's own features", "add copies to --metrics")


def _check_classes(own: list[str], features: Features) -> None:
    if "classes" in own and not features.class_names:
        raise WganError(f"--metrics names classes, and {features.name} knows none", "leave classes out of --metrics")


def _training_images(checkpoint: Checkpoint, what: Path, data_root: Path) -> ImageSet:
    """What the generator learnt from, which may have changed since."""
    from wgan_cli.console import say
    from wgan_cli.data import load_images

    dataset = load_images(checkpoint.recipe.data, data_root, say)
    if str(dataset.shape) != str(checkpoint.image):
        raise WganError(
            f"{dataset.origin} has images of {dataset.shape} now, and {what} learnt from {checkpoint.image}",
            "give the images back that it was trained on; `wgan inspect` shows the recipe",
        )
    return dataset
