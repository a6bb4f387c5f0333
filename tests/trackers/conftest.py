"""Trackers that store everything in a temporary folder."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

import pytest
from helpers.tracked_runs import Stored, stored_by_mlflow, stored_by_trackio, stored_by_wandb

READERS: dict[str, Callable[..., Stored]] = {
    "wandb": stored_by_wandb,
    "mlflow": stored_by_mlflow,
    "trackio": stored_by_trackio,
}


@pytest.fixture(scope="module", params=READERS)
def offline(request, tmp_path_factory):
    """The name of a tracker without a network, and a function that reads a run folder's run back."""
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    place = tmp_path_factory.mktemp("stores")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "offline")
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{place}/mlflow.db")
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        patch.setenv("TRACKIO_DIR", str(place / "trackio"))
        patch.chdir(place)  # MLflow stores files in ./mlruns
        yield request.param, READERS[request.param]
