"""One trainer per run folder, and readers that never see a partial file."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest

from wgan_cli.errors import ExitStatus, WganError
from wgan_cli.runs.lock import only_trainer, refuse_second_trainer, trainer_of
from wgan_cli.runs.run_dir import RunDir

HOLDER = """
import sys
from pathlib import Path
from wgan_cli.runs.lock import only_trainer
from wgan_cli.runs.run_dir import RunDir
with only_trainer(RunDir(Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(wgan_process, tmp_path) -> subprocess.Popen:
    process = wgan_process.start(tmp_path, python=("-c", HOLDER), stdin=subprocess.PIPE)
    assert process.stdout.readline() == "held\n"
    return process


@pytest.mark.parametrize("end", ["its own end", "SIGKILL"])
def test_second_trainer_is_refused(holder, tmp_path, end):
    run = RunDir(tmp_path)
    assert trainer_of(run) == holder.pid
    for refuse in (lambda: only_trainer(run).__enter__(), lambda: refuse_second_trainer(run)):
        with pytest.raises(WganError, match=f"process {holder.pid}$") as caught:
            refuse()
        assert f"`kill {holder.pid}`" in caught.value.hint
    if end == "SIGKILL":
        holder.kill()
    holder.communicate(timeout=60)  # closes its input too
    assert trainer_of(run) is None
    refuse_second_trainer(run)
    with only_trainer(run):
        pass


def test_lock_is_released_after_an_error(tmp_path):
    run = RunDir(tmp_path)
    with pytest.raises(ZeroDivisionError), only_trainer(run):
        1 / 0  # noqa: B018
    with only_trainer(run), pytest.raises(WganError, match="already being trained"), only_trainer(run):
        pass


def test_asking_creates_no_file(tmp_path):
    assert trainer_of(RunDir(tmp_path)) is None
    refuse_second_trainer(RunDir(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_asking_does_not_block_a_trainer(wgan_process, tmp_path):
    run = RunDir(tmp_path)
    with only_trainer(run):
        pass
    code = (
        "from wgan_cli.runs.lock import trainer_of\nfrom wgan_cli.runs.run_dir import RunDir, Path\n"
        f"run = RunDir(Path({str(tmp_path)!r}))\nprint('asks', flush=True)\nwhile True: trainer_of(run)\n"
    )
    process = wgan_process.start(python=("-c", code))
    assert process.stdout.readline() == "asks\n"
    for _ in range(50):
        with only_trainer(run):
            pass


@pytest.fixture
def live_run(wgan_process, tiny_options):
    often = [word for name in ("log", "sample", "save") for word in ("--set", f"{name}_every=2")]
    process = wgan_process.start("train", "--device", "cpu", *tiny_options, *often, "--steps", 10**6, "--out", "mine")
    lines = (line.split()[1].partition("/")[0] for line in process.stderr if line.startswith("step "))
    next(step for step in lines if int(step) >= 4)
    return process


def test_live_run_can_be_read(wgan, live_run):
    before = {path for path in Path("mine").rglob("*") if path.suffix not in (".part", ".pth")}
    for dry in ((), ("--dry-run",)):
        result = wgan("train", "--resume", "mine", "--device", "cpu", *dry)
        assert (result.status, result.error) == (2, f"mine is already being trained by process {live_run.pid}")
    assert before <= set(Path("mine").rglob("*"))

    looks, last = 3, 0
    for look in range(looks):  # each while the other process writes
        facts = wgan("inspect", "mine", "--json")
        assert facts.status == 0, facts.stderr
        facts = json.loads(facts.stdout)
        assert facts["state"] == "running"
        assert facts["step"] >= last
        last = facts["step"]
        out = f"images{look}.npy"
        sampled = wgan("sample", "--ckpt", "mine", "-n", 1, "--out", out, "--device", "cpu")
        assert sampled.status == 0, sampled.stderr
        assert live_run.poll() is None
    assert last > 4

    live_run.send_signal(signal.SIGTERM)
    _, said = live_run.communicate(timeout=60)
    assert (live_run.returncode, "continue: wgan train --resume mine\n" in said) == (ExitStatus.TERMINATED, True), said
    assert json.loads(wgan("inspect", "mine", "--json").stdout)["state"] == "stopped"
