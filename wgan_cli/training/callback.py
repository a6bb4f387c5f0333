"""Training callbacks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

    from wgan_cli.runs.run_dir import RunDir
    from wgan_cli.utils.format import Log


@dataclass(frozen=True)
class Networks:
    """The networks of a run, passed to callbacks; read them, but don't modify them.

    Attributes:
        generator: the generator that the optimizer updates.
        ema: the exponential moving average (EMA) of the generator, in evaluation mode. Sample grids, evaluations, G.pth
            and G_best.pth use it.
        critic: the critic; for cyclegan a module with one critic per domain.
        by_role: every trained network by its role: generator, critic, and for cvae_gan encoder and classifier.
    """

    generator: nn.Module
    ema: nn.Module
    critic: nn.Module
    by_role: Mapping[str, nn.Module]


class Callback:
    """Training callback. Every method is a no-op; override the ones you need.

    Methods run between two steps, in the main process only. An exception ends the run. Random numbers drawn from
    torch's global generator change the run.

    Attributes:
        reads_files: True if `on_samples` reads the grid's file. Training on a GPU then waits until it is written.
    """

    reads_files = False

    def on_run(self, run: RunDir, log: Log) -> None:
        """Called once, when the run folder has its recipe.yaml. `log` sends a message to all callbacks."""

    def on_train_start(self, step: int, steps: int) -> None:
        """Called before the first step with the number of completed steps (0 for a new run) and of all steps."""

    def on_step(self, step: int, networks: Networks) -> None:
        """Called after each step (generator update), counted from 1."""

    def on_log(self, record: dict[str, Any], networks: Networks) -> None:
        """Called with each record before it is written to metrics.jsonl and TensorBoard.

        There is one every `log_every` steps, after each evaluation and at the last step.

        Args:
            record: `step`, `epoch`, `kimg`, `seconds`, `overhead_seconds`, `images_per_second`, each loss term by name
                (means since the last record), and scores after an evaluation. Numbers added to it are logged, plotted
                and shown by `wgan inspect` like loss terms.
        """

    def on_samples(self, images: Tensor, columns: int) -> None:
        """Called with each sample grid: its images (N,C,H,W) as uint8 on the CPU, row by row, `columns` per row.

        On a GPU its file is written later, unless the callback `reads_files`.
        """

    def on_message(self, text: str) -> None:
        """Called with each message for the user: data loading, evaluation results, warnings."""

    def on_error(self, error: BaseException) -> None:
        """Called with the exception that ends the training, before `on_train_end`."""

    def on_train_end(self) -> None:
        """Called at the end, also if training stopped early, failed, or failed to start before `on_train_start`."""


class CallbackList(Callback):
    """Calls several callbacks in order; each learns that the run ends, also if one before it raises."""

    def __init__(self, callbacks: Sequence[Callback]) -> None:
        for name in [name for name in vars(Callback) if name.startswith("on_")]:
            if methods := [getattr(callback, name) for callback in callbacks if overrides(callback, name)]:
                call = _call_each if name in ("on_error", "on_train_end") else _call_all
                setattr(self, name, partial(call, methods))
        self.reads_files = any(callback.reads_files for callback in callbacks)


def overrides(callback: Callback, name: str) -> bool:
    """Return True if a callback, or one of a list, overrides the method `name`."""
    method = getattr(callback, name)
    return getattr(method, "__func__", method) is not getattr(Callback, name)


def _call_all(methods: Sequence[Callable[..., None]], *args: Any) -> None:
    for method in methods:
        method(*args)


def _call_each(methods: Sequence[Callable[..., None]], *args: Any) -> None:
    """Call all methods, and then raise what one of them has raised."""
    with ExitStack() as calls:
        for method in reversed(methods):  # the last one is called first
            calls.callback(method, *args)
