"""Messages of `wgan train` before and after training."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from wgan_cli.cli.render.class_counts import few_images, list_counts
from wgan_cli.cli.render.text_table import make_table
from wgan_cli.console import end_activity, messages
from wgan_cli.errors import ExitStatus
from wgan_cli.recipe.data_settings import PairSettings
from wgan_cli.recipe.decoding_types import SMALL_DATASET
from wgan_cli.utils.format import Log, clock, count_of

if TYPE_CHECKING:
    from pathlib import Path

    from wgan_cli.networks.transfer import Transfer
    from wgan_cli.recipe import Recipe
    from wgan_cli.runs.resume import Finished
    from wgan_cli.training.state import TrainingState
    from wgan_cli.training.trainer import Trainer

LONG_RUN = 15 * 60  # seconds of training above which a shorter run is suggested
MAX_CLASSES = 20  # listed
SHORT_RUN = 10 * 60  # seconds that the suggested run takes
_FLIP = "--set data.augment.mirror=true"


def plan(
    state: TrainingState, origin: str, counts: Mapping[str, int] | None = None, minutes: float | None = None
) -> str:
    """Summarize the run to start: data, objective, size, autotuning results, duration and advice.

    Args:
        counts: number of images of each class. minutes: time limit.
    """
    recipe = state.recipe
    sizes = " + ".join(f"{role} {sum(p.numel() for p in net.parameters()):,}" for role, net in state.networks.items())
    epochs = (recipe.steps or 0) * state.images_per_step / len(state.loader)
    precision = "float32" if recipe.amp == "off" else recipe.amp
    lines = [
        f"{recipe.name}: {count_of(len(state.loader), 'image')} of {state.image} ({origin}; {state.loader.placement})",
        _classes(state, counts or {}),
        f"{recipe.objective.name} on {state.device} in {precision}, {count_of(recipe.steps or 0, 'step')} of "
        f"{count_of(state.images_per_step, 'image')} ({epochs:,.1f} epochs), {sizes} parameters",
        f"benchmark: {state.autotune_summary}" if state.autotune_summary else "",
        _duration(state, minutes),
        _advice(state),
    ]
    return "\n".join(filter(None, lines))


def _duration(state: TrainingState, minutes: float | None) -> str:
    """Estimate the duration, or the number of steps in the time limit, and suggest a shorter run than a long one."""
    step_seconds, steps = state.step_seconds, state.recipe.steps
    if step_seconds is None or steps is None:  # autotuning timed no step
        return ""
    seconds = step_seconds * (steps - state.step)
    speed = f"{1000 * step_seconds:.{0 if step_seconds > 0.01 else 1}f} ms per step"
    if minutes is not None and 60 * minutes < seconds:
        reached = int(60 * minutes / step_seconds)
        return f"--minutes {minutes:g}: about {reached:,} steps at {speed}, fewer with sample grids and evaluations"
    duration = f"about {clock(seconds)} at {speed}, plus sample grids and evaluations"
    if seconds > LONG_RUN:
        fewer = int(SHORT_RUN / step_seconds)
        unit = 10 ** max(0, len(str(fewer)) - 2)  # round down to two digits
        duration += f"; --set steps={max(1, fewer // unit * unit)} takes about {SHORT_RUN // 60} minutes"
    return duration


def _classes(state: TrainingState, counts: Mapping[str, int]) -> str:
    """List the classes, and warn about those with a handful of images if the run learns them."""
    if not counts:
        return ""
    line = f"classes: {list_counts(counts, MAX_CLASSES)}"
    if not state.recipe.model.conditional:
        return line + ("; not learned (--set model.conditional=true)" if len(counts) > 1 else "")
    warning = few_images(counts)
    return f"{line}\nwarning: {warning}; --set data.classes=[...] selects others" if warning else line


def _advice(state: TrainingState) -> str:
    """Explain or suggest augmentation for small datasets."""
    data, count = state.recipe.data, len(state.loader)
    if isinstance(data, PairSettings) or count >= SMALL_DATASET:
        return ""
    flips = "" if data.augment.mirror else f"; if left and right are interchangeable, add {_FLIP}"
    if data.diff_augment:
        augmented = f"diff_augment changes what it sees ({', '.join(data.diff_augment)})"
    else:
        augmented = "add --set data.diff_augment=auto"
    return f"{count:,} images are few, and a critic memorizes few images: {augmented}{flips}"


def print_transfers(transfers: Sequence[Transfer]) -> None:
    """Print which layers of each network start from loaded weights, as they are or adapted, to stderr."""
    if not transfers:
        return
    rows = [
        (each.role, str(len(each.loaded)), _layers(each.adapted), _layers(each.skipped))  # the loaded are the rule
        for each in transfers
    ]
    end_activity()
    messages().print(make_table(("network", "loaded", "adapted", "skipped"), rows, right=(1,)))


def _layers(names: Sequence[str]) -> str:
    return f"{len(names)}: {', '.join(names)}" if names else "0"


def sample_options(recipe: Recipe) -> str:
    """Return the options of a first `wgan sample` of a recipe's generator."""
    return "--translate PATH --to b" if recipe.translates else "-n 64"


def log_end(trainer: Trainer, trackers: Sequence[str] = (), data_root: Path | None = None) -> None:
    """Log what was trained, the best generator, and the commands to try next.

    Args:
        trackers, data_root: those of this command, which a run doesn't store.
    """
    from wgan_cli.training.best_generator import out_of_patience

    state, run, log = trainer.state, trainer.run, trainer.log
    assert run is not None
    best, path = state.best, shlex.quote(str(run.path))
    if state.step == trainer.state.steps:
        log(f"done: {count_of(state.step, 'step')} in {clock(state.seconds)}; samples: {run.sample_file(state.step)}")
    elif best is not None and out_of_patience(best, state.recipe.patience):
        log(
            f"stopped at step {state.step:,}: {best.score.by} has not improved for {best.since} evaluations; "
            f"best {best.score.value:.3g} at step {best.step:,}"
        )
    else:
        log(f"stopped at step {state.step:,} of {trainer.state.steps:,}; everything is saved")
    if best is not None:
        log(f"best generator: {run.best_file}, step {best.step:,}, {best.score}")
    if state.step < trainer.state.steps:
        tracked = "".join(f" --track {name}" for name in trackers)
        log(f"continue: wgan train --resume {path}{_data_root_option(data_root)}{tracked}")
    if trainer.status == ExitStatus.DONE:
        log(_next_commands(path, state.recipe))


def log_finished(found: Finished, log: Log, data_root: Path | None = None) -> None:
    """Log that a run has no steps left, how to train it further, and the commands to try next."""
    path = shlex.quote(str(found.run.path))
    further = f"wgan train --resume {path}{_data_root_option(data_root)} --steps {2 * found.step}"
    log(f"{found}; --steps is the total, so this trains further: {further}")
    log(_next_commands(path, found.run.read_recipe()))


def _data_root_option(data_root: Path | None) -> str:
    return "" if data_root is None else f" --data-root {shlex.quote(str(data_root))}"


def _next_commands(path: str, recipe: Recipe) -> str:
    return f"next: wgan sample {path} {sample_options(recipe)}\n      wgan gif {path}\n      wgan inspect {path}"
