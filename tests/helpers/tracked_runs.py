"""Read back what experiment trackers have stored on this machine."""

from __future__ import annotations

import hashlib
import json
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Stored:
    """A run in a tracker: its records by step, steps of grids, SHA-256 of its generators, and its settings."""

    name: str = ""
    ids: set[str] = field(default_factory=set)
    records: dict[int, dict[str, float]] = field(default_factory=dict)
    grids: list[int] = field(default_factory=list)
    generators: list[str] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)
    failed: bool = False

    def add(self, step: int, name: str, value: float) -> None:
        self.records.setdefault(step, {})[name] = value


def sha256(path: str | Path) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def stored_by_wandb(folder: Path) -> Stored:
    """Read the transaction logs in the run folder; an offline run that was resumed has two with the same id."""
    from wandb.proto import wandb_internal_pb2

    def records_of(file: Path) -> list[Any]:
        return [wandb_internal_pb2.Record.FromString(data) for data in _leveldb_records(file.read_bytes())]

    stored = Stored()
    for file in sorted((folder / "wandb").glob("offline-run-*/*.wandb")):
        deadline = time.monotonic() + 20  # wandb's own process writes the file, the exit last, maybe after finish()
        while not any(record.HasField("exit") for record in records_of(file)) and time.monotonic() < deadline:
            time.sleep(0.01)
        for record in records_of(file):
            if record.HasField("run"):
                stored.name, stored.config = record.run.display_name, _items(record.run.config.update)
                stored.ids.add(record.run.run_id)
            elif record.HasField("history"):
                items = _items(record.history.item)
                if any(name.startswith("samples") for name in items):
                    stored.grids.append(items["step"])
                for name, value in items.items():
                    if not name.startswith(("_", "samples", "step")):
                        stored.add(items["step"], name, value)
            elif record.HasField("artifact"):
                (content,) = record.artifact.manifest.contents
                stored.generators.append(sha256(content.local_path))
            elif record.HasField("exit"):
                stored.failed = record.exit.exit_code != 0
    return stored


def _items(items: Any) -> dict[str, Any]:
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}


def _leveldb_records(data: bytes) -> Iterator[bytes]:
    """Join the fragments of a log of 32 KiB blocks, after a header of 7 bytes; 1 is a whole record, 4 a last part."""
    place, parts = 7, b""
    while place + 7 <= len(data):
        if (rest := 32768 - place % 32768) < 7:
            place += rest
            continue
        _, length, kind = struct.unpack("<IHB", data[place : place + 7])
        parts += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):
            yield parts
            parts = b""


def stored_by_mlflow(folder: Path) -> Stored:
    import mlflow

    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("wgan")
    (run,) = client.search_runs([experiment.experiment_id], f"attributes.run_name = '{folder.name}'")
    stored = Stored(run.info.run_name, {run.info.run_id}, failed=run.info.status == "FAILED")
    for name in run.data.metrics:
        for metric in client.get_metric_history(run.info.run_id, name):
            stored.add(metric.step, name, metric.value)
    images = [item.path for item in client.list_artifacts(run.info.run_id, "images") if item.path.endswith(".png")]
    stored.grids = sorted(int(path.split("+")[2]) for path in images)
    stored.generators = [sha256(client.download_artifacts(run.info.run_id, "G.pth"))]
    stored.config = run.data.params
    return stored


def stored_by_trackio(folder: Path) -> Stored:
    import trackio
    from trackio.sqlite_storage import SQLiteStorage

    (run,) = [each for each in trackio.Api().runs("wgan") if each.name.startswith(f"{folder.name}-")]
    stored = Stored(run.name, {run.id}, config=run.config, failed=bool(run.alerts()))
    for record in SQLiteStorage.get_logs("wgan", run.name, run_id=run.id):
        for name, value in record.items():
            if name == "samples":
                stored.grids.append(record["step"])
            elif name not in ("step", "timestamp"):
                stored.add(record["step"], name, value)
    manifest = SQLiteStorage.get_artifact_manifest("wgan", f"generator-{run.name}", None)
    stored.generators = [content["digest"] for content in manifest["manifest"]]
    return stored
