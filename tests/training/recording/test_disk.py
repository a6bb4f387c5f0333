"""Full, read-only and vanished disks: saved files stay good, and training continues if it can."""

from __future__ import annotations

import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.same_run import assert_same_run

from wgan_cli.runs.checkpoint import load_checkpoint
from wgan_cli.runs.metrics_log import read_metrics
from wgan_cli.runs.run_dir import RunDir, step_of

EVERY = ("log_every=2", "sample_every=2", "save_every=6")


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A 3 MB file system."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "none", str(place)]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        pytest.skip(f"no small disk can be mounted: {error}")
    if done.returncode:
        pytest.skip(f"no small disk can be mounted: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path, leave: int = 0) -> Path:
    """Fill a disk except for `leave` bytes."""
    filler = disk / "filler"
    with open(filler, "ab", buffering=0) as file:
        block = bytes(4096)
        try:
            while True:
                file.write(block)
        except OSError:
            file.truncate(max(0, file.tell() - leave))
    return filler


@pytest.fixture
def options(tiny_options) -> tuple[str, ...]:
    return ("--device", "cpu", *tiny_options, *(word for setting in EVERY for word in ("--set", setting)))


@pytest.fixture(params=["at once", "in the background"])
def any_writer(request) -> str:
    """Write as on a CPU and as on a GPU."""
    if request.param != "at once":
        request.getfixturevalue("background_writes")
    return request.param


def test_full_disk_keeps_the_previous_checkpoint(wgan, small_disk, options, any_writer):
    assert wgan("train", *options, "--steps", 12, "--out", "whole").status == 0
    assert wgan("train", *options, "--steps", 12, "--out", "disk/mine", "--minutes", 0).status == 0
    run = RunDir(Path("disk/mine"))
    filler = fill(small_disk, leave=run.checkpoint_file(0).stat().st_size // 2)
    before = {path: path.read_bytes() for path in (run.checkpoint_file(0), run.generator_file)}
    result = wgan("train", "--resume", "disk/mine", "--device", "cpu", "--quiet")
    assert result.status == 1
    assert result.error == "cannot write disk/mine/checkpoints/step_00000006.pth: No space left on device"
    assert "free space" in result.hint
    assert "wgan train --resume disk/mine; it continues from step 0" in result.hint
    assert before == {path: path.read_bytes() for path in before}
    assert not list(run.path.rglob("*.part"))
    filler.unlink()
    assert wgan("train", "--resume", "disk/mine", "--device", "cpu").status == 0
    assert_same_run(RunDir(Path("whole")), run)


@pytest.mark.parametrize(("freed", "background"), [(True, False), (False, False), (False, True)])
def test_disk_fills_up_during_training(request, wgan, options, during_step, freed, background):
    """A limit on the size of files fails like a full disk."""
    if background:
        request.getfixturevalue("background_writes")

    def limit(size: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    with during_step(4, lambda step: limit(100)), during_step(12, lambda step: limit(-1) if freed else None):
        try:
            result = wgan("train", *options, "--set", "save_every=20", "--steps", 20, "--out", "mine")
        finally:
            limit(-1)
    warnings = [line for line in result.stderr.splitlines() if line.startswith("warning")]
    assert all(
        sum(name in line for line in warnings) == 1 for name in ("metrics.jsonl", "tensorboard", "samples/step_")
    )
    run = RunDir(Path("mine"))
    assert load_checkpoint(run.checkpoint_file(0)).step == 0
    if freed:
        assert result.status == 0
        assert [step_of(file) for file in run.sample_files()] == [0, 2, 4, 14, 16, 18, 20]
    else:
        assert result.status == 1 and result.error.startswith("cannot write") and "step_00000020.pth" in result.error
        assert "--resume" in result.hint and "it continues from step 0" in result.hint
        assert run.checkpoint_files() == [run.checkpoint_file(0)] and load_checkpoint(run.generator_file).step == 0
        assert wgan("train", "--resume", "mine", "--device", "cpu", "--quiet").status == 0
    assert [record["step"] for record in read_metrics(run.metrics_file)] == list(range(2, 21, 2))


def test_disk_too_small_for_a_checkpoint(wgan, small_disk, options, any_writer):
    fill(small_disk, leave=100_000)
    result = wgan("train", *options, "--set", "model.generator.channels=[64,32]", "--steps", 12, "--out", "disk/mine")
    assert (result.status, "step_00000000.pth" in result.error) == (1, True), result.stderr
    assert "step 2/12" not in result.stderr


def test_read_only_disk(wgan, small_disk, options):
    assert wgan("train", *options, "--steps", 12, "--out", "disk/mine", "--minutes", 0).status == 0
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    for words, error in (
        (("--out", "disk/other"), "cannot create the run folder disk/other: Read-only file system"),
        (("--resume", "disk/mine"), "cannot write disk/mine/.lock: Read-only file system"),
    ):
        result = wgan("train", "--device", "cpu", *words)
        assert (result.status in (1, 2), result.error) == (True, error)
        assert "free space" not in result.hint
    assert wgan("inspect", "disk/mine").status == 0
    assert wgan("sample", "--ckpt", "disk/mine", "-n", 1, "--device", "cpu").status == 0
    result = wgan("sample", "--ckpt", "disk/mine", "-n", 1, "--device", "cpu", "--out", "disk/mine/samples.png")
    assert (result.status, "writable" in result.hint) == (1, True)


def test_run_folder_deleted_during_training(wgan, options, during_step, any_writer):
    def delete(step: int) -> None:
        Path("mine").rename("other")  # at once: a writer in the background may add a file to a folder being deleted
        shutil.rmtree("other")

    with during_step(2, delete):
        result = wgan("train", *options, "--steps", 20, "--out", "mine")
    assert (result.status, result.error) == (1, "the run folder mine was deleted or moved during training")
    assert "--resume" in result.hint
    assert not Path("mine").exists()


@pytest.mark.parametrize(
    "path",
    [
        'my läufe/ünï 数字\ntwo lines it\'s "odd" $HOME `x` [bold]',
        *(pytest.param(path, marks=pytest.mark.slow) for path in ("./--out", "x" * 200, "/".join(["folder"] * 60))),
    ],
)
def test_unusual_run_paths(wgan, options, path):
    assert wgan("train", *options, "--steps", 2, "--out", path).status == 0
    resumed = wgan("train", "--resume", path, "--steps", 6, "--device", "cpu")
    assert resumed.status == 0, resumed.stderr
    assert "done: 6 steps" in resumed.stderr
    for words in (("sample", "--ckpt", path, "-n", 1), ("inspect", path), ("gif", path, "--out", "a.gif")):
        result = wgan(*words)
        assert result.status == 0, result.stderr
    assert wgan("train", "--resume", f"{path}/checkpoints/step_00000002.pth", "--steps", 8).status == 0


@pytest.mark.parametrize(
    "command",
    [
        "train --steps 1 --out", "train --resume", "train --recipe", "sample --ckpt", "sample --ckpt G.pth --out",
        "inspect", "gif",
    ],
)  # fmt: skip
def test_too_long_paths(wgan, tiny_run, tmp_path, options, command):
    shutil.copy(tiny_run.generator_file, tmp_path / "G.pth")
    for path in ("x" * 300, "/".join(["y" * 200] * 30)):
        name, *words = command.split()
        result = wgan(name, *(options if "--steps" in words else ()), *words, path)
        assert result.status in (1, 2)
        assert [line.partition(":")[0] for line in result.stderr.splitlines()[-2:]] == ["error", "hint"]
        assert "bug in wgan" not in result.stderr


@pytest.mark.slow
def test_full_tmpdir(wgan_process, tmp_path, small_disk, options):
    fill(small_disk)
    program = f"import os, runpy; os.environ['TMPDIR'] = {str(small_disk)!r}; "
    program += "runpy.run_module('wgan_cli', run_name='__main__')"
    for words in (
        ("train", *options, "--steps", 12, "--out", "mine"),
        ("sample", "--ckpt", "mine", "-n", 4),
        ("gif", "mine"),
    ):
        result = wgan_process(*words, python=("-c", program))
        assert result.status == 0, result.stderr
        assert "error" not in result.stderr.lower()
    assert (tmp_path / "samples.png").stat().st_size and (tmp_path / "mine" / "mine.gif").stat().st_size
