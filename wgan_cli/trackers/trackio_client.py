"""Trackio."""

import os
import secrets
from collections.abc import Mapping
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from wgan_cli.trackers.client import PROJECT, Started, TrackerClient


class TrackioClient(TrackerClient):
    """A run in Trackio: a local database in TRACKIO_DIR, or the Space TRACKIO_SPACE_ID."""

    package = "trackio"
    setup = "unset TRACKIO_SPACE_ID and TRACKIO_SERVER_URL to log into a local database"

    def start(self, folder: Path, recipe: dict[str, Any], saved: Mapping[str, str]) -> Started:
        import trackio

        self._trackio = trackio
        project = saved.get("project") or os.environ.get("TRACKIO_PROJECT") or PROJECT
        # Trackio finds a run by its name, which runs may share.
        name = saved.get("name") or f"{folder.name}-{secrets.token_hex(4)}"
        with redirect_stdout(StringIO()):  # it has no setting for silence
            self._run = trackio.init(project, name=name, config=recipe, resume="allow", embed=False)
        return Started(f"run {name}, see `trackio show --project {project}`", {"project": project, "name": name})

    def log_numbers(self, numbers: Mapping[str, float], step: int) -> None:
        self._run.log(dict(numbers), step=step)

    def log_grid(self, file: Path, step: int) -> None:
        self._run.log({"samples": self._trackio.Image(str(file))}, step=step)

    def log_generator(self, file: Path) -> None:
        self._run.log_artifact(str(file), name=f"generator-{self._run.name}", type="model")

    def finish(self, failed: bool) -> None:
        with redirect_stdout(StringIO()):
            if failed:  # its runs have no status
                self._run.alert("training failed", level=self._trackio.AlertLevel.ERROR)
            self._trackio.finish()
