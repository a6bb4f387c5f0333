"""The training loop, top to bottom."""

from __future__ import annotations

import time
from typing import Any, Protocol

import torch

from wgan_cli.outputs.curves import draw_curves
from wgan_cli.outputs.grid import grid_tensor, save_picture
from wgan_cli.outputs.sampling import generate
from wgan_cli.recipe.seeds import latent_vectors
from wgan_cli.runs.metrics_log import MetricsLog, read_metrics
from wgan_cli.runs.run_dir import RunDir
from wgan_cli.runs.tensorboard_log import TensorBoardLog
from wgan_cli.training.guard import check_terms, check_weights
from wgan_cli.training.optim import set_learning_rates
from wgan_cli.training.state import TrainingState
from wgan_cli.training.stop import StopRequest

KEPT_CHECKPOINTS = 2


class Watch(Protocol):
    """Somebody who looks on: told of each step and of each record that is logged."""

    def stepped(self, step: int) -> None: ...

    def logged(self, record: dict[str, Any]) -> None: ...


def train(state: TrainingState, run: RunDir, stop: StopRequest, watch: Watch) -> None:
    """Train until the recipe's steps are done or a stop is asked for; the last state is saved either way.

    Raises: WganError (status FAILED) where the numbers diverge or the disk refuses; what was saved before stays good.
    """
    recipe = state.recipe

    # 1. Clear up after a process that was killed, and open the logs at the step where the run stands.
    run.remove_leftovers()
    metrics = MetricsLog(run.metrics_file)
    metrics.rewind(state.step)
    tensorboard = TensorBoardLog(run.tensorboard, resumed_from=state.step)
    recorder = _Recorder(state, run, metrics, tensorboard, watch)
    if state.step == 0:
        recorder.draw_samples()

    saved_at = state.step if state.step else None
    while state.step < recipe.steps and not stop.due():
        # 2. One iteration: n_critic steps of the critic and one of the generator, as the objective's phases say.
        set_learning_rates(recipe, state.optimizers, state.step)
        state.iterate(state.step)
        state.step += 1
        watch.stepped(state.step)
        last = state.step == recipe.steps

        # 3. The only place that waits for the device: the means of the losses since the last record.
        if last or state.step % recipe.log_every == 0:
            recorder.log()

        # 4. The same latent vectors each time, so that the grids show one development.
        if last or state.step % recipe.sample_every == 0:
            recorder.draw_samples()

        # 5. Everything that it takes to continue from here.
        if last or state.step % recipe.save_every == 0:
            recorder.save()
            saved_at = state.step

    # 6. A stop between two checkpoints loses nothing.
    if saved_at != state.step:
        recorder.save()
    draw_curves(read_metrics(run.metrics_file), run.curves_file, title=recipe.name)
    tensorboard.close()


class _Recorder:
    """Writes what the loop has to show and to keep."""

    def __init__(
        self, state: TrainingState, run: RunDir, metrics: MetricsLog, tensorboard: TensorBoardLog, watch: Watch
    ) -> None:
        self.state, self.run, self.metrics, self.tensorboard, self.watch = state, run, metrics, tensorboard, watch
        count = state.recipe.sample_grid**2
        self.latents = latent_vectors(state.recipe.seed, range(count), state.recipe.model.latent_dim)
        self.started = time.perf_counter() - state.seconds
        self.last_seconds, self.last_kimg = state.seconds, state.kimg

    def log(self) -> None:
        """Read the losses' means, check them and write them down."""
        state = self.state
        terms = state.iteration.terms.means()
        check_terms(terms, state.step)
        seconds = time.perf_counter() - self.started
        rate = 1000 * (state.kimg - self.last_kimg) / max(seconds - self.last_seconds, 1e-9)
        self.last_seconds, self.last_kimg = seconds, state.kimg
        record = {
            "step": state.step,
            "kimg": round(state.kimg, 3),
            "seconds": round(seconds, 3),
            "images_per_second": round(rate, 1),
            **terms,
        }
        self.metrics.append(record)
        self.tensorboard.scalars(record)
        self.watch.logged(record)

    def draw_samples(self) -> None:
        """Draw the grid of the fixed latent vectors with the averaged generator."""
        state = self.state
        images = torch.cat(list(generate(state.average.network, self.latents)))  # (grid*grid, C, H, W) uint8
        grid = grid_tensor(images, columns=state.recipe.sample_grid)
        save_picture(grid, self.run.sample_file(state.step))
        self.tensorboard.grid(grid, state.step)

    def save(self) -> None:
        """Write the full checkpoint and the generator, then drop the oldest checkpoints."""
        state = self.state
        check_weights(state.networks, state.step)
        state.seconds = time.perf_counter() - self.started
        state.full_checkpoint().save(self.run.checkpoint_file(state.step))
        state.generator_checkpoint().save(self.run.generator_file)
        for old in self.run.checkpoint_files()[:-KEPT_CHECKPOINTS]:
            old.unlink(missing_ok=True)
