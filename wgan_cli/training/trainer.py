"""A run's folder while it trains, and its training to the end: the same for the command line and for Python."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path

from wgan_cli.distributed import process_group
from wgan_cli.errors import ExitStatus, WganError, is_out_of_memory
from wgan_cli.evaluation.translation import AnyReference
from wgan_cli.runs.environment import describe_environment
from wgan_cli.runs.lock import only_trainer
from wgan_cli.runs.resume import ResumePoint
from wgan_cli.runs.rewind import set_aside
from wgan_cli.runs.run_dir import RunDir, create_run
from wgan_cli.training.callback import Callback
from wgan_cli.training.loop import train
from wgan_cli.training.setup import Log
from wgan_cli.training.state import TrainingState
from wgan_cli.training.stop import StopRequest


@contextmanager
def opened_run(
    state: TrainingState, run: RunDir | None, point: ResumePoint | None, out: Path | None, command: str, log: Log
) -> Iterator[RunDir]:
    """The folder of a new run, or of one that goes on: locked within the block, with its description written.

    Args:
        command: that made the state, for the description.
    """
    run = run or process_group.broadcast_from_main("the run folder", lambda: create_run(out, state.recipe.name))
    with only_trainer(run) if process_group.is_main_process() else nullcontext():
        if process_group.is_main_process():
            if point is not None:
                _leave_behind(run, point, log)
            run.write_description(state.recipe, describe_environment(state.device, command))
        yield run


def train_to_the_end(
    state: TrainingState, run: RunDir, stop: StopRequest, callback: Callback, reference: AnyReference | None
) -> None:
    """Train until the recipe's end or a stop, which signals may ask for; see `loop.train`."""
    with _fitting_batch(state), closing(state.loader), stop.on_signals():
        train(state, run, stop, callback, reference)


def _leave_behind(run: RunDir, point: ResumePoint, log: Log) -> None:
    """Move damaged checkpoints out of the way, once no other process trains the run."""
    if tuple(run.checkpoint_files()) != point.files:
        raise WganError(f"another process has just trained {run.path}", "give the same command again")
    for file, why in point.damaged.items():
        moved = set_aside(run, file, mark=".damaged")
        log(f"{why}; it is kept as {moved}, and the run goes on from the checkpoint before")


@contextmanager
def _fitting_batch(state: TrainingState) -> Iterator[None]:
    """Say which batch size to try where memory runs out."""
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
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
