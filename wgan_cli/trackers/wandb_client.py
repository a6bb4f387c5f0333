"""Weights & Biases."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wgan_cli.trackers.client import PROJECT, Started, TrackerClient

#: Settings whose names differ from their variables'; WANDB_DIR is `root_dir`.
_FIELDS = {"name": "run_name", "dir": "root_dir"}


def _is_set(setting: str) -> bool:
    return f"WANDB_{setting.upper()}" in os.environ


class WandbClient(TrackerClient):
    """A run in Weights & Biases, or with WANDB_MODE=offline in the run folder's wandb/."""

    package = "wandb"
    setup = "run `wandb login`, or set WANDB_MODE=offline"

    def start(self, folder: Path, recipe: dict[str, Any], saved: Mapping[str, str]) -> Started:
        import wandb

        defaults = {
            "project": PROJECT, "name": folder.name, "dir": str(folder), "run_id": saved.get("run_id"),
            "resume": "allow", "silent": True, "console": "off",  # otherwise it captures the progress bar
            "finish_timeout": 600, "finish_timeout_raises": True,  # otherwise it waits until there is a network
        }  # fmt: skip
        # Not as variables, which wandb reads only once per process.
        given = {_FIELDS.get(name, name): value for name, value in defaults.items() if not _is_set(name)}
        self._wandb = wandb
        self._run = wandb.init(config=recipe, settings=wandb.Settings(reinit="create_new", **given))
        self._run.define_metric("*", step_metric="step")
        url = None if self._run.offline else self._run.url
        self._step, self._position = -1, self._run.step - 1
        return Started(url or str(self._run.settings.sync_dir), {"run_id": self._run.id})

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
