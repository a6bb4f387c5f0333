"""`wgan train`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wgan_cli.cli.completion import complete_checkpoint, complete_recipe
from wgan_cli.cli.launch import in_process_group, is_distributed, launch
from wgan_cli.cli.options import MAX_SEED, DataRoot, Device, Settings, example
from wgan_cli.cli.render.train_report import plan, say_how_it_ended
from wgan_cli.errors import ExitStatus, WganError
from wgan_cli.recipe.load import DEFAULT_RECIPE

if TYPE_CHECKING:
    from wgan_cli.evaluation.translation import AnyReference
    from wgan_cli.recipe import Recipe
    from wgan_cli.runs.resume import ResumePoint
    from wgan_cli.runs.run_dir import RunDir
    from wgan_cli.training.state import TrainingState

AUTO = "auto"  # of --resume
_WHERE, _HOW = "Where", "How long and how"


def train(
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe", help=rf"Name or file of a recipe. \[default: {DEFAULT_RECIPE}]", autocompletion=complete_recipe
        ),
    ] = None,
    settings: Settings = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            "--resume",
            metavar="RUN|CKPT|auto",
            help="Continue a run exactly, or go back to a checkpoint of it; auto: where there is one.",
            autocompletion=complete_checkpoint,
        ),
    ] = None,  # fmt: skip
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, then stop before training.")] = False,
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, help="Generator updates.", rich_help_panel=_HOW)
    ] = None,
    minutes: Annotated[
        float | None, typer.Option("--minutes", min=0.0, help="Stop after this time.", rich_help_panel=_HOW)
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, max=MAX_SEED, help="Of all random numbers.", rich_help_panel=_HOW)
    ] = None,
    amp: Annotated[str | None, typer.Option("--amp", help="auto, off, bf16 or fp16.", rich_help_panel=_HOW)] = None,
    engine: Annotated[
        str | None, typer.Option("--engine", help="auto, eager, graph or compile.", rich_help_panel=_HOW)
    ] = None,
    device: Device = "auto",
    gpus: Annotated[
        int | None,
        typer.Option("--gpus", min=1, help="Train on so many, a process each.", rich_help_panel=_HOW),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help=r"Run folder. \[default: runs/RECIPE, runs/RECIPE-2...]", rich_help_panel=_WHERE),
    ] = None,
    data_root: DataRoot = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show errors only.", rich_help_panel=_WHERE)] = False,
) -> int:
    """Train a GAN by a recipe; alone, real digits in about a minute."""
    shortcuts = {"steps": steps, "seed": seed, "amp": amp, "engine": engine}
    changes = [*(settings or []), *(f"{key}={value}" for key, value in shortcuts.items() if value is not None)]

    if gpus is not None and not is_distributed():
        return launch(gpus, device)
    if resume is not None and str(resume) != AUTO and out is not None:
        raise WganError("--resume continues in its own folder, so --out has no place", "leave out --out, or --resume")

    from wgan_cli.console import print_message
    from wgan_cli.data import default_data_root
    from wgan_cli.distributed import process_group
    from wgan_cli.runs.environment import resolve_device
    from wgan_cli.training.setup import found_run, prepared, reference_of, wanted_run

    def start() -> tuple[RunDir | None, ResumePoint | None, Recipe]:
        name = recipe or DEFAULT_RECIPE
        from_where = found_run(name, changes, out) if str(resume) == AUTO else resume
        return wanted_run(recipe if from_where else name, changes, from_where)

    with in_process_group():
        quiet = quiet or not process_group.is_main_process()
        log = (lambda text: None) if quiet else print_message
        run, point, wanted = process_group.broadcast_from_main("the recipe", start)
        root = data_root or default_data_root()
        state, dataset = prepared(wanted, resolve_device(device), root, log, run, point, out, dry_run=dry_run)
        log(plan(state, dataset.origin))
        reference = reference_of(state, dataset, root, log, dry_run)
        if dry_run:
            log("dry run: everything is in order, nothing was written")
            return ExitStatus.DONE
        return _train(state, run, point, out, minutes, quiet, reference)


train.__doc__ += "\n\n" + example(
    "wgan train",
    "wgan train --recipe mnist_dcgan --data-root data",
    "wgan train --recipe folder_dcgan --set data.path=photos",
    "wgan train --recipe digits_dcgan --set optim.critic.lr=0.001 --steps 5000",
    "wgan train --resume runs/digits_dcgan --steps 6000",
)


def _train(
    state: TrainingState,
    run: RunDir | None,
    point: ResumePoint | None,
    out: Path | None,
    minutes: float | None,
    quiet: bool,
    reference: AnyReference | None,
) -> ExitStatus:
    from wgan_cli.cli.render.progress import make_callback
    from wgan_cli.console import print_message
    from wgan_cli.distributed import process_group
    from wgan_cli.report.final_report import report_at_the_end
    from wgan_cli.training.stop import StopRequest
    from wgan_cli.training.trainer import opened_run, train_to_the_end

    log = (lambda text: None) if quiet else print_message
    with opened_run(state, run, point, out, shlex.join(["wgan", *sys.argv[1:]]), log) as run:
        log(f"run folder: {run.path}" + (f", from step {state.step:,}" if state.step else ""))
        for term, meaning in state.objective.meanings.items():
            log(f"  {term}: {meaning}")

        stop = StopRequest(minutes)
        with make_callback(state.step, state.recipe.steps, quiet) as callback:
            train_to_the_end(state, run, stop, callback, reference)

    def end() -> None:
        if state.recipe.report and stop.status in (None, ExitStatus.DONE):
            report_at_the_end(run, state.device, reference, log)
        say_how_it_ended(state, run, stop.status, log)

    process_group.broadcast_from_main("the end", end)
    return stop.status or ExitStatus.DONE
