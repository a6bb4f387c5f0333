"""Options of `wgan gif`."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from wgan_cli.cli.arguments.completion import complete_checkpoint

_walk = partial(typer.Option, rich_help_panel="Walk through latent space")

Sources = Annotated[
    list[Path],
    typer.Argument(
        metavar="RUN|CKPT|NAME|FOLDER|IMAGES...",
        help="Run, checkpoint, bundled generator, folder of images, or images by name or pattern.",
        autocompletion=complete_checkpoint,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out", help=r"File: .gif, .webp, .mp4, or .png for a panel. \[default: RUN/NAME.gif, else NAME.gif]"
    ),
]
Match = Annotated[
    str | None, typer.Option("--match", metavar="PATTERN", help="Pattern of image names, such as '*-ema*'.")
]
Fps = Annotated[float, typer.Option("--fps", min=0.1, max=50.0, help="Frames per second.")]
Hold = Annotated[float, typer.Option("--hold", min=0.0, max=60.0, help="Seconds to show the last frame.")]
Scale = Annotated[float, typer.Option("--scale", min=0.01, max=16, help="Scale factor, such as 2 or 0.5.")]
Colors = Annotated[
    int | None,
    typer.Option(
        "--colors", min=2, max=256, help=r"Colors of a GIF, the same for all frames. \[default: 256 per frame]"
    ),
]
Quality = Annotated[
    int | None, typer.Option("--quality", min=0, max=100, help=r"Quality of a lossy WebP. \[default: lossless]")
]
Label = Annotated[bool, typer.Option("--label/--no-label", help="Step or name below each frame.")]
MaxFrames = Annotated[
    int, typer.Option("--max-frames", min=2, max=10_000, help="Maximum number of frames, evenly spaced.")
]
Panel = Annotated[
    str | None,
    typer.Option(
        "--panel", metavar="LIST", help="Grids of a run side by side, of epochs (5,25,50) or steps (steps:200,400)."
    ),
]
Seeds = Annotated[
    str | None, _walk("--seeds", metavar="LIST", help="Seeds whose images the walk passes, such as 3,8,2.")
]
Classes = Annotated[
    list[str] | None,
    _walk("--class", metavar="LIST", help="Classes of the cells, such as 7, 0-9 or cat,dog; repeatable."),
]
Truncation = Annotated[
    float | None, _walk("--truncation", min=-2.0, max=2.0, metavar="PSI", help="Truncation of styles.")
]
Grid = Annotated[str | None, _walk("--grid", metavar="COLUMNSxROWS", help=r"Cells of a frame. \[default: 4x4]")]
Seconds = Annotated[float | None, _walk("--seconds", min=0.1, max=200.0, help="Duration; sets the number of frames.")]
