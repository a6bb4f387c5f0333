"""`wgan evaluate`."""

from pathlib import Path
from typing import Annotated

import typer

from wgan_cli.cli.arguments.open_checkpoint import ImportEntry, ImportRecipe, open_checkpoint
from wgan_cli.cli.arguments.options import DataRoot, Device, Json, RunOrCkpt, Seed, examples
from wgan_cli.cli.arguments.output_path import Force, check_overwrite


@examples(
    "wgan evaluate runs/digits_dcgan",
    "wgan evaluate runs/digits_dcgan/checkpoints/step_00001000.pth --metrics fd,recall",
    "wgan evaluate runs/digits_dcgan --pairs pairs.png",
    "wgan evaluate G.pth -n 5000 --json",
    "wgan evaluate G.pth --metrics cas,augmentation",
    "wgan evaluate G.pth --metrics fid,is,kid --feature-weights inception.pth",
)
def evaluate(
    source: RunOrCkpt,
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
        typer.Option("--pairs", metavar="FILE.png", help="Picture of the samples nearest to training images."),
    ] = None,
    force: Force = False,
    subset: Annotated[
        int | None,
        typer.Option("--subset", min=2, metavar="N", help=r"Real images for the augmentation metric. \[default: 500]"),
    ] = None,
    feature_weights: Annotated[
        Path | None,
        typer.Option("--feature-weights", metavar="FILE", help=r"Inception weights. \[default: downloaded]"),
    ] = None,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Batch size.")] = 64,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="data.path=PATH", help="Where the training images are now, or a setting of --recipe."
        ),
    ] = None,
    as_json: Json = False,
    data_root: DataRoot = None,
    device: Device = "auto",
    import_recipe: ImportRecipe = None,
    entry: ImportEntry = None,
) -> None:
    """Measure the quality and diversity of generated images."""
    check_overwrite(pairs, force, "--pairs")
    from wgan_cli.cli.evaluate_metrics import Subject, evaluate_translation, measure, with_moved_folder
    from wgan_cli.cli.sampling.translated import refuse_with_translate
    from wgan_cli.data import default_data_root
    from wgan_cli.outputs.sampling import generator_of
    from wgan_cli.runs.environment import resolve_device

    where = resolve_device(device)
    checkpoint = open_checkpoint(source, import_recipe, settings if import_recipe else None, entry)
    generator = generator_of(checkpoint, str(source), where)
    moved = [] if import_recipe else settings or []
    recipe, root = with_moved_folder(checkpoint.recipe, moved), data_root or default_data_root()
    subject = Subject(source, generator, checkpoint, recipe, root, where, count, seed, batch, as_json)
    if checkpoint.recipe.translates:
        refuse_with_translate(
            {"--metrics": metrics, "--pairs": pairs, "--subset": subset, "--feature-weights": feature_weights}
        )
        evaluate_translation(subject)
    else:
        measure(subject, metrics, pairs=pairs, subset=subset, weights=feature_weights)
