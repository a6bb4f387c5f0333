"""The time for logs, grids and checkpoints is measured, logged and shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from wgan_cli.runs.checkpoint import Checkpoint
from wgan_cli.runs.metrics_log import MetricsLog, read_metrics
from wgan_cli.training.recording import recorder, run_files
from wgan_cli.training.step import TrainingStep

COST = {"step": 2.0, "record": 100.0, "grid": 1000.0, "file": 10_000.0, "rewind": 100_000.0}


@pytest.fixture
def clock(monkeypatch):
    """A fake clock that only steps, records, grids, checkpoint files and the start advance."""
    now = [0.0]

    class Clock:
        perf_counter = staticmethod(lambda: now[0])

    def slow(owner, name: str, what: str) -> None:
        act = getattr(owner, name)

        def call(*args, **options):
            now[0] += COST[what]
            return act(*args, **options)

        monkeypatch.setattr(owner, name, call)

    monkeypatch.setattr(recorder, "time", Clock)
    slow(TrainingStep, "__call__", "step")
    slow(MetricsLog, "append", "record")
    slow(run_files, "encoded_picture", "grid")
    slow(Checkpoint, "save", "file")
    slow(run_files, "rewind", "rewind")


def test_overhead_over_resumes(wgan, tiny_options, clock):
    every = ("--set", "log_every=2", "--set", "sample_every=3", "--set", "save_every=6")
    words = ("train", "--quiet", "--device", "cpu", *tiny_options, *every)
    assert wgan(*words, "--steps", 6, "--out", "mine").status == 0
    start = COST["rewind"] + COST["grid"] + 2 * COST["file"]  # before the first step: a grid, a checkpoint and G.pth
    records = read_metrics(Path("mine/metrics.jsonl"))
    assert [record["overhead_seconds"] for record in records] == [
        start,
        start + COST["record"] + COST["grid"],
        start + 2 * COST["record"] + COST["grid"],
    ]
    # A checkpoint contains the time before it was written.
    assert wgan("train", "--quiet", "--device", "cpu", "--resume", "mine", "--steps", 8).status == 0
    last = read_metrics(Path("mine/metrics.jsonl"))[-1]
    assert last["overhead_seconds"] == start + 3 * COST["record"] + 2 * COST["grid"] + COST["rewind"]
    rate = 1000 * last["kimg"] / 8 / COST["step"]
    assert records[0]["images_per_second"] == last["images_per_second"] == rate  # without the start
    assert last["seconds"] == last["overhead_seconds"] + 8 * COST["step"]

    facts = json.loads(wgan("inspect", "mine", "--json").stdout)
    assert facts["overhead_seconds"] == last["overhead_seconds"]
    share = 100 * last["overhead_seconds"] / last["seconds"]
    assert f"{share:.1f}% of it for logs, grids and checkpoints" in wgan("inspect", "mine").stdout
