"""Options of `wgan train`."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from wgan_cli.cli.arguments.completion import complete_checkpoint, complete_tracker
from wgan_cli.cli.arguments.options import seed_option

_SETTINGS = "Common settings, by default the recipe's"
_setting = partial(typer.Option, rich_help_panel=_SETTINGS)
_execution = partial(typer.Option, rich_help_panel="Duration and execution")
_output = partial(typer.Option, rich_help_panel="Output")


Resume = Annotated[
    Path | None,
    typer.Option(
        "--resume",
        metavar="RUN|CKPT|auto",
        help="Run or checkpoint to continue exactly; auto: continue the run in --out if there is one.",
        autocompletion=complete_checkpoint,
    ),
]
InitFrom = Annotated[
    Path | None,
    typer.Option(
        "--init-from",
        metavar="RUN|CKPT|NAME",
        help="Run, checkpoint, bundled generator or hf:OWNER/NAME to start a new run from (fine-tuning).",
        autocompletion=complete_checkpoint,
    ),
]
Freeze = Annotated[
    int | None,
    _setting("--freeze", min=0, metavar="N", help="Number of the critic's first layers to freeze; needs --init-from."),
]
Allow = Annotated[
    list[str] | None,
    typer.Option(
        "--allow",
        metavar="CHANGE",
        help="Change to accept in a resumed run: data, batch_size, optim, n_critic or amp; repeatable.",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check everything (downloads missing data), but don't train.")]
Steps = Annotated[int | None, _setting("--steps", min=1, help="Number of generator updates.")]
Epochs = Annotated[float | None, _setting("--epochs", help="Passes over the images, instead of --steps.")]
Minutes = Annotated[float | None, _execution("--minutes", metavar="M", min=0.0, help="Time limit in minutes.")]
StopAfter = Annotated[
    int | None,
    _execution("--stop-after", min=1, metavar="STEPS", help="Steps to train now; --resume continues."),
]
Lr = Annotated[float | None, _setting("--lr", help="Learning rate of both networks (optim.lr).")]
BatchSize = Annotated[int | None, _setting("--batch-size", help="Images per critic step (batch_size).")]
ImageSize = Annotated[
    str | None,
    _setting("--image-size", metavar="N|HxW", help="Size of images: 64, or height and width, 48x64 (data.image_size)."),
]
NCritic = Annotated[int | None, _setting("--n-critic", help="Critic steps per generator step (objective.n_critic).")]
GpWeight = Annotated[float | None, _setting("--gp-weight", help="Gradient penalty weight (objective.gp_weight).")]
Seed = Annotated[int | None, seed_option(rich_help_panel=_SETTINGS)]
Amp = Annotated[str | None, _execution("--amp", metavar="MODE", help="Precision: auto, off, bf16 or fp16.")]
Engine = Annotated[str | None, _execution("--engine", help="Engine: auto, eager, graph or compile.")]
Gpus = Annotated[int | None, _execution("--gpus", min=1, help="Number of GPUs, with one process each.")]
Out = Annotated[Path | None, _output("--out", help=r"Run folder. \[default: runs/RECIPE, runs/RECIPE-2...]")]
Track = Annotated[
    list[str] | None,
    _output(
        "--track",
        metavar="NAME",
        help="Experiment tracker: wandb, mlflow or trackio; repeatable.",
        autocompletion=complete_tracker,
    ),
]
Quiet = Annotated[bool, _output("--quiet", "-q", help="Show errors only.")]
