"""`wgan train`."""

import shlex
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from wgan_cli.cli.completion import complete_checkpoint, complete_recipe
from wgan_cli.cli.launch import in_process_group, is_launched, launch
from wgan_cli.cli.options import MAX_SEED, DataRoot, Device, Settings, examples
from wgan_cli.cli.render.train_report import log_end, plan
from wgan_cli.errors import ExitStatus
from wgan_cli.recipe.load import DEFAULT_RECIPE

_training = partial(typer.Option, rich_help_panel="Training")
_files = partial(typer.Option, rich_help_panel="Files")


@examples(
    "wgan train",
    "wgan train --recipe mnist_dcgan --data-root data",
    "wgan train --recipe folder_dcgan --set data.path=photos",
    "wgan train --recipe digits_dcgan --set optim.critic.lr=0.001 --steps 5000",
    "wgan train --resume runs/digits_dcgan --steps 6000",
)
def train(
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe", help=rf"Recipe name or file. \[default: {DEFAULT_RECIPE}]", autocompletion=complete_recipe
        ),
    ] = None,
    settings: Settings = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            "--resume",
            metavar="RUN|CKPT|auto",
            help="Run or checkpoint to continue exactly; auto: continue the run in --out if there is one.",
            autocompletion=complete_checkpoint,
        ),
    ] = None,  # fmt: skip
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, but don't train.")] = False,
    steps: Annotated[int | None, _training("--steps", min=1, help="Number of generator updates.")] = None,
    minutes: Annotated[float | None, _training("--minutes", min=0.0, help="Time limit in minutes.")] = None,
    seed: Annotated[int | None, _training("--seed", min=0, max=MAX_SEED, help="Random seed.")] = None,
    amp: Annotated[str | None, _training("--amp", help="Precision: auto, off, bf16 or fp16.")] = None,
    engine: Annotated[str | None, _training("--engine", help="Engine: auto, eager, graph or compile.")] = None,
    device: Device = "auto",
    gpus: Annotated[int | None, _training("--gpus", min=1, help="Number of GPUs (one process each).")] = None,
    out: Annotated[Path | None, _files("--out", help=r"Run folder. \[default: runs/RECIPE, runs/RECIPE-2...]")] = None,
    data_root: DataRoot = None,
    quiet: Annotated[bool, _files("--quiet", "-q", help="Show errors only.")] = False,
) -> int:
    """Train a GAN. Without arguments: handwritten digits, in about a minute."""
    if gpus is not None and not is_launched():
        return launch(gpus, device)
    shortcuts = {"steps": steps, "seed": seed, "amp": amp, "engine": engine}
    changes = [*(settings or []), *(f"{key}={value}" for key, value in shortcuts.items() if value is not None)]

    from wgan_cli.cli.render.progress import make_progress
    from wgan_cli.training.trainer import Trainer

    with in_process_group():
        trainer = Trainer(
            recipe, out, settings=changes, resume=resume, data_root=data_root, device=device,
            callbacks=[make_progress(quiet)], dry_run=dry_run,
        )  # fmt: skip
        trainer.log(plan(trainer.state, trainer.dataset.origin))
        if dry_run:
            trainer.log("dry run: everything is valid, nothing was written")
            return ExitStatus.DONE
        trainer.fit(minutes, command=shlex.join(["wgan", *sys.argv[1:]]))
        log_end(trainer)
    return trainer.status
