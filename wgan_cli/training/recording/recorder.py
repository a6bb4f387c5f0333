"""What the loop shows and keeps, and the way back to what it kept."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch

from wgan_cli.errors import ExitStatus, WganError
from wgan_cli.evaluation.translation import AnyReference
from wgan_cli.outputs.curves import draw_curves
from wgan_cli.outputs.grid import grid_tensor, save_picture
from wgan_cli.runs.checkpoint import Checkpoint, load_checkpoint
from wgan_cli.runs.metrics_log import MetricsLog, read_metrics
from wgan_cli.runs.rewind import rewind
from wgan_cli.runs.run_dir import RunDir, step_of
from wgan_cli.runs.tensorboard import TensorBoardLog
from wgan_cli.training.callback import Callback
from wgan_cli.training.divergence import MOST_ROLLBACKS, gave_up
from wgan_cli.training.recording.best_effort import BestEffort
from wgan_cli.training.recording.diagnostics import Diagnostics
from wgan_cli.training.recording.evaluation import Evaluator
from wgan_cli.training.rollback import agreed_illness, go_back
from wgan_cli.training.state import TrainingState
from wgan_cli.utils.files import writing

KEPT_CHECKPOINTS = 2
_RECORDS = "new records in metrics.jsonl, and writes them when it can"


class Recorder:
    """Writes what the loop has to show and to keep, and measures the time that this takes."""

    def __init__(
        self, state: TrainingState, run: RunDir, callback: Callback, reference: AnyReference | None = None
    ) -> None:
        self.state, self.run, self.callback = state, run, callback
        self.metrics = MetricsLog(run.metrics_file)
        self.diagnostics = Diagnostics(state.objective)
        self.saved_at: int | None = None
        self.best_effort = BestEffort(run, callback.on_message)
        self.judge = Evaluator(state, run, reference, self.best_effort, callback.on_message)
        self.started = time.perf_counter() - state.seconds
        self.last_seconds, self.last_kimg = state.seconds, state.kimg

    def start(self) -> None:
        """Make the run's folder what it was when the state was saved; a new run gets a grid and a checkpoint first.

        With that checkpoint there is always one to go back to, and a disk that is too small shows before any training.
        """
        self.run.remove_leftovers()
        new = not self.run.checkpoint_files()  # also a run that was killed before its first
        roll_back = rewind(self.run, -1 if new else self.state.step)
        self.judge.settle()
        self.tensorboard = TensorBoardLog(self.run.tensorboard, resumed_from=self.state.step)
        if new:
            self.draw_samples()
            self.save()
            return
        self.saved_at = self.state.step
        if roll_back or self._generator_step() != self.state.step:
            self.state.generator_checkpoint().save(self.run.generator_file)

    def evaluate(self) -> dict[str, float]:
        """Measure the averaged generator beside real images: its scores by name, none where that fails."""
        start = time.perf_counter()
        with self._overhead():
            scores = self.judge.evaluate()
        self.last_seconds += time.perf_counter() - start  # it is no training, so the rate does not count it
        return scores

    def log(self, scores: Mapping[str, float]) -> None:
        """Read the losses' means and write them down, with the scores of an evaluation, where there was one."""
        state = self.state
        terms = state.iteration.terms.means()
        with self._overhead():
            self._warn(self.diagnostics.check_terms(terms, self.state.step))
            self._warn_of_engine()
            seconds = time.perf_counter() - self.started
            rate = 1000 * (state.kimg - self.last_kimg) / max(seconds - self.last_seconds, 1e-9)
            self.last_seconds, self.last_kimg = seconds, state.kimg
            record = {
                "step": state.step,
                "kimg": round(state.kimg, 3),
                "seconds": round(seconds, 3),
                "overhead_seconds": round(state.overhead, 3),
                "images_per_second": round(rate, 1),
                **({"rollbacks": state.rollbacks} if state.rollbacks else {}),
                **terms,
                **scores,
            }
            with self.best_effort.dispensable(_RECORDS):
                self.metrics.append(record)
            with self.best_effort.dispensable("TensorBoard's entries"):
                self.tensorboard.scalars(record)
            self.callback.on_log(record)

    def draw_samples(self) -> None:
        """Draw the grid of the fixed inputs with the averaged generator."""
        state = self.state
        with self._overhead():
            pictures = state.sample_grid.draw(state.ema.network)
            self._warn(self.diagnostics.check_samples(pictures.made, state.step))
            grid = grid_tensor(pictures.shown, columns=state.sample_grid.columns)
            with self.best_effort.dispensable("this sample grid"):
                save_picture(grid, self.run.sample_file(state.step))
            with self.best_effort.dispensable("TensorBoard's entries"):
                self.tensorboard.grid(grid, state.step)
            self.callback.on_samples(pictures.shown, state.sample_grid.columns)

    def save(self) -> None:
        """Write the full checkpoint and the generator, then drop the oldest checkpoints but the one to go back to."""
        state = self.state
        if state.step % state.recipe.save_every == 0:  # a stop in between is no place that an unstopped run knows
            state.anchor = state.step
        with self._overhead():
            with self.best_effort.dispensable(_RECORDS):
                self.metrics.flush()
            state.seconds = time.perf_counter() - self.started
            try:
                state.full_checkpoint().save(self.run.checkpoint_file(state.step))
                state.generator_checkpoint().save(self.run.generator_file)
            except WganError as error:
                raise self.best_effort.cannot_save(error) from error
            self.saved_at = state.step
            for old in self.run.checkpoint_files()[:-KEPT_CHECKPOINTS]:
                if step_of(old) != state.anchor:
                    old.unlink(missing_ok=True)

    def roll_back(self) -> bool:
        """Whether something is NaN or infinite; then the run stands at its last good checkpoint, with new noise.

        That checkpoint is one that a run without stops has too, and the noise follows from the seed and how often this
        happened, so that a resumed run goes back exactly as one that never stopped.

        Raises: WganError (status FAILED) where this happened too often.
        """
        state = self.state
        illness = agreed_illness(state)
        if illness is None:
            return False
        ill_step = state.step
        if state.rollbacks == MOST_ROLLBACKS:
            raise gave_up(state.recipe, state.objective, ill_step, illness)
        with self._overhead():
            go_back(state, lambda: self._last_good(ill_step, illness))
            rewind(self.run, state.step)
            self.judge.settle()
            self.tensorboard = TensorBoardLog(self.run.tensorboard, resumed_from=state.step)
            self.saved_at = state.step
            self.last_seconds, self.last_kimg = time.perf_counter() - self.started, state.kimg
        self.callback.on_message(
            f"diverged before step {ill_step:,}: {illness}; back at step {state.step:,} with other random numbers "
            f"({state.rollbacks} of at most {MOST_ROLLBACKS} times)"
        )
        return True

    def finish(self) -> None:
        """Save what is not saved yet, and draw the curves."""
        if self.saved_at != self.state.step and not self.roll_back():
            self.save()
        with (
            self.best_effort.dispensable("curves.png"),
            writing(self.run.curves_file),
        ):  # matplotlib wants a cache folder
            draw_curves(read_metrics(self.run.metrics_file), self.run.curves_file, title=self.state.recipe.name)

    def _last_good(self, ill_step: int, illness: str) -> Checkpoint:
        files = self.run.checkpoint_files()
        anchor = self.run.checkpoint_file(self.state.anchor)
        for file in [*(file for file in files if file == anchor), *reversed(files)]:
            try:
                return load_checkpoint(file)
            except WganError:
                continue
        raise WganError(
            f"training diverged before step {ill_step}: {illness}; {self.run.checkpoints} holds nothing to go back to",
            "train again with a lower lr",
            ExitStatus.FAILED,
        )

    def _generator_step(self) -> int | None:
        try:
            return load_checkpoint(self.run.generator_file).step
        except WganError:  # a kill between the checkpoint and it
            return None

    @contextmanager
    def _overhead(self) -> Iterator[None]:
        if self.state.device.type == "cuda":
            torch.cuda.synchronize(self.state.device)  # what it still computes is training
        start = time.perf_counter()
        try:
            yield
        finally:
            self.state.overhead += time.perf_counter() - start

    def _warn_of_engine(self) -> None:
        """Say once that a graph could not be captured after all."""
        trouble = getattr(self.state.iterate, "trouble", "")
        if trouble:
            self.best_effort.note_once("graph", f"the graph engine cannot serve any more, and eager goes on: {trouble}")

    def _warn(self, warnings: list[str]) -> None:
        for warning in warnings:
            self.callback.on_message(warning)
