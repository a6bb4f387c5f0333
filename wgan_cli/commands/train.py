"""`wgan train`."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from contextlib import closing, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wgan_cli.commands.company import in_company, is_one_of_many, launch
from wgan_cli.commands.completion import complete_checkpoint, complete_recipe
from wgan_cli.commands.options import MOST_SEED, DataRoot, Device, Settings, example
from wgan_cli.commands.report import report_at_the_end
from wgan_cli.commands.train_report import fitting_batch, plan, say_how_it_ended
from wgan_cli.commands.train_start import AUTO, DEFAULT_RECIPE, wanted_run
from wgan_cli.errors import ExitStatus, WganError

if TYPE_CHECKING:
    from wgan_cli.data.dataset import ImageSet
    from wgan_cli.data.pair import ImagePair
    from wgan_cli.evaluation.translation import AnyReference
    from wgan_cli.recipe import Recipe
    from wgan_cli.runs.resume import ResumePoint
    from wgan_cli.runs.run_dir import RunDir
    from wgan_cli.training.state import TrainingState

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
        int | None, typer.Option("--seed", min=0, max=MOST_SEED, help="Of all random numbers.", rich_help_panel=_HOW)
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

    if gpus is not None and not is_one_of_many():
        return launch(gpus, device)
    if resume is not None and str(resume) != AUTO and out is not None:
        raise WganError("--resume continues in its own folder, so --out has no place", "leave out --out, or --resume")

    from wgan_cli.console import say
    from wgan_cli.parallel import company

    with in_company():
        quiet = quiet or not company.leads()
        tell = (lambda text: None) if quiet else say
        run, point, wanted = company.from_leader("the recipe", lambda: wanted_run(recipe, changes, resume, out))
        state, reference = _prepared(wanted, run, point, out, data_root, device, tell, dry_run)
        if dry_run:
            tell("dry run: everything is in order, nothing was written")
            return ExitStatus.DONE
        return _train(state, run, point, out, minutes, quiet, reference)


train.__doc__ += "\n\n" + example(
    "wgan train",
    "wgan train --recipe mnist_dcgan --data-root data",
    "wgan train --recipe digits_dcgan --set optim.critic.lr=0.001 --steps 5000",
    "wgan train --resume runs/digits_dcgan --steps 6000",
)


def _prepared(
    wanted: Recipe,
    run: RunDir | None,
    point: ResumePoint | None,
    out: Path | None,
    data_root: Path | None,
    device: str,
    tell: Callable[[str], None],
    dry_run: bool,
) -> tuple[TrainingState, AnyReference | None]:
    """The state to train from and what to measure it beside; what can be wrong is found before anything is written."""
    from wgan_cli.data import default_data_root, load_data
    from wgan_cli.parallel import company
    from wgan_cli.runs.environment import resolve_device
    from wgan_cli.runs.run_dir import check_free
    from wgan_cli.training.state import prepare

    if out is not None and run is None:
        company.from_leader("the run folder", lambda: check_free(out))
    where = company.local_device(resolve_device(device))
    root = data_root or default_data_root()
    with company.leader_first("the data"):
        dataset = load_data(wanted.data, root, tell)
    state = prepare(wanted, dataset, where, trials=not dry_run and company.size() == 1, tell=tell)
    if point is not None and point.checkpoint is not None:
        state.restore(point.checkpoint)
        _check_not_finished(run, state)
        before = point.checkpoint.recipe.steps
        if wanted.optim.decay != "none" and state.recipe.steps != before:
            tell(f"the lr rises again: its end is now step {state.recipe.steps:,}, not {before:,}")
    tell(plan(state, dataset.origin))
    found: list[AnyReference | None] = [None]  # in the leader alone, which measures
    company.from_leader(
        "the real images to measure beside",
        lambda: found.append(_reference(state, dataset, root, tell, dry_run)),
    )
    return state, found[-1]


def _reference(
    state: TrainingState,
    dataset: ImageSet | ImagePair,
    data_root: Path,
    tell: Callable[[str], None],
    dry_run: bool,
) -> AnyReference | None:
    """The real images beside which the run is measured, if it is to be; a dry run only sees whether they are there."""
    recipe = state.recipe
    if recipe.eval_every is None:
        return None
    from wgan_cli.evaluation.evaluate import QUICK_TRAINING, make_reference
    from wgan_cli.evaluation.real import real_images
    from wgan_cli.evaluation.translation import held_out_images, make_translation_reference

    two_sides = recipe.data.task == "translation"
    try:
        if dry_run:
            find = held_out_images if two_sides else partial(real_images, dataset=dataset)
            find(recipe.data, data_root, tell)
            return None
        if two_sides:
            return make_translation_reference(recipe.data, data_root, state.device, tell, recipe.eval_count)
        return make_reference(
            recipe.data, data_root, state.device, tell, recipe.eval_count, dataset, most_training=QUICK_TRAINING
        )
    except WganError as error:
        hint = f"{error.hint}; or train without evaluation: --set eval_every=null"
        raise WganError(error.message, hint, error.status) from error


def _check_not_finished(run: RunDir, state: TrainingState) -> None:
    if state.step >= state.recipe.steps:
        done, wanted = state.step, state.recipe.steps
        raise WganError(
            f"{run.path} is finished: {done} of {wanted} steps are done"
            if done == wanted
            else f"{run.path} has done {done} steps already, and {wanted} were asked for",
            f"--steps {2 * done} would train it further",
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
    from wgan_cli.commands.progress import make_watch
    from wgan_cli.console import say
    from wgan_cli.parallel import company
    from wgan_cli.runs.environment import describe_environment
    from wgan_cli.runs.lock import only_trainer
    from wgan_cli.runs.run_dir import create_run
    from wgan_cli.training.loop import train as train_loop
    from wgan_cli.training.stop import StopRequest

    tell = (lambda text: None) if quiet else say
    command = shlex.join(["wgan", *sys.argv[1:]])
    run = run or company.from_leader("the run folder", lambda: create_run(out, state.recipe.name))
    with only_trainer(run) if company.leads() else nullcontext():
        if company.leads():
            if point is not None:
                _leave_behind(run, point, tell)
            run.write_description(state.recipe, describe_environment(state.device, command))
        tell(f"run folder: {run.path}" + (f", from step {state.step:,}" if state.step else ""))
        for term, meaning in state.objective.meanings.items():
            tell(f"  {term}: {meaning}")

        stop = StopRequest(minutes)
        with (
            fitting_batch(state),
            closing(state.feed),
            stop.on_signals(),
            make_watch(state.step, state.recipe.steps, quiet) as watch,
        ):
            train_loop(state, run, stop, watch, reference)

    def end() -> None:
        if state.recipe.report and stop.status in (None, ExitStatus.DONE):
            report_at_the_end(run, state.device, reference, tell)
        say_how_it_ended(state, run, stop.status, tell)

    company.from_leader("the end", end)
    return stop.status or ExitStatus.DONE


def _leave_behind(run: RunDir, point: ResumePoint, tell: Callable[[str], None]) -> None:
    """Move damaged checkpoints out of the way, once no other process trains the run."""
    from wgan_cli.runs.set_aside import set_aside

    if tuple(run.checkpoint_files()) != point.files:
        raise WganError(f"another process has just trained {run.path}", "give the same command again")
    for file, why in point.damaged.items():
        moved = set_aside(run, file, mark=".damaged")
        tell(f"{why}; it is kept as {moved}, and the run goes on from the checkpoint before")
