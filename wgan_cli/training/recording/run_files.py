"""The files that training adds to a run folder."""

from typing import Any

from torch import Tensor

from wgan_cli.errors import WganError
from wgan_cli.outputs.grid import encoded_picture, grid_tensor
from wgan_cli.runs.checkpoint import Checkpoint
from wgan_cli.runs.metrics_log import MetricsLog
from wgan_cli.runs.resume import rewind
from wgan_cli.runs.run_dir import RunDir, step_of
from wgan_cli.runs.tensorboard import TensorBoardLog
from wgan_cli.training.recording.best_effort import BestEffort
from wgan_cli.utils.files import write_atomically
from wgan_cli.utils.format import Log

_RECORDS = "new records in metrics.jsonl (they are kept, and written once that works again)"
_TENSORBOARD = "TensorBoard's entries"


class RunFiles:
    """Writes the records, sample grids and checkpoints of a run, from the CPU; the writer's thread calls it.

    Records and grids that cannot be written are reported, and training continues.
    """

    def __init__(self, run: RunDir, log: Log) -> None:
        self.run, self.best_effort = run, BestEffort(run, log)
        self.metrics = MetricsLog(run.metrics_file)
        self.tensorboard = TensorBoardLog(run.tensorboard)

    def rewind(self, step: int) -> bool:
        """Set aside everything after `step`; return True if that included a checkpoint. Nothing may be pending."""
        with self.best_effort.optional(_RECORDS):
            self.metrics.flush()
        rewound = rewind(self.run, step)
        self.metrics = MetricsLog(self.run.metrics_file)  # without records that still cannot be written
        self.tensorboard = TensorBoardLog(self.run.tensorboard, purge_step=step + 1)
        return rewound

    def add_record(self, numbers: dict[str, Any]) -> None:
        """Append a record to metrics.jsonl and TensorBoard."""
        with self.best_effort.optional(_RECORDS):
            self.metrics.append(numbers)
        with self.best_effort.optional(_TENSORBOARD):
            self.tensorboard.scalars(numbers)

    def add_grid(self, images: Tensor, columns: int, step: int) -> None:
        """Write the sample grid of a step, from images (N, C, H, W) uint8."""
        grid, file = grid_tensor(images, columns), self.run.sample_file(step)
        png = encoded_picture(grid, file)
        with self.best_effort.optional("this sample grid"):
            write_atomically(file, lambda opened: opened.write(png))
        with self.best_effort.optional(_TENSORBOARD):
            self.tensorboard.grid(png, grid.shape, step)

    def save(self, full: Checkpoint, generator: Checkpoint, keep: int | str, anchor: int) -> None:
        """Write the full checkpoint and G.pth, then delete older checkpoints.

        Args:
            keep: number of checkpoints to keep, or "all". anchor: step of another one to keep.
        Raises: WganError (status FAILED) if one cannot be written.
        """
        run = self.run
        with self.best_effort.optional(_RECORDS):
            self.metrics.flush()
        try:
            full.save(run.checkpoint_file(full.step))
            generator.save(run.generator_file)
        except WganError as error:
            raise self.best_effort.save_error(error) from error
        for old in run.checkpoint_files()[:-keep] if isinstance(keep, int) else ():
            if step_of(old) != anchor:
                old.unlink(missing_ok=True)
