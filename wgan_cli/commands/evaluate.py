"""`wgan evaluate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wgan_cli.commands.facts_table import print_rows
from wgan_cli.commands.options import DataRoot, Device, Json, Seed, example
from wgan_cli.errors import WganError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wgan_cli.data.dataset import ImageSet
    from wgan_cli.evaluation.evaluate import Evaluation, Scores
    from wgan_cli.runs.checkpoint import Checkpoint

MEANINGS = {
    "distance": "from the training images, in percent of their variance; less is better",
    "precision": "share that looks like training images",
    "recall": "share of the training images' variety that is reached",
    "density": "how thickly training images lie around; about 1 for real ones",
    "coverage": "share of training images with one of these near",
    "copies": "share nearer to a training image than 99% of real images are",
    "entropy": "of the classes; 1 where all are equally frequent",
    "confidence": "of the classifier in the class that it names",
}


def evaluate(
    what: Annotated[Path, typer.Argument(metavar="RUN|CKPT", help="A run folder, or a checkpoint.")],
    metrics: Annotated[
        str | None, typer.Option("--metrics", metavar="LIST", help=r"Such as distance,recall. \[default: all]")
    ] = None,
    count: Annotated[
        int | None,
        typer.Option("-n", "--count", min=10, help=r"How many images. \[default: as many as held out, up to 10,000]"),
    ] = None,
    seed: Seed = 0,
    pairs: Annotated[
        Path | None,
        typer.Option("--pairs", metavar="FILE.png", help="Draw those most like a training image, each beside it."),
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
    from wgan_cli.evaluation.metrics import chosen_metrics
    from wgan_cli.evaluation.pairs import save_pairs
    from wgan_cli.outputs.grid import picture_format
    from wgan_cli.outputs.sampling import load_generator
    from wgan_cli.runs.environment import resolve_device

    chosen = chosen_metrics(metrics)
    if pairs is not None:
        picture_format(pairs)
    where, root = resolve_device(device), data_root or default_data_root()
    generator, checkpoint = load_generator(what, where)
    dataset = _training_images(checkpoint, what, root)
    reference = make_reference(checkpoint.recipe.data, root, where, say, count, dataset)
    if metrics is not None and "classes" in chosen and not reference.features.class_names:
        raise WganError(
            f"--metrics names classes, and {reference.features.name} knows none", "leave `classes` out of --metrics"
        )
    images = generated_images(generator, checkpoint.recipe.model.latent_dim, reference.count, seed, batch)
    found = evaluate_images(images, checkpoint.step, reference)
    if as_json:
        data().print(json.dumps(_as_dict(found, checkpoint, what, seed, chosen)), soft_wrap=True)
    else:
        _show(found, checkpoint, what, seed, chosen)
    if pairs is not None:
        say(f"the {save_pairs(images, reference, pairs)} images nearest to training images, each left of it: {pairs}")


evaluate.__doc__ += "\n\n" + example(
    "wgan evaluate runs/digits_dcgan",
    "wgan evaluate runs/digits_dcgan/checkpoints/step_00001000.pth --metrics distance,recall",
    "wgan evaluate runs/digits_dcgan --pairs pairs.png",
    "wgan evaluate G.pth -n 5000 --json",
)


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


def _numbers(scores: Scores, chosen: Sequence[str]) -> dict[str, float]:
    """The chosen numbers by name, in order."""
    numbers = {name: getattr(scores, name) for name in chosen if name != "classes"}
    if "classes" in chosen and scores.classes is not None:
        numbers |= {"entropy": scores.classes.entropy, "confidence": scores.classes.confidence}
    return numbers


def _show(found: Evaluation, checkpoint: Checkpoint, what: Path, seed: int, chosen: Sequence[str]) -> None:
    from wgan_cli.console import data

    seen = "; the generator learnt from them as well" if found.seen else ""
    right = "" if found.accuracy is None else f", right on {found.accuracy:.1%} of {found.tested}"
    print_rows(
        ("checkpoint", f"{what}: step {found.step:,} of {checkpoint.recipe.name}"),
        ("generated", f"{found.generated.count:,} images, seed {seed}"),
        ("real", f"{found.floor.count:,} images: {found.held_out}{seen}"),
        ("compared with", f"{found.training_count:,} training images: {found.training}"),
        ("features", f"{found.features}: {found.what_features}{right}"),
    )
    ours, real = _numbers(found.generated, chosen), _numbers(found.floor, chosen)
    rows = [(name, _short(name, ours[name]), _short(name, real[name]), MEANINGS[name]) for name in ours]
    _table(("", "generated", "real", ""), rows)
    if "classes" in chosen and found.generated.classes is not None:
        shares = zip(found.class_names, found.generated.classes.shares, found.floor.classes.shares, strict=True)
        _table(("class", "generated", "real"), [(name, f"{ours:.1%}", f"{real:.1%}") for name, ours, real in shares])
    data().print(found.line(), soft_wrap=True)


def _short(name: str, value: float) -> str:
    return f"{value:.3g}" if name == "distance" else f"{value:.3f}"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.table import Table

    from wgan_cli.console import data

    table = Table(box=None)
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number in (1, 2) else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    data().print(table)


def _as_dict(found: Evaluation, checkpoint: Checkpoint, what: Path, seed: int, chosen: Sequence[str]) -> dict[str, Any]:
    def of(scores: Scores) -> dict[str, Any]:
        numbers: dict[str, Any] = {"count": scores.count, **_numbers(scores, chosen)}
        if "classes" in chosen and scores.classes is not None:
            numbers["shares"] = dict(zip(found.class_names, scores.classes.shares, strict=True))
        return numbers

    return {
        "checkpoint": str(what),
        "recipe": checkpoint.recipe.name,
        "step": found.step,
        "seed": seed,
        "features": {"name": found.features, "what": found.what_features, "accuracy": found.accuracy},
        "compared_with": {"name": found.training, "count": found.training_count},
        "held_out": {"name": found.held_out, "seen_by_generator": found.seen},
        "generated": of(found.generated),
        "real": of(found.floor),
    }
