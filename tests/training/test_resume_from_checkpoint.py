"""Resume from an earlier checkpoint: later files are set aside, and nothing is duplicated, missing or deleted."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import pytest
from conftest import MLP
from helpers.same_run import assert_same_run
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

from wgan_cli.runs import checkpoint, checkpoint_file
from wgan_cli.runs.checkpoint import load_checkpoint
from wgan_cli.runs.metrics_log import read_metrics
from wgan_cli.runs.resume import rewind
from wgan_cli.runs.run_dir import RunDir
from wgan_cli.utils.files import open_plain

RECIPE = (MLP, "steps=10", "log_every=3", "sample_every=3", "save_every=4")


@pytest.fixture(scope="module")
def whole(trainer, tmp_path_factory) -> RunDir:
    """An uninterrupted run of 10 steps with checkpoints 8 and 10."""
    return trainer.run(trainer.recipe(*RECIPE), tmp_path_factory.mktemp("whole") / "whole")


@pytest.fixture
def mine(whole, wgan) -> RunDir:
    """A copy of it in the working folder."""
    return RunDir(Path(shutil.copytree(whole.path, "mine")))


def resume(wgan, *words: object):
    result = wgan("train", "--device", "cpu", "--resume", *words)
    assert result.status == 0, result.stderr
    return result


def aside(run: RunDir) -> list[str]:
    return sorted(str(path.relative_to(run.set_aside)) for path in run.set_aside.rglob("*") if path.is_file())


def raw_steps(folder: Path) -> list[int]:
    """Steps of all entries in the event files, including any that TensorBoard would hide."""
    events = [event for path in sorted(folder.iterdir()) for event in LegacyEventFileLoader(str(path)).Load()]
    return [event.step for event in events if event.HasField("summary")]


def test_resume_from_an_earlier_checkpoint(wgan, whole, mine):
    earlier = "mine/checkpoints/step_00000008.pth"
    late = mine.checkpoint_file(10).read_bytes()
    resume(wgan, earlier, "--minutes", 0)  # stop right after the rewind
    assert mine.checkpoint_files()[-1] == mine.checkpoint_file(8)
    assert load_checkpoint(mine.generator_file).step == 8
    assert [record["step"] for record in read_metrics(mine.metrics_file)] == [3, 6]
    assert [path.name for path in mine.sample_files()] == [f"step_0000000{step}.png" for step in (0, 3, 6)]
    assert raw_steps(mine.tensorboard) == [step for step in raw_steps(whole.tensorboard) if step <= 8]
    assert set(raw_steps(mine.set_aside / "tensorboard")) == {9, 10}
    *others, _ = aside(mine)
    assert others == [
        "checkpoints/step_00000010.pth", "metrics.jsonl", "samples/step_00000009.png", "samples/step_00000010.png",
    ]  # fmt: skip
    assert (mine.set_aside / "checkpoints/step_00000010.pth").read_bytes() == late

    assert "from step 8" in resume(wgan, "mine").stderr
    assert_same_run(whole, mine)
    assert raw_steps(mine.tensorboard) == raw_steps(whole.tensorboard)

    resume(wgan, earlier)
    assert_same_run(whole, mine)
    assert {"checkpoints/step_00000010.pth", "checkpoints/step_00000010-2.pth"} <= set(aside(mine))
    assert [record["step"] for record in read_metrics(mine.set_aside / "metrics.jsonl")] == [9, 10, 9, 10]


def test_damaged_newest_checkpoint(wgan, whole, mine):
    newest = mine.checkpoint_file(10)
    bad = newest.read_bytes()[:-100]
    newest.write_bytes(bad)
    result = resume(wgan, "mine")
    (line,) = [line for line in result.stderr.splitlines() if "step_00000010" in line and "moved to" in line]
    assert "resuming from the previous checkpoint" in line
    assert "from step 8" in result.stderr
    assert_same_run(whole, mine)
    assert (mine.set_aside / "checkpoints/step_00000010.damaged.pth").read_bytes() == bad


@pytest.mark.parametrize("problem", ["a newer format", "no permission", "too little memory"])
def test_an_intact_checkpoint_is_not_given_up(wgan, mine, monkeypatch, problem):
    """It can be read later or elsewhere; going back on purpose is possible."""
    newest, stale = mine.checkpoint_file(10), OSError(errno.ESTALE, os.strerror(errno.ESTALE))
    if problem == "a newer format":
        saved = load_checkpoint(newest)
        with monkeypatch.context() as patch:
            patch.setattr(checkpoint, "VERSION", checkpoint.VERSION + 1)
            saved.save(newest)
    elif problem == "no permission":
        monkeypatch.setattr(checkpoint_file, "open_plain", only_for(newest, open_plain, Mock(side_effect=stale)))
    else:
        monkeypatch.setattr(checkpoint_file, "free_memory", lambda device: newest.stat().st_size - 1)
    refused = wgan("train", "--device", "cpu", "--resume", "mine")
    assert refused.status == 2 and newest.name in refused.error and newest.exists() and not mine.set_aside.exists()
    if problem != "too little memory":
        resume(wgan, mine.checkpoint_file(8), "--minutes", 0)


def only_for(file: Path, usual: Callable[[Path], object], instead: Callable[[Path], object]):
    """Return a function that calls another one for `file`."""
    return lambda path: (instead if path == file else usual)(path)


def test_no_readable_checkpoint(wgan, mine):
    for file in mine.checkpoint_files():
        file.write_bytes(b"")
    result = wgan("train", "--resume", "mine", "--device", "cpu")
    assert result.status == 2
    assert "no checkpoint of mine can be read" in result.error
    assert wgan("train", "--dry-run", *result.hint.partition("wgan train ")[2].split()).status == 0
    assert [file.read_bytes() for file in mine.checkpoint_files()] == [b"", b""]
    assert not mine.set_aside.exists()


def test_dry_run_moves_nothing(wgan, mine):
    mine.checkpoint_file(10).write_bytes(b"")
    before = {path: path.read_bytes() for path in mine.path.rglob("*") if path.is_file()}
    assert wgan("train", "--resume", "mine", "--device", "cpu", "--dry-run").status == 0
    assert before == {path: path.read_bytes() for path in mine.path.rglob("*") if path.is_file()}


def test_checkpoint_path_through_a_link(wgan, whole, mine, monkeypatch):
    Path("newest.pth").symlink_to("mine/checkpoints/step_00000008.pth")
    resume(wgan, "newest.pth", "--minutes", 0)
    assert mine.checkpoint_files()[-1] == mine.checkpoint_file(8)
    folder = Path.cwd()
    monkeypatch.chdir("mine/checkpoints")
    resume(wgan, "step_00000008.pth")
    assert_same_run(whole, RunDir(folder / "mine"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("mine/checkpoints/step_00000007.pth", "there is no checkpoint mine/checkpoints/step_00000007.pth"),
        ("mine/G.pth", "mine/G.pth is not a run folder, nor a file of a run's checkpoints/"),
        ("elsewhere/step_00000008.pth", "is not a run folder, nor a file"),
    ],
)
def test_resume_needs_a_checkpoint_of_a_run(wgan, mine, given, message):
    Path("elsewhere").mkdir()
    shutil.copy(mine.checkpoint_file(8), "elsewhere")
    result = wgan("train", "--resume", given, "--device", "cpu")
    assert (result.status, message in result.error) == (2, True), result.stderr
    assert "checkpoints" in result.hint


def test_moved_run(wgan, whole, mine):
    mine.checkpoint_file(10).unlink()
    Path("elsewhere").mkdir()
    moved = mine.path.rename("elsewhere/a run")
    Path("link").symlink_to(moved)
    resume(wgan, "link")
    assert_same_run(whole, RunDir(moved))


def test_other_files_are_kept(whole, tmp_path):
    run = RunDir(Path(shutil.copytree(whole.path, tmp_path / "copy")))
    (run.samples / "step_best.png").write_bytes(b"mine")
    (run.checkpoints / "step_notes.pth").write_bytes(b"mine")
    assert rewind(run, 4)
    assert not rewind(run, 4)
    assert [path.name for path in run.samples.iterdir() if "best" in path.name] == ["step_best.png"]
    assert run.checkpoint_files() == []
