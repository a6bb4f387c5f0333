"""Options of `wgan evaluate`."""

from pathlib import Path
from typing import Annotated

import typer

from wgan_cli.cli.arguments.completion import complete_what

Subject = Annotated[
    Path,
    typer.Argument(
        metavar="RUN|CKPT|NAME|IMAGES",
        help="Run, checkpoint, bundled generator, or generated images: a folder, .zip or .npz.",
        autocompletion=complete_what,
    ),
]
Against = Annotated[
    str | None,
    typer.Option(
        "--against",
        metavar="DATA",
        help="Real images to compare image files with: a dataset, folder, archive, recipe or run.",
    ),
]
Metrics = Annotated[
    str | None,
    typer.Option(
        "--metrics",
        metavar="LIST",
        help=r"Metrics: fd, precision, recall, coverage, fid, is, kid, cas... \[default: wgan's own]",
    ),
]
EvaluationCount = Annotated[
    int | None,
    typer.Option(
        "-n", "--count", min=10, help=r"Number of images. \[default: all held out, at most 10,000; 50,000 for fid]"
    ),
]
Pairs = Annotated[
    Path | None,
    typer.Option("--pairs", metavar="FILE.png", help="Picture of the samples nearest to training images."),
]
Subset = Annotated[
    int | None,
    typer.Option("--subset", min=2, metavar="N", help=r"Real images for the augmentation metric. \[default: 500]"),
]
FeatureWeights = Annotated[
    Path | None,
    typer.Option("--feature-weights", metavar="FILE", help=r"Inception weights. \[default: downloaded]"),
]
EvaluationSettings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="New location of the training images (data.path=PATH), or a setting of --recipe or --against.",
    ),
]
