"""Options of `wgan sample`."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from wgan_cli.cli.arguments.completion import complete_checkpoint

_styles = partial(typer.Option, rich_help_panel="Style-based generators")
_real = partial(typer.Option, rich_help_panel="Models that take images")


Ckpt = Annotated[
    Path | None, typer.Option("--ckpt", help="Run or checkpoint, as an option.", autocompletion=complete_checkpoint)
]
Count = Annotated[
    int | None,
    typer.Option(
        "-n",
        "--count",
        min=1,
        help=r"Number of images, per class with --class. \[default: 64; 10 each of several classes]",
    ),
]
Out = Annotated[
    str | None,
    typer.Option(
        "--out", metavar="PATH", help=r"Grid, folder/ of single images, .npy or .npz. \[default: samples.png]"
    ),
]
Seeds = Annotated[str | None, typer.Option("--seeds", metavar="LIST", help="One image per seed, such as 0-63,70.")]
LatentFile = Annotated[
    Path | None,
    typer.Option(
        "--from", "--z", metavar="FILE", help="Latent vectors: a .npz of wgan project, or a .npy of z (N, latent_dim)."
    ),
]
SaveLatents = Annotated[
    Path | None,
    typer.Option("--save-z", metavar="FILE.npz", help="File for the latent vectors, for --from; .npz or .npy."),
]
Move = Annotated[
    list[str] | None,
    typer.Option(
        "--move",
        metavar="K:X,...",
        help="Moves along directions of latent space, in standard deviations: 1:2.0,3:-1; repeatable.",
    ),
]
Interpolate = Annotated[
    int | None,
    typer.Option("--interpolate", min=2, metavar="K", help="Number of images from each one to the next."),
]
Rows = Annotated[int | None, typer.Option("--rows", min=1, help=r"Rows of the grid. \[default: near square]")]
Scale = Annotated[
    int, typer.Option("--scale", min=1, max=16, help="Whole factor that enlarges the grid or single images.")
]
Depth = Annotated[
    str, typer.Option("--depth", metavar="8|16|float", help="Bits per value; 16 and float keep the values of the data.")
]
Batch = Annotated[
    int | None, typer.Option("--batch", min=1, help=r"Batch size. \[default: 64, fewer above 128x128 pixels]")
]
Classes = Annotated[
    list[str] | None,
    typer.Option("--class", metavar="LIST", help="Classes to generate, such as 7, 0-9 or cat,dog; repeatable."),
]
Show = Annotated[bool, typer.Option("--show", help="Show the images in the terminal.")]
Truncation = Annotated[
    float | None,
    _styles(
        "--truncation", min=-2.0, max=2.0, metavar="PSI", help="Truncation of styles: 0 is the mean image, 1 none."
    ),
]
Mix = Annotated[
    str | None,
    _styles("--mix", metavar="A:B:LAYERS", help="Images A with some layers' styles of images B, such as 0-3:4-9:2-4."),
]
Reconstruct = Annotated[
    str | None,
    _real(
        "--reconstruct",
        metavar="N|FOLDER",
        help="Images to reconstruct: N held-out images, or a folder's; --class changes their class.",
    ),
]
Photos = Annotated[
    list[Path] | None,
    _real(
        "--translate",
        metavar="PATH",
        help="Images to translate in their own size: a file, a pattern, a folder or an archive; repeatable.",
    ),
]
To = Annotated[str | None, _real("--to", metavar="a|b", help=r"Target side. \[default: b]")]
