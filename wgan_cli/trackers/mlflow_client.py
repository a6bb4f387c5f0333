"""MLflow."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wgan_cli.recipe.overrides import flat_settings
from wgan_cli.trackers.client import PROJECT, Started, TrackerClient

_QUIET = {"MLFLOW_LOGGING_LEVEL": "WARNING", "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true"}
_IMPATIENT = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "30", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2"}  # training waits for it


class MlflowClient(TrackerClient):
    """A run in MLflow, at MLFLOW_TRACKING_URI or MLflow's default: mlflow.db in the working directory."""

    package = "mlflow"
    setup = "set MLFLOW_TRACKING_URI to a server or sqlite:///mlflow.db"

    def start(self, folder: Path, recipe: dict[str, Any], saved: Mapping[str, str]) -> Started:
        defaults = _QUIET | _IMPATIENT
        if "MLFLOW_EXPERIMENT_ID" not in os.environ:
            defaults["MLFLOW_EXPERIMENT_NAME"] = PROJECT
        if "run_id" in saved:
            defaults["MLFLOW_RUN_ID"] = saved["run_id"]
        os.environ.update(defaults | os.environ)  # what the user has set stays
        import mlflow

        # Only the default is saved: it depends on the working directory, and a URI may contain a password.
        default_uri = not mlflow.is_tracking_uri_set()
        if default_uri and "tracking_uri" in saved:
            os.environ["MLFLOW_TRACKING_URI"] = saved["tracking_uri"]
        uri = mlflow.get_tracking_uri()
        self._mlflow, self._client = mlflow, mlflow.MlflowClient()
        run = mlflow.start_run(run_name=folder.name, nested=mlflow.active_run() is not None)
        self._id = run.info.run_id
        flat = flat_settings(recipe)  # MLflow refuses to change a parameter: recipe.yaml has the current ones
        mlflow.log_params({name: value for name, value in flat.items() if name not in run.data.params})
        self._client.log_artifact(self._id, str(folder / "recipe.yaml"))
        place = f"run {self._id} in {uri.rpartition('@')[2]}"
        return Started(place, {"run_id": self._id, **({"tracking_uri": uri} if default_uri else {})})

    def log_numbers(self, numbers: Mapping[str, float], step: int) -> None:
        allowed = {re.sub(r"[^\w\-. /]", "_", name): value for name, value in numbers.items()}
        self._mlflow.log_metrics(allowed, step=step, run_id=self._id)

    def log_grid(self, file: Path, step: int) -> None:
        from PIL import Image

        with Image.open(file) as image:
            self._client.log_image(self._id, image, key="samples", step=step, synchronous=True)

    def log_generator(self, file: Path) -> None:
        self._client.log_artifact(self._id, str(file))

    def finish(self, failed: bool) -> None:
        self._mlflow.end_run("FAILED" if failed else "FINISHED")
