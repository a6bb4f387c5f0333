"""Options of `wgan augment`."""

from pathlib import Path
from typing import Annotated

import typer

from wgan_cli.cli.arguments.completion import complete_checkpoint, complete_recipe

Images = Annotated[str, typer.Argument(metavar="DATA", help="Images with classes: a folder, archive or file.")]
Out = Annotated[Path, typer.Option("--out", metavar="FOLDER", help="New folder, with a subfolder per class.")]
Ckpt = Annotated[
    Path | None,
    typer.Option(
        "--ckpt",
        metavar="RUN|CKPT|NAME",
        help=r"Conditional generator of these classes. \[default: one is trained]",
        autocompletion=complete_checkpoint,
    ),
]
PerClass = Annotated[
    int | None, typer.Option("--per-class", min=1, help=r"Images of each class. \[default: those of the largest]")
]
GeneratorRecipe = Annotated[
    str | None,
    typer.Option(
        "--recipe",
        metavar="NAME|FILE",
        help=r"Recipe of the generator. \[default: the one that `wgan train DATA` chooses]",
        autocompletion=complete_recipe,
    ),
]
Minutes = Annotated[
    float | None,
    typer.Option("--minutes", metavar="M", min=0.0, help="Time limit of the generator's training, in minutes."),
]
