"""`wgan evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wgan_cli.cli.completion import complete_checkpoint
from wgan_cli.cli.evaluate_metrics import Request, Subject, evaluate_translation, measure
from wgan_cli.cli.options import DataRoot, Device, Json, Seed, examples
from wgan_cli.cli.sample_from_images import refuse_with_translate
from wgan_cli.errors import WganError

if TYPE_CHECKING:
    from wgan_cli.recipe import Recipe
    from wgan_cli.runs.checkpoint import Checkpoint


@examples(
    "wgan evaluate runs/digits_dcgan",
    "wgan evaluate runs/digits_dcgan/checkpoints/step_00001000.pth --metrics fd,recall",
    "wgan evaluate runs/digits_dcgan --pairs pairs.png",
    "wgan evaluate G.pth -n 5000 --json",
    "wgan evaluate G.pth --metrics cas,augmentation",
    "wgan evaluate G.pth --metrics fid,is,kid --feature-weights inception.pth",
)
def evaluate(
    source: Annotated[
        Path,
        typer.Argument(metavar="RUN|CKPT", help="Run folder or checkpoint.", autocompletion=complete_checkpoint),
    ],
    metrics: Annotated[
        str | None,
        typer.Option("--metrics", metavar="LIST", help=r"Metrics, such as recall or fid,is. \[default: wgan's own]"),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(
            "-n", "--count", min=10, help=r"Number of images. \[default: all held out, at most 10,000; 50,000 for fid]"
        ),
    ] = None,
    seed: Seed = 0,
    pairs: Annotated[
        Path | None,
        typer.Option("--pairs", metavar="FILE.png", help="Image of the samples nearest to training images."),
    ] = None,
    subset: Annotated[
        int | None, typer.Option("--subset", min=2, metavar="N", help=r"Real images for augmentation. \[default: 500]")
    ] = None,
    feature_weights: Annotated[
        Path | None,
        typer.Option("--feature-weights", metavar="FILE", help=r"Inception weights. \[default: downloaded]"),
    ] = None,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Batch size.")] = 64,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="data.path=PATH", help="New location of the training images."),
    ] = None,
    as_json: Json = False,
    data_root: DataRoot = None,
    device: Device = "auto",
) -> None:
    """Measure the quality and diversity of a generator's images, next to held-out real images."""
    from wgan_cli.data import default_data_root
    from wgan_cli.outputs.sampling import open_generator
    from wgan_cli.runs.environment import resolve_device

    where = resolve_device(device)
    generator, checkpoint = open_generator(source, where)
    translates = checkpoint.recipe.translates
    if translates:
        refuse_with_translate(
            {"--metrics": metrics, "--pairs": pairs, "--subset": subset, "--feature-weights": feature_weights}
        )
    request = None if translates else _request(metrics, checkpoint, pairs, subset, feature_weights)
    subject = Subject(
        source=source,
        generator=generator,
        checkpoint=checkpoint,
        recipe=_with_moved_folder(checkpoint.recipe, settings or []),
        data_root=data_root or default_data_root(),
        device=where,
        count=count,
        seed=seed,
        batch=batch,
        as_json=as_json,
    )
    if request is None:
        evaluate_translation(subject)
    else:
        measure(subject, request)


def _request(
    metrics: str | None, checkpoint: Checkpoint, pairs: Path | None, subset: int | None, weights: Path | None
) -> Request:
    """Check that the options fit together and the generator supports them. Raises: WganError."""
    from wgan_cli.evaluation.inception import check_inception
    from wgan_cli.evaluation.metrics import INCEPTION, OWN, RECONSTRUCTION, USEFULNESS, chosen_metrics
    from wgan_cli.outputs.grid import picture_format
    from wgan_cli.outputs.reconstruct import has_encoder

    chosen = chosen_metrics(metrics, checkpoint.recipe.model.conditional, has_encoder(checkpoint))
    own, reconstruction, usefulness, inception = (
        [name for name in chosen if name in kind] for kind in (OWN, RECONSTRUCTION, USEFULNESS, INCEPTION)
    )
    explicit = metrics is not None
    request = Request(own, reconstruction, usefulness, inception, pairs, subset, weights, explicit)
    if weights is not None and not request.inception:
        raise WganError("--feature-weights is only for fid, is and kid", "add --metrics fid,is,kid")
    if subset is not None and "augmentation" not in request.usefulness:
        raise WganError("--subset is only for augmentation", "add --metrics augmentation")
    if pairs is not None:
        picture_format(pairs)
        if not request.own:
            raise WganError("--pairs needs wgan's own features", "add memorization to --metrics")
    if request.inception:
        check_inception(weights)
    return request


def _with_moved_folder(recipe: Recipe, settings: list[str]) -> Recipe:
    """Apply settings of the data's location, the only ones that a trained generator allows to change."""
    from wgan_cli.recipe import apply_settings
    from wgan_cli.recipe.schema import FREE_ON_RESUME

    allowed = sorted(name for name in FREE_ON_RESUME if name.startswith("data."))
    for setting in settings:
        name = setting.partition("=")[0].strip()
        if name not in allowed:
            raise WganError(
                f"--set {setting[:60]!r}: {name[:60]} is fixed once a generator is trained",
                f"only {', '.join(allowed)} can change",
            )
    return apply_settings(recipe.as_dict(), settings, "the checkpoint's recipe") if settings else recipe
