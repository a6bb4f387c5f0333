"""Messages of `wgan train` before and after training."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from wgan_cli.errors import ExitStatus
from wgan_cli.utils.format import clock

if TYPE_CHECKING:
    from wgan_cli.runs.run_dir import RunDir
    from wgan_cli.training.state import TrainingState
    from wgan_cli.training.trainer import Trainer


LONG_RUN = 15 * 60  # seconds of training above which a shorter run is suggested
SHORT_RUN = 10 * 60  # seconds that the suggested run takes
SMALL_DATASET = 2000  # images; a critic soon memorizes fewer
DIFF_AUGMENT = "data.diff_augment=[color, translation, cutout]"
_FLIP = "--set data.augment.mirror=true"


def plan(state: TrainingState, origin: str) -> str:
    """Summarize the run to start: data, objective, size, autotuning results, duration and advice."""
    recipe = state.recipe
    sizes = " + ".join(f"{role} {sum(p.numel() for p in net.parameters()):,}" for role, net in state.networks.items())
    precision = "float32" if recipe.amp == "off" else recipe.amp
    lines = [
        f"{recipe.name}: {len(state.loader):,} images of {state.image} ({origin}; {state.loader.placement})",
        f"{recipe.objective.name} on {state.device} in {precision}, {recipe.steps:,} steps of "
        f"{state.images_per_step:,} images, {sizes} parameters",
        f"autotune: {state.autotune_summary}" if state.autotune_summary else "",
        _duration(state),
        _advice(state),
    ]
    return "\n".join(filter(None, lines))


def _duration(state: TrainingState) -> str:
    """Estimate the duration if autotuning timed a step."""
    if state.step_seconds is None or state.recipe.steps is None:
        return ""
    seconds = state.step_seconds * (state.recipe.steps - state.step)
    line = f"about {clock(seconds)} at {1000 * state.step_seconds:.0f} ms per step, plus sample grids and evaluations"
    if seconds <= LONG_RUN:
        return line
    return f"{line}; --steps {_round_down(SHORT_RUN / state.step_seconds)} takes about {SHORT_RUN // 60} minutes"


def _round_down(steps: float) -> int:
    """Round down to two digits, e.g. 987 to 980."""
    unit = 10 ** max(0, len(str(int(steps))) - 2)
    return max(1, int(steps) // unit * unit)


def _advice(state: TrainingState) -> str:
    """Suggest augmentation for small datasets."""
    from wgan_cli.recipe.data_settings import PairSettings

    data, count = state.recipe.data, len(state.loader)
    if isinstance(data, PairSettings) or count >= SMALL_DATASET or data.augment.mirror:
        return ""
    if data.diff_augment:
        return f"{count:,} images are few: if left and right are interchangeable, add {_FLIP}"
    return (
        f"{count:,} images are few, and the critic may memorize them: add --set '{DIFF_AUGMENT}' and, if left and "
        f"right are interchangeable, {_FLIP}"
    )


def log_end(trainer: Trainer) -> None:
    """Log what was trained, the best generator, and the commands to try next."""
    from wgan_cli.training.best_generator import out_of_patience

    state, run, log = trainer.state, trainer.run, trainer.log
    assert run is not None
    best, path = state.best, shlex.quote(str(run.path))
    if state.step == trainer.steps:
        log(f"done: {state.step:,} steps in {clock(state.seconds)}; samples: {run.sample_file(state.step)}")
    elif best is not None and out_of_patience(best, state.recipe.patience):
        log(
            f"stopped at step {state.step:,}: {best.score.by} has not improved for {best.since} evaluations; "
            f"best {best.score.value:.3g} at step {best.step:,}"
        )
    else:
        log(f"stopped at step {state.step:,} of {trainer.steps:,}; everything is saved")
    if best is not None:
        log(f"best generator: {run.best_file}, step {best.step:,}, {best.score}")
    if state.step < trainer.steps:
        log(f"continue: wgan train --resume {path}")
    if trainer.status == ExitStatus.DONE:
        log(_next_commands(run, translates=state.recipe.translates))


def _next_commands(run: RunDir, translates: bool) -> str:
    path = shlex.quote(str(run.path))
    generator = (run.best_file if run.best_file.is_file() else run.generator_file).name
    options = "--translate FOLDER --to b" if translates else "-n 64"
    return f"next: wgan sample --ckpt {path}/{generator} {options}\n      wgan gif {path}\n      wgan inspect {path}"
