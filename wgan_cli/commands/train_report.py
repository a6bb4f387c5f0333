"""What `wgan train` says before and after training, and where memory runs out."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from wgan_cli.errors import ExitStatus, WganError, is_lack_of_memory

if TYPE_CHECKING:
    from wgan_cli.runs.run_dir import RunDir
    from wgan_cli.training.state import TrainingState


def plan(state: TrainingState, origin: str) -> str:
    """What is about to be trained, in two lines."""
    recipe = state.recipe
    sizes = " + ".join(f"{role} {sum(p.numel() for p in net.parameters()):,}" for role, net in state.networks.items())
    number_format = "float32" if recipe.amp == "off" else recipe.amp
    return (
        f"{recipe.name}: {len(state.feed):,} images of {state.image} ({origin}; {state.feed.why})\n"
        f"{recipe.objective.name} on {state.device} in {number_format}, {recipe.steps:,} steps of "
        f"{state.images_per_step:,} images, {sizes} parameters"
        + (f"\ntried: {state.why_so_fast}" if state.why_so_fast else "")
    )


def say_how_it_ended(state: TrainingState, run: RunDir, status: ExitStatus | None, tell: Callable[[str], None]) -> None:
    """What was done, what the best was, and which commands to try next.

    Args:
        status: of a stop that was asked for, or None.
    """
    from wgan_cli.commands.progress import clock
    from wgan_cli.training.best import out_of_patience

    best, path = state.best, shlex.quote(str(run.path))
    early = out_of_patience(best, state.recipe.patience)
    if state.step == state.recipe.steps:
        tell(f"done: {state.step:,} steps in {clock(state.seconds)}; samples: {run.sample_file(state.step)}")
    elif early:
        tell(
            f"stopped at step {state.step:,}: {best.score.by} has not improved for {best.since} evaluations; "
            f"best {best.score.value:.3g} at step {best.step:,}"
        )
    else:
        tell(f"stopped at step {state.step:,} of {state.recipe.steps:,}; everything is saved")
    if best is not None and not early:
        tell(f"the best: {run.best_file}, of step {best.step:,} with {best.score}")
    if state.step < state.recipe.steps:
        tell(f"continue: wgan train --resume {path}")
    if status in (None, ExitStatus.DONE):
        tell(_next_commands(run, translates=state.recipe.model.task == "translation"))


def _next_commands(run: RunDir, translates: bool) -> str:
    path = shlex.quote(str(run.path))
    generator = (run.best_file if run.best_file.is_file() else run.generator_file).name
    of_what = "--translate FOLDER --to b" if translates else "-n 64"
    return f"next: wgan sample --ckpt {path}/{generator} {of_what}\n      wgan gif {path}\n      wgan inspect {path}"


@contextmanager
def fitting_batch(state: TrainingState) -> Iterator[None]:
    """Say which batch size to try where memory runs out."""
    try:
        yield
    except Exception as error:
        if not is_lack_of_memory(error):
            raise
        size = state.recipe.batch_size
        hint = (
            f"train again with --set batch_size={size // 2}"
            if size > 1
            else "choose smaller networks: model.generator and model.critic in the recipe"
        )
        raise WganError(
            f"there is not enough memory on {state.device} for batch_size={size}: {_first_sentence(error)}",
            hint,
            ExitStatus.FAILED,
        ) from error


def _first_sentence(error: Exception) -> str:
    return str(error).partition("\n")[0].partition(". ")[0].strip() or type(error).__name__
