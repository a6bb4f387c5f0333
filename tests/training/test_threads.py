"""A run next to another process changes its number of threads, records it, and keeps it when it is resumed."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch

from wgan_cli.runs.checkpoint import load_checkpoint
from wgan_cli.runs.metrics_log import read_metrics
from wgan_cli.runs.run_dir import RunDir
from wgan_cli.training import trainer
from wgan_cli.training.engines import adaptive_threads, autotune
from wgan_cli.training.step import TrainingStep

BUSY_FROM = 10  # seconds
SECONDS = {False: {1: 1.5, 2: 1.0}, True: {1: 1.6, 2: 4.0}}  # of a step next to nothing and to a busy process


@pytest.fixture
def busy_machine(monkeypatch) -> list[int]:
    """Two cores, one of which another process takes; returns the threads of each step."""
    used, now, run_step = [], [0.0], TrainingStep.__call__

    class OtherProcesses:
        cores = 2

        def __call__(self) -> float:
            return float(now[0] >= BUSY_FROM)

    def call(self: TrainingStep, step: int) -> None:
        used.append(torch.get_num_threads())
        now[0] += SECONDS[now[0] >= BUSY_FROM][used[-1]]
        run_step(self, step)

    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(TrainingStep, "__call__", call)
    monkeypatch.setattr(trainer, "OtherProcesses", OtherProcesses)
    monkeypatch.setattr(trainer, "AdaptiveThreads", partial(adaptive_threads.AdaptiveThreads, clock=lambda: now[0]))
    monkeypatch.setattr(adaptive_threads, "MIN_STEPS", 1)
    for module in (trainer, autotune):
        monkeypatch.setattr(module, "available_threads", lambda device: 2)
    return used


def test_run_next_to_a_busy_process(wgan, tiny_options, busy_machine):
    options = [*tiny_options, "--set", "threads=", "--set", "log_every=5", "--set", "save_every=15"]
    first = wgan("train", "--device", "cpu", *options, "--steps", 30, "--out", "mine")
    assert first.status == 0 and first.stderr.count("2 threads -> 1 thread") == 1
    change = busy_machine.index(1)
    assert busy_machine == [2] * change + [1] * (30 - change) and BUSY_FROM < change < BUSY_FROM + 5

    run = RunDir(Path("mine"))
    records = [(record.get("threads"), record.get("thread_changes")) for record in read_metrics(run.metrics_file)]
    assert records == [(None, None), (None, None), (1, 1), (1, 1), (1, 1), (1, 1)]
    assert run.read_recipe().threads == 2
    assert load_checkpoint(run.checkpoint_files()[-1]).training["threads"] == {"count": 1, "most": 2, "changes": 1}
    assert "1 change next" in wgan("inspect", "mine").stdout

    busy_machine.clear()
    assert wgan("train", "--device", "cpu", "--resume", "mine", "--steps", 35).status == 0
    assert busy_machine == [1] * 5
    assert read_metrics(run.metrics_file)[-1]["thread_changes"] == 1

    busy_machine.clear()
    assert wgan("train", "--device", "cpu", "--resume", "mine", "--steps", 45, "--set", "threads=2").status == 0
    assert busy_machine == [2] * 10, "a fixed number stays"
    assert "1 change next" in wgan("inspect", "mine").stdout


@pytest.mark.parametrize("setting", ["threads=2", "deterministic=true"])
def test_fixed_threads_stay(wgan, tiny_options, busy_machine, setting):
    options = [*tiny_options, "--set", "threads=", "--set", setting]
    assert wgan("train", "--quiet", "--device", "cpu", *options, "--steps", 25, "--out", "mine").status == 0
    assert busy_machine == [2] * 25
