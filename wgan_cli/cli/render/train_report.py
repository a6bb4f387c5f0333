"""What `wgan train` says before and after training."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING

from wgan_cli.errors import ExitStatus

if TYPE_CHECKING:
    from wgan_cli.runs.run_dir import RunDir
    from wgan_cli.training.state import TrainingState


LONG = 15 * 60  # seconds of training; whoever waits longer is told how to wait less
SOON = 10 * 60  # seconds that the shorter run takes which is offered instead
FEW = 2000  # images; fewer are soon known by heart
MORE_OF_FEW = "data.diff_augment=[color, translation, cutout]"


def plan(state: TrainingState, origin: str) -> str:
    """What is about to be trained, in two lines; what was tried, how long it will take and what may help."""
    recipe = state.recipe
    sizes = " + ".join(f"{role} {sum(p.numel() for p in net.parameters()):,}" for role, net in state.networks.items())
    number_format = "float32" if recipe.amp == "off" else recipe.amp
    return (
        f"{recipe.name}: {len(state.loader):,} images of {state.image} ({origin}; {state.loader.why})\n"
        f"{recipe.objective.name} on {state.device} in {number_format}, {recipe.steps:,} steps of "
        f"{state.images_per_step:,} images, {sizes} parameters"
        + (f"\ntried: {state.why_so_fast}" if state.why_so_fast else "")
        + _duration(state)
        + _advice(state)
    )


def _duration(state: TrainingState) -> str:
    """How long it will take, where a step was timed."""
    from wgan_cli.cli.render.progress import clock

    if state.step_seconds is None:
        return ""
    seconds = state.step_seconds * (state.recipe.steps - state.step)
    line = f"\nabout {clock(seconds)} at {1000 * state.step_seconds:.0f} ms a step, beside grids and evaluations"
    if seconds <= LONG:
        return line
    return f"{line}; --steps {_rounded(SOON / state.step_seconds)} would take {SOON // 60} minutes"


def _rounded(steps: float) -> int:
    """Downwards to two figures: 987 to 980."""
    unit = 10 ** max(0, len(str(int(steps))) - 2)
    return max(1, int(steps) // unit * unit)


def _advice(state: TrainingState) -> str:
    """For sets so small that a critic learns them by heart."""
    data, count = state.recipe.data, len(state.loader)
    if data.translates or count >= FEW or data.augment.mirror:
        return ""
    if data.diff_augment:
        return (
            f"\n{count:,} images are few: --set data.augment.mirror=true makes twice as many of them, where left and "
            "right may change places"
        )
    return (
        f"\n{count:,} images are few, and a critic soon knows them by heart; this makes more of them: "
        f"--set '{MORE_OF_FEW}', and --set data.augment.mirror=true where left and right may change places"
    )


def say_how_it_ended(state: TrainingState, run: RunDir, status: ExitStatus | None, log: Callable[[str], None]) -> None:
    """What was done, what the best was, and which commands to try next.

    Args:
        status: of a stop that was asked for, or None.
    """
    from wgan_cli.cli.render.progress import clock
    from wgan_cli.training.best_generator import out_of_patience

    best, path = state.best, shlex.quote(str(run.path))
    early = out_of_patience(best, state.recipe.patience)
    if state.step == state.recipe.steps:
        log(f"done: {state.step:,} steps in {clock(state.seconds)}; samples: {run.sample_file(state.step)}")
    elif early:
        log(
            f"stopped at step {state.step:,}: {best.score.by} has not improved for {best.since} evaluations; "
            f"best {best.score.value:.3g} at step {best.step:,}"
        )
    else:
        log(f"stopped at step {state.step:,} of {state.recipe.steps:,}; everything is saved")
    if best is not None and not early:
        log(f"the best: {run.best_file}, of step {best.step:,} with {best.score}")
    if state.step < state.recipe.steps:
        log(f"continue: wgan train --resume {path}")
    if status in (None, ExitStatus.DONE):
        log(_next_commands(run, translates=state.recipe.translates))


def _next_commands(run: RunDir, translates: bool) -> str:
    path = shlex.quote(str(run.path))
    generator = (run.best_file if run.best_file.is_file() else run.generator_file).name
    of_what = "--translate FOLDER --to b" if translates else "-n 64"
    return f"next: wgan sample --ckpt {path}/{generator} {of_what}\n      wgan gif {path}\n      wgan inspect {path}"
