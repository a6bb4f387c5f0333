"""Logs, sample grids, evaluations, checkpoints, and the rollback to a checkpoint."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import Tensor

from wgan_cli.distributed.process_group import broadcast_from_main, on_main_process
from wgan_cli.errors import ExitStatus, TrainingError, WganError
from wgan_cli.evaluation.translation import AnyReference
from wgan_cli.outputs.curves import draw_curves
from wgan_cli.recipe.scores import RENAMED
from wgan_cli.runs.checkpoint import Checkpoint, load_checkpoint
from wgan_cli.runs.metrics_log import MAX_NAMES, finite_numbers, read_metrics
from wgan_cli.runs.run_dir import RunDir
from wgan_cli.training.best_generator import out_of_patience
from wgan_cli.training.callback import Callback, Networks, overrides
from wgan_cli.training.divergence import MAX_ROLLBACKS, checked_means, diverged_error
from wgan_cli.training.recording.best_effort import BestEffort
from wgan_cli.training.recording.diagnostics import Diagnostics
from wgan_cli.training.recording.evaluation import Evaluator
from wgan_cli.training.recording.run_files import RunFiles
from wgan_cli.training.recording.writer import Writer
from wgan_cli.training.state import TrainingState
from wgan_cli.utils.files import writing
from wgan_cli.utils.seeds import derived_seed


class Recorder:
    """Writes logs, sample grids and checkpoints, and measures for how long the training waits for that.

    Call every method on all ranks: the main process does the work, the others wait for it and fail if it fails. On a
    GPU, files are written later, in the order of the calls: an error shows in one of the next calls, at the latest in
    `finish`. Call `close` at the end, whatever happens.

    Attributes:
        out_of_patience: True after `patience` evaluations without a better score.
    """

    def __init__(
        self, state: TrainingState, run: RunDir, callback: Callback, reference: AnyReference | None = None
    ) -> None:
        self.state, self.run, self.callback = state, run, callback
        self.networks = Networks(
            state.networks["generator"], state.ema.network, state.networks["critic"], state.networks
        )
        self.writer = Writer(state.device, callback.on_message)
        self.files = RunFiles(run, self.writer.log)
        self.diagnostics = Diagnostics(state.objective)
        self.best_effort = BestEffort(run, callback.on_message)
        self.evaluator = Evaluator(state, run, reference, self.best_effort, callback.on_message)
        self.eval_every = broadcast_from_main(
            "the start of the run", lambda: None if reference is None else state.recipe.eval_every
        )
        self.out_of_patience = False
        self.saved_at = state.step
        self.started = time.perf_counter() - state.seconds
        self.last_seconds, self.last_kimg = state.seconds, state.kimg

    def start(self) -> None:
        """Rewind the run folder to the state's step; a new run first gets a sample grid and a checkpoint.

        There is then always a checkpoint to roll back to, and a full disk shows before training.
        """
        if self._open():
            self.draw_samples()
            self.save()
        elif self.state.allowed:  # earlier checkpoints are of other images or settings
            self.state.anchor = self.state.step
            self._write_checkpoint()
        self._wait_for_files()
        self.last_seconds = time.perf_counter() - self.started  # the speed is that of steps

    @on_main_process("opening the run folder")
    def _open(self) -> bool:
        """Return True for a new run, or one that was killed before its first checkpoint."""
        state, run = self.state, self.run
        with self._overhead():
            run.remove_leftovers()
            new = not run.checkpoint_files()
            rewound = self._rewind(-1 if new else state.step)
            if not new:
                saved_step = None
                with suppress(WganError):  # killed between writing the checkpoint and G.pth
                    saved_step = load_checkpoint(run.generator_file).step
                if rewound or saved_step != state.step:
                    state.generator_checkpoint().save(run.generator_file)
        return new

    def _rewind(self, step: int) -> bool:
        rewound = self.files.rewind(step)
        self.evaluator.restore_best()
        return rewound

    def evaluate(self) -> dict[str, float]:
        """Score the EMA generator; return the scores by name, empty if that failed."""
        scores, self.out_of_patience = self._evaluate()
        return scores

    @on_main_process("the evaluation")
    def _evaluate(self) -> tuple[dict[str, float], bool]:
        start = time.perf_counter()
        with self._overhead():
            scores = self.evaluator.evaluate()
        self.last_seconds += time.perf_counter() - start  # excluded from images_per_second
        return scores, out_of_patience(self.state.best, self.state.recipe.patience)

    @on_main_process("the record")
    def log(self, terms: Mapping[str, float], scores: Mapping[str, float]) -> None:
        """Write a record: the means of the loss terms since the last one, and the scores of an evaluation, if any."""
        state = self.state
        with self._overhead():
            for warning in self.diagnostics.check_terms(terms, state.step):
                self.callback.on_message(warning)
            if state.engine.notice:
                self.best_effort.warn_once("engine", state.engine.notice)
            seconds = time.perf_counter() - self.started
            rate = 1000 * (state.kimg - self.last_kimg) / max(seconds - self.last_seconds, 1e-9)
            self.last_seconds, self.last_kimg = seconds, state.kimg
            threads = state.adaptive_threads
            record = {
                "step": state.step,
                "epoch": round(1000 * state.kimg / len(state.loader), 3),
                "kimg": round(state.kimg, 3),
                "seconds": round(seconds, 3),
                "overhead_seconds": round(state.overhead, 3),
                "images_per_second": round(rate, 3),
                **({"rollbacks": state.rollbacks} if state.rollbacks else {}),
                **(
                    {"threads": threads.count, "thread_changes": threads.changes} if threads and threads.changes else {}
                ),
                **terms,
                **scores,
            }
            self.callback.on_log(record, self.networks)
            self.writer.submit(self.files.add_record, self._numbers_of(record))

    def _numbers_of(self, record: dict[str, Any]) -> dict[str, float]:
        """Return what can be logged of a record that callbacks may have added to, and warn about the rest."""
        warn = self.best_effort.warn_once
        numbers = finite_numbers(record)
        for name in [name for name in record if name not in numbers]:
            warn(name, f"warning: {name} is not logged: {record[name]!r} is not a finite number")
        for name in RENAMED.keys() & numbers.keys():
            warn(name, f"warning: {name} is not logged: earlier versions called {RENAMED[name]} that; rename it")
            del numbers[name]
        if len(numbers) > MAX_NAMES:
            warn("names", f"warning: {len(numbers)} numbers are logged; curves and reports show the first {MAX_NAMES}")
        return numbers

    @on_main_process("the sample grid")
    def draw_samples(self) -> None:
        """Draw the sample grid with the EMA generator."""
        state = self.state
        with self._overhead():
            images, generated = state.sample_grid.draw(state.ema.network)
            self.writer.submit(self._write_grid, images, generated, state.step)
            if overrides(self.callback, "on_samples"):
                if self.callback.reads_files:
                    self.writer.wait()
                self.callback.on_samples(images.cpu(), state.sample_grid.columns)

    def _write_grid(self, images: Tensor, generated: Tensor, step: int) -> None:
        for warning in self.diagnostics.check_samples(generated, step):
            self.writer.log(warning)
        self.files.add_grid(images, self.state.sample_grid.columns, step)

    def save(self) -> None:
        """Write the full checkpoint and G.pth, then delete old checkpoints except the one to roll back to."""
        state = self.state
        if state.step % state.recipe.save_every == 0:  # an uninterrupted run has this checkpoint too
            state.anchor = state.step
        self._write_checkpoint()
        self.saved_at = state.step

    @on_main_process("the checkpoint")
    def _write_checkpoint(self) -> None:
        state = self.state
        with self._overhead():
            state.seconds = time.perf_counter() - self.started
            files = state.full_checkpoint(), state.generator_checkpoint()
            self.writer.submit(self.files.save, *files, state.recipe.keep, state.anchor, large=True)

    @on_main_process("the files of the run")
    def _wait_for_files(self) -> None:
        with self._overhead():
            self.writer.wait()

    def roll_back(self, problem: str) -> None:
        """Restore the last checkpoint at a multiple of `save_every`, and continue with new random numbers.

        An uninterrupted run has that checkpoint too, and the random numbers follow from the seed and the number of
        rollbacks, so a resumed run rolls back exactly as an uninterrupted one.

        Raises: WganError (status FAILED) after MAX_ROLLBACKS.
        """
        state, diverged_at = self.state, self.state.step
        self._wait_for_files()
        with self._overhead():
            overhead, rollbacks = state.overhead, state.rollbacks + 1
            state.restore(broadcast_from_main("the last good checkpoint", lambda: self._last_good_checkpoint(problem)))
            state.overhead, state.rollbacks = overhead, rollbacks  # time isn't rolled back
            torch.manual_seed(derived_seed(state.recipe.seed, "noise after going back", rollbacks))
            broadcast_from_main("the rollback", lambda: self._rewind(state.step))
            self.last_seconds, self.last_kimg = time.perf_counter() - self.started, state.kimg
        self.saved_at, self.out_of_patience = state.step, False
        self.callback.on_message(
            f"diverged before step {diverged_at:,}: {problem}; rolled back to step {state.step:,} with new random "
            f"numbers (rollback {state.rollbacks} of at most {MAX_ROLLBACKS})"
        )

    def _last_good_checkpoint(self, problem: str) -> Checkpoint:
        state, run = self.state, self.run
        if state.rollbacks == MAX_ROLLBACKS:
            raise diverged_error(state.recipe, state.objective, state.step, problem)
        files, anchor = run.checkpoint_files(), run.checkpoint_file(state.anchor)
        for file in [*(file for file in files if file == anchor), *reversed(files)]:
            with suppress(WganError):
                return load_checkpoint(file)
        raise TrainingError(
            f"training diverged before step {state.step}: {problem}; no checkpoint in {run.checkpoints} can be read",
            "train again with a lower lr",
            ExitStatus.FAILED,
        )

    def finish(self) -> None:
        """Save the last state if it is not saved yet, wait until everything is written, and draw the curves."""
        if self.saved_at != self.state.step:
            _, problem = checked_means(self.state)
            if problem:
                self.roll_back(problem)
            else:
                self.save()
        self._wait_for_files()
        self._draw_curves()

    def close(self) -> None:
        """Write what is pending after an error, and end the writer's thread."""
        self.writer.close()

    @on_main_process("the curves")
    def _draw_curves(self) -> None:
        curves = self.run.curves_file
        with self.best_effort.optional("curves.png"), writing(curves):  # matplotlib may fail to write its cache
            draw_curves(read_metrics(self.run.metrics_file), curves, title=self.state.recipe.name)

    @contextmanager
    def _overhead(self) -> Iterator[None]:
        """Count the time in the block, in which the loop starts no steps, but not what the writer's thread does.

        The check for NaN has waited for the device, so no step is pending when the block begins.
        """
        start = time.perf_counter()
        try:
            yield
        finally:
            self.state.overhead += time.perf_counter() - start
