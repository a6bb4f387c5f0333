"""The callback that logs a training to an experiment tracker."""

import json
import os
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wgan_cli.errors import ExitStatus, WganError, one_line
from wgan_cli.recipe.scores import chart_name
from wgan_cli.runs.checkpoint import generator_file
from wgan_cli.runs.metrics_log import finite_numbers
from wgan_cli.runs.run_dir import RunDir
from wgan_cli.trackers.known import make_client
from wgan_cli.training.callback import Callback, Networks
from wgan_cli.training.recording.best_effort import BestEffort
from wgan_cli.utils.files import write_text
from wgan_cli.utils.format import Log

if TYPE_CHECKING:
    from torch import Tensor

_FOLDER = "folder"  # of the run, beside what continues it, in trackers.json
RETRY_AFTER = 60.0  # seconds until a failed tracker is tried again
MAX_REASON = 160  # characters; HTTP libraries quote whole requests
MAX_SHARE = 0.1  # of the training time that a failed tracker may take


class Tracker(Callback):
    """Logs a training to an experiment tracker: recipe, records, sample grids, and at the end the best generator.

    A tracker that fails during training gives one warning; what it missed is sent when it works again. A resumed run
    continues its run in the tracker, which trackers.json in the run folder describes. Pass it after callbacks that add
    numbers to the record.

    Args:
        name: wandb, mlflow or trackio.
    Raises: WganError for another name, or if the tracker's package is not installed.
    """

    reads_files = True

    def __init__(self, name: str) -> None:
        self.name, self._client = name, make_client(name)
        self._unsent: deque[Callable[[], None]] = deque()
        self._step, self._retry_at = 0, 0.0
        self._started = self._failed = False

    def on_run(self, run: RunDir, log: Log) -> None:
        self._run, self._log, self._best_effort = run, log, BestEffort(run, log)
        saved = _read_saved(run)
        folder, recipe = Path(os.path.abspath(run.path)), run.read_recipe().as_dict()
        earlier = saved.get(self.name, {})
        original = earlier.pop(_FOLDER, None)
        if isinstance(original, str) and _is_copy(run, RunDir(Path(original)), self.name, earlier):
            log(f"{self.name}: a new run, because {run.path} is a copy of {original}")
            earlier = {}
        try:
            started = self._client.start(folder, recipe, earlier)
        except Exception as error:
            raise WganError(
                f"{self.name} cannot start: {_reason(error)}",
                f"{self._client.setup}; then continue with --resume {run.path}, or without --track {self.name}",
                ExitStatus.FAILED,
            ) from error
        self._started = True
        log(f"{self.name}: {started.place}")
        with self._best_effort.optional("continuing the same run in the tracker later"):
            entry = started.saved | {_FOLDER: str(folder)}
            write_text(run.trackers_file, json.dumps(saved | {self.name: entry}, indent=2) + "\n")

    def on_train_start(self, step: int, steps: int) -> None:
        self._step = step

    def on_step(self, step: int, networks: Networks) -> None:
        self._step = step

    def on_log(self, record: dict[str, Any], networks: Networks) -> None:
        numbers = finite_numbers(record)
        named = {chart_name(name): value for name, value in numbers.items() if name != "step"}
        self._send(partial(self._client.log_numbers, named, self._step))

    def on_samples(self, images: "Tensor", columns: int) -> None:
        self._send(partial(self._log_grid, self._step))

    def on_error(self, error: BaseException) -> None:
        self._failed = True

    def on_train_end(self) -> None:
        if not self._started:
            return
        self._retry_at = 0.0
        try:
            self._send(self._log_generator)
        finally:
            self._try(partial(self._client.finish, self._failed))
        if self._unsent:
            self._log(f"warning: {len(self._unsent)} entries were not sent to {self.name}; the run folder has them")

    def _log_grid(self, step: int) -> None:
        file = self._run.sample_file(step)
        if file.exists():  # False if the disk was full, or a rollback moved it
            self._client.log_grid(file, step)

    def _log_generator(self) -> None:
        with suppress(WganError):  # the run ended before its first checkpoint
            self._client.log_generator(generator_file(self._run.path))

    def _send(self, entry: Callable[[], None]) -> None:
        """Send an entry after those that failed before; a tracker that doesn't work is tried again later."""
        self._unsent.append(entry)
        if time.monotonic() >= self._retry_at:
            self._try(self._send_all)

    def _send_all(self) -> None:
        while self._unsent:
            self._unsent[0]()
            self._unsent.popleft()

    def _try(self, act: Callable[[], None]) -> None:
        start = time.monotonic()
        with self._best_effort.optional(f"{self.name}'s entries, which are sent as soon as it works again"):
            try:
                act()
            except Exception as error:
                now = time.monotonic()
                self._retry_at = now + max(RETRY_AFTER, (now - start) / MAX_SHARE)
                message = f"{self.name} failed at step {self._step:,}: {_reason(error)}"
                raise WganError(message, self._client.setup) from error


def _reason(error: Exception) -> str:
    text = one_line(str(error)) or type(error).__name__
    return text if len(text) <= MAX_REASON else f"{text[:MAX_REASON]}..."


def _is_copy(run: RunDir, original: RunDir, name: str, entry: dict[str, str]) -> bool:
    """Return True if another folder still has the same run of a tracker; a moved run has left its former place."""
    with suppress(OSError, ValueError):
        theirs = _read_saved(original).get(name, {})
        return {**theirs, _FOLDER: ""} == {**entry, _FOLDER: ""} and not os.path.samefile(original.path, run.path)
    return False


def _read_saved(run: RunDir) -> dict[str, dict[str, str]]:
    """Return what continues the run in each tracker; {} if there is no such file, or it is damaged."""
    with suppress(OSError, ValueError):
        saved = json.loads(run.trackers_file.read_text(encoding="utf-8"))
        if isinstance(saved, dict):
            return {name: values for name, values in saved.items() if isinstance(values, dict)}
    return {}
