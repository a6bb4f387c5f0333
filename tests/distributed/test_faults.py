"""Runs of two processes that are killed, suspended, stopped and resumed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import TINY
from helpers.same_run import assert_same_run
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

import wgan_cli
from wgan_cli.cli.launch import launch
from wgan_cli.errors import WganError
from wgan_cli.runs.checkpoint import load_checkpoint
from wgan_cli.runs.metrics_log import read_metrics
from wgan_cli.runs.run_dir import RunDir, step_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to find the processes")

SHORT = [word for setting in (*TINY, "steps=24") for word in ("--set", setting)]
LAUNCHED = ("train", *SHORT, "--steps", 10**6, "--device", "cpu", "--gpus", 2, "--out", "run")
TIME = "TORCH_ELASTIC_SHUTDOWN_TIMEOUT"
PATIENCE = 90  # seconds; on an idle machine one or two are enough


class Runs:
    """Starts runs in an empty folder, and finds their processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[subprocess.Popen] = []

    def start(self, *words: object, through: tuple[str, ...], **environment: str) -> subprocess.Popen:
        base = {**os.environ, "PYTHONPATH": str(Path(wgan_cli.__file__).parents[1]), "OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(
            [sys.executable, *through, *map(str, words)], cwd=self.folder, env={**base, **environment},
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        self.started.append(process)
        return process

    def train(self, *words: object, restarts: int = 0, **environment: str) -> subprocess.Popen:
        """Start `wgan train` in two processes with torchrun."""
        through = ("-m", "torch.distributed.run", "--nproc-per-node=2", "--rdzv-backend=c10d")
        through += ("--rdzv-endpoint=localhost:0", f"--max-restarts={restarts}", "-m", "wgan_cli")
        return self.start("train", *SHORT, *words, through=through, **environment)

    def end(self, process: subprocess.Popen) -> tuple[int, str]:
        _, said = process.communicate(timeout=PATIENCE)
        return process.returncode, said

    def rank(self, run: subprocess.Popen, number: int) -> int:
        """Return the pid of a rank."""
        found = until(lambda: [pid for pid in _children(run.pid) if f"RANK={number}" in _environment(pid)])
        return found[0]


def until(find: Callable[[], object]) -> object:
    """Wait until `find` returns something."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = find()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("timed out")


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def _environment(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/environ").read_text().split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return []


@pytest.fixture
def runs(tmp_path) -> Iterator[Runs]:
    started = Runs(tmp_path)
    yield started
    for process in started.started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def saved(run: RunDir) -> list[int]:
    return [step_of(file) for file in run.checkpoint_files()]


def wait_for_step_6(run: RunDir) -> None:
    """Wait for the first checkpoint after the start, or a later one: only the last two stay."""
    until(lambda: any(step >= 6 for step in saved(run)))


def errors(said: str) -> list[str]:
    return [line for line in said.splitlines() if line.startswith("error: ")]


def test_restart_after_a_kill(runs):
    """`test_ten_random_kills` also compares the result with a run that wasn't killed."""
    killed = RunDir(runs.folder / "killed")
    scored = ("--set", "data.limit=100", "--set", "eval_every=60", "--set", "eval_count=30", "--data-root", runs.folder)
    run = runs.train("--out", "killed", "--resume", "auto", "--steps", 120, *scored, restarts=1)
    wait_for_step_6(killed)
    os.kill(runs.rank(run, 1), signal.SIGKILL)
    status, said = runs.end(run)
    assert (status, saved(killed), said.count("step 120/120")) == (0, [114, 120], 1), said  # one process speaks
    assert [record["step"] for record in read_metrics(killed.metrics_file) if "fd" in record] == [60, 120]


@pytest.mark.slow
def test_killed_rank_is_named(runs):
    run = runs.start(*LAUNCHED, through=("-m", "wgan_cli"))
    wait_for_step_6(RunDir(runs.folder / "run"))
    os.kill(runs.rank(run, 1), signal.SIGKILL)
    since = time.monotonic()
    status, said = runs.end(run)
    assert status == 1
    assert time.monotonic() - since < 30
    assert any("rank 1" in line and "SIGKILL" in line for line in errors(said)), said
    assert "Traceback" not in said


def test_launcher_names_the_killed_rank(monkeypatch):
    def fail(*arguments: object) -> None:
        failures = {0: SimpleNamespace(exitcode=1), 1: SimpleNamespace(exitcode=-signal.SIGKILL)}
        monkeypatch.setattr(ChildFailedError, "__init__", lambda self: None)
        error = ChildFailedError()
        error.failures = failures
        raise error

    monkeypatch.setattr("torch.distributed.launcher.api.launch_agent", fail)
    with pytest.raises(WganError, match="rank 1 was killed by SIGKILL"):
        launch(2, "cpu")


@pytest.mark.parametrize("given", [None, "110"])
def test_launcher_leaves_time_to_save(monkeypatch, given):
    for name, value in ((TIME, given or ""), ("OMP_NUM_THREADS", "1")):  # restored after the test
        monkeypatch.setenv(name, value)
    if given is None:
        monkeypatch.delenv(TIME)
    monkeypatch.delattr(signal, "SIGHUP")  # as on Windows
    monkeypatch.setattr(signal, "getsignal", lambda number: signal.SIG_DFL)  # jobs in the background ignore SIGINT
    seen = []
    monkeypatch.setattr(
        "torch.distributed.launcher.api.launch_agent",
        lambda config, *rest: seen.append((os.environ[TIME], config.signals_to_handle)),
    )
    assert launch(2, "cpu") == 0
    assert seen == [(given or "600", "SIGTERM,SIGINT,SIGUSR1")]


@pytest.mark.parametrize("number", [signal.SIGUSR1, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_signal_saves_and_one_process_resumes(runs, wgan, number):
    folder = RunDir(runs.folder / "run")
    run = runs.start(*LAUNCHED, through=("-m", "wgan_cli"))
    wait_for_step_6(folder)
    run.send_signal(number)
    status, said = runs.end(run)
    assert status == 143, said
    (last,) = saved(folder)[-1:]
    assert load_checkpoint(folder.generator_file).step == last
    assert wgan("train", "--resume", "run", "--steps", last + 4, "-q").status == 0
    assert saved(folder)[-1] == last + 4


@pytest.mark.slow
def test_watchdog_names_the_hanging_rank(runs):
    run = runs.train("--steps", 10**6, "--out", "run", WGAN_COLLECTIVE_TIMEOUT="3")
    wait_for_step_6(RunDir(runs.folder / "run"))
    stopped = runs.rank(run, 1)
    os.kill(stopped, signal.SIGSTOP)
    waiting = runs.rank(run, 0)
    until(lambda: waiting not in _children(run.pid))
    os.kill(stopped, signal.SIGKILL)
    status, said = runs.end(run)
    assert status != 0
    (error,) = errors(said)
    assert "rank 1 of 2 did not reach" in error


def test_errors_are_printed_once(start_ranks, tmp_path):
    words = ("-m", "wgan_cli", "train", *SHORT, "--set", "batch_size=7", "--out", "run")
    ranks = start_ranks(*words, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    said = "".join(rank.communicate(timeout=PATIENCE)[1] for rank in ranks)
    assert [rank.returncode for rank in ranks] == [2, 2]
    (error,) = errors(said)
    assert "`batch_size` is 7, which 2 processes cannot share equally" in error
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_ten_random_kills(runs):
    whole, killed = (RunDir(runs.folder / name) for name in ("whole", "killed"))
    more = ["--steps", 400, "--set", "save_every=10", "--set", "log_every=10", "--set", "sample_every=100"]
    assert runs.end(runs.train("--out", "whole", *more))[0] == 0
    run = runs.train("--out", "killed", "--resume", "auto", *more, restarts=10)
    chance = random.Random(0)
    for kill in range(10):
        goal = 20 + 30 * kill + chance.randrange(30)
        until(lambda goal=goal: any(step >= goal for step in saved(killed)))
        time.sleep(chance.random() / 2)
        os.kill(runs.rank(run, chance.randrange(2)), signal.SIGKILL)
    status, said = runs.end(run)
    assert status == 0, said
    assert_same_run(whole, killed)
