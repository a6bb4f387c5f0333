"""Signals and time limits: nothing is lost, and the output names the command that continues."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from wgan_cli.errors import ExitStatus
from wgan_cli.runs.checkpoint import load_checkpoint
from wgan_cli.runs.metrics_log import read_metrics
from wgan_cli.runs.run_dir import RunDir
from wgan_cli.training.stop import StopRequest


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("SIGINT", ExitStatus.INTERRUPTED),
        ("SIGTERM", ExitStatus.TERMINATED),
        ("SIGHUP", ExitStatus.TERMINATED),
    ],
)
def test_signals_save_and_name_the_next_command(wgan, tiny_options, during_step, name, status):
    with during_step(5, lambda step: signal.raise_signal(getattr(signal, name))):
        result = wgan("train", "--device", "cpu", *tiny_options, "--steps", 1000, "--out", "mine")
    assert result.status == status
    assert "stopped at step 6 of 1,000; everything is saved" in result.stderr
    assert "continue: wgan train --resume mine\n" in result.stderr
    assert load_checkpoint(Path("mine/checkpoints/step_00000006.pth")).step == 6
    assert load_checkpoint(Path("mine/G.pth")).step == 6

    result = wgan("train", "--resume", "mine", "--steps", 8, "--device", "cpu")
    assert result.status == 0, result.stderr
    assert "done: 8 steps" in result.stderr
    assert [record["step"] for record in read_metrics(Path("mine/metrics.jsonl"))] == [4, 8]


#: A save that lasts until stdin is closed, so that the second Ctrl-C arrives during it.
SLOW_SAVE = """
import select
import sys
from wgan_cli.cli.app import main
from wgan_cli.training.state import TrainingState

whole = TrainingState.full_checkpoint

def waiting(state):
    if state.step:
        print("saving", flush=True)
        while not select.select([sys.stdin], [], [], 0.05)[0]:
            pass  # a blocking read would delay a signal that arrives just before it
    return whole(state)

TrainingState.full_checkpoint = waiting
main()
"""


def test_second_ctrl_c_exits_immediately(wgan_process, tiny_options, tmp_path):
    options = ("--device", "cpu", *tiny_options, "--set", "save_every=1000000", "--steps", 10**6, "--out", "mine")
    process = wgan_process.start("train", *options, python=("-c", SLOW_SAVE), stdin=subprocess.PIPE)
    next(line for line in process.stderr if line.startswith("step "))
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "saving\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == ExitStatus.INTERRUPTED  # stdin is still open
    run = RunDir(tmp_path / "mine")
    assert run.checkpoint_files() == [run.checkpoint_file(0)] and load_checkpoint(run.checkpoint_file(0)).step == 0


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGUSR1"])
def test_signals_request_a_stop(name):
    number = getattr(signal, name)
    stop, before = StopRequest(), signal.getsignal(number)
    with stop.on_signals():
        assert not stop.due()
        signal.raise_signal(number)
        assert stop.due()
    assert stop.status == ExitStatus.TERMINATED
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("name", ["SIGINT", "SIGHUP"])
def test_signals_ignored_from_the_start_stay_ignored(name):
    number = getattr(signal, name)
    before = signal.signal(number, signal.SIG_IGN)
    try:
        stop = StopRequest()
        with stop.on_signals():
            signal.raise_signal(number)
            assert not stop.due()
        assert signal.getsignal(number) == signal.SIG_IGN
    finally:
        signal.signal(number, before)


def test_a_signal_during_the_all_reduce_is_kept(monkeypatch):
    stop = StopRequest()

    def all_reduce_max(name, status, interval):
        if status < 0:
            stop.status = ExitStatus.TERMINATED  # as by a signal while this rank waits for the others
        return status, 1

    monkeypatch.setattr("wgan_cli.training.stop.world_size", lambda: 2)
    monkeypatch.setattr("wgan_cli.training.stop.all_reduce_max", all_reduce_max)
    assert [stop.due(), stop.due()] == [False, True]
    assert stop.status == ExitStatus.TERMINATED


def test_minutes_are_of_sixty_seconds(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("wgan_cli.training.stop.time.monotonic", lambda: now[0])
    stop = StopRequest(minutes=2)
    now[0] += 119
    assert not stop.due() and stop.status is None
    now[0] += 1
    assert stop.due() and stop.status == ExitStatus.DONE


def test_minutes_end_normally(wgan, tiny_options):
    result = wgan("train", "--device", "cpu", *tiny_options, "--steps", 2, "--out", "mine", "--minutes", 0)
    assert result.status == 0
    assert "stopped at step 0 of 2; everything is saved" in result.stderr
    # The printed commands work even before the first step.
    assert wgan("train", "--resume", "mine", "--device", "cpu").status == 0
    assert wgan("sample", "--ckpt", "mine/G.pth", "-n", 2).status == 0


def test_extreme_learning_rates_never_save_nan(wgan, tiny_options):
    rates = ("--set", "optim.critic.lr=1", "--set", "optim.generator.lr=1", "--set", "objective.gp_weight=1e6")
    result = wgan("train", "--quiet", "--device", "cpu", *tiny_options, *rates, "--steps", 12, "--out", "mine")
    assert result.status in (0, 1)
    assert result.status == 0 or "diverged" in result.error
    weights = load_checkpoint(Path("mine/G.pth")).networks["generator"].values()
    assert all(tensor.isfinite().all() for tensor in weights)
