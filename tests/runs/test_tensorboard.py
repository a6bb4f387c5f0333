"""Event files for TensorBoard."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest
import torch
from helpers.disk import largest_file
from helpers.same_run import events
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from wgan_cli.errors import WganError
from wgan_cli.outputs.grid import encoded_picture
from wgan_cli.runs.tensorboard import TensorBoardLog, rewind_events


def record(step: int) -> dict[str, float]:
    return {"step": step, "critic_loss": float(step)}


def test_purge_step_hides_later_entries(tmp_path):
    for purge_step, steps in ((None, (1, 2, 3)), (3, (3, 4)), (2, (2,))):
        log = TensorBoardLog(tmp_path, purge_step)
        for step in steps:
            log.scalars(record(step))
    assert events(tmp_path) == [(1, "critic_loss", 1.0), (2, "critic_loss", 2.0)]


def test_grid_and_score_group(tmp_path):
    log = TensorBoardLog(tmp_path)
    png = encoded_picture(torch.zeros(3, 4, 6, dtype=torch.uint8), Path("a.png"))
    log.grid(png, (3, 4, 6), step=5)
    log.scalars({"step": 5, "recall": 0.5})
    assert events(tmp_path) == [(5, "samples", png), (5, "scores/recall", 0.5)]
    image = EventAccumulator(str(tmp_path)).Reload().Images("samples")[0]
    assert (image.height, image.width) == (4, 6)


@pytest.mark.parametrize("size", [0, 30, 100])
def test_full_disk_leaves_a_readable_file(tmp_path, size):
    log = TensorBoardLog(tmp_path, purge_step=1)
    with largest_file(size), pytest.raises(WganError, match="cannot write"):
        for step in range(3):
            log.scalars(record(step))
    log.scalars(record(9))
    assert (9, "critic_loss", 9.0) in events(tmp_path)


def test_going_back_reads_one_entry_at_a_time(tmp_path):
    """Grids may make a file larger than the memory."""
    folder, aside, png = tmp_path / "events", tmp_path / "aside", b"0" * 100_000
    logs = TensorBoardLog(folder), TensorBoardLog(folder)
    for step in range(20):
        logs[step // 10].grid(png, (1, 4, 4), step)
    early, late = (log.path for log in logs)
    before = early.stat().st_ino
    late.write_bytes(late.read_bytes()[:-1])  # by a killed process
    rewind_events(folder, 30, aside)  # imports what the next call needs
    tracemalloc.start()
    rewind_events(folder, 16, aside)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6 * len(png)
    assert early.stat().st_ino == before and [file.name for file in aside.iterdir()] == [late.name]
    assert [step for step, _, _ in events(folder)] == list(range(17))
    assert [step for step, _, _ in events(aside)] == [17, 18]
