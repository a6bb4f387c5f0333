"""Weights & Biases."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wgan_cli.trackers.client import PROJECT, Started, TrackerClient, set_defaults


class WandbClient(TrackerClient):
    """A run in Weights & Biases, or with WANDB_MODE=offline in the run folder's wandb/."""

    package = "wandb"
    setup = "run `wandb login`, or set WANDB_MODE=offline"

    def start(self, folder: Path, recipe: dict[str, Any], saved: Mapping[str, str]) -> Started:
        set_defaults(
            WANDB_PROJECT=PROJECT, WANDB_NAME=folder.name, WANDB_DIR=str(folder), WANDB_RESUME="allow",
            WANDB_SILENT="true", WANDB_CONSOLE="off",  # it would also capture the progress bar
            WANDB_FINISH_TIMEOUT="600", WANDB_FINISH_TIMEOUT_RAISES="true",  # without a network it waits forever
        )  # fmt: skip
        if "run_id" in saved:
            set_defaults(WANDB_RUN_ID=saved["run_id"])
        import wandb

        self._wandb = wandb
        self._run = wandb.init(config=recipe, reinit="create_new")
        self._run.define_metric("*", step_metric="step")
        self._step, self._position = -1, self._run.step - 1
        return Started(self._run.url or str(self._run.settings.sync_dir), {"run_id": self._run.id})

    def log_numbers(self, numbers: Mapping[str, float], step: int) -> None:
        self._log(numbers, step)

    def log_grid(self, file: Path, step: int) -> None:
        self._log({"samples": self._wandb.Image(str(file))}, step)

    def _log(self, values: Mapping[str, Any], step: int) -> None:
        # A position below the last one would be dropped, for example after a rollback; charts use `step` instead.
        if step != self._step:
            self._step, self._position = step, max(step, self._position + 1)
        self._run.log({**values, "step": step}, step=self._position)

    def log_generator(self, file: Path) -> None:
        artifact = self._wandb.Artifact(f"generator-{self._run.id}", type="model")
        artifact.add_file(str(file))
        self._run.log_artifact(artifact)

    def finish(self, failed: bool) -> None:
        self._run.finish(exit_code=int(failed))
