"""What ends a run early costs no work, and the program says how to go on."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from wgan_cli.errors import ExitStatus
from wgan_cli.runs.checkpoint import load_checkpoint, newest_checkpoint
from wgan_cli.runs.metrics_log import read_metrics
from wgan_cli.runs.run_dir import RunDir
from wgan_cli.training.step import TrainingStep
from wgan_cli.training.stop import StopRequest


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (signal.SIGINT, ExitStatus.INTERRUPTED),
        (signal.SIGTERM, ExitStatus.TERMINATED),
        (signal.SIGHUP, ExitStatus.TERMINATED),
    ],
)
def test_a_signal_saves_and_says_how_to_go_on(wgan, wgan_process, tiny_options, number, status):
    process = wgan_process.start("train", "--device", "cpu", *tiny_options, "--steps", 10**6, "--out", "mine")
    for line in process.stderr:
        if line.startswith("step "):
            break
    process.send_signal(number)
    rest = process.communicate(timeout=60)[1]
    assert process.returncode == status, rest
    assert "Traceback" not in rest
    stopped = int(re.search(r"stopped at step ([\d,]+) of 1,000,000; everything is saved", rest)[1].replace(",", ""))
    assert "continue: wgan train --resume mine\n" in rest
    assert load_checkpoint(newest_checkpoint(RunDir(Path("mine")))).step == stopped
    assert load_checkpoint(Path("mine/G.pth")).step == stopped

    result = wgan("train", "--resume", "mine", "--steps", stopped + 2, "--device", "cpu")
    assert result.status == 0, result.stderr
    assert f"done: {stopped + 2:,} steps" in result.stderr
    steps = [record["step"] for record in read_metrics(Path("mine/metrics.jsonl"))]
    assert steps == sorted(set(steps))


#: A save that lasts until its input ends, so that the second Ctrl-C surely comes while it is under way.
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
            pass  # a signal right before a read that never ends would wait as long
    return whole(state)

TrainingState.full_checkpoint = waiting
main()
"""


def test_a_second_ctrl_c_ends_at_once(wgan, wgan_process, tiny_options):
    words = (
        "train",
        "--device",
        "cpu",
        *tiny_options,
        "--set",
        "save_every=1000000",
        "--steps",
        10**6,
        "--out",
        "mine",
    )
    process = wgan_process.start(*words, python=("-c", SLOW_SAVE), stdin=subprocess.PIPE)
    for line in process.stderr:
        if line.startswith("step "):
            break
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "saving\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == ExitStatus.INTERRUPTED  # though its input is still open
    run = RunDir(Path("mine"))
    assert run.checkpoint_files() == [run.checkpoint_file(0)]
    result = wgan("train", "--resume", "mine", "--steps", 8, "--device", "cpu")
    assert result.status == 0, result.stderr


def test_minutes_end_a_process_as_a_normal_end(wgan_process, tiny_options, tmp_path):
    words = ("train", "--device", "cpu", *tiny_options, "--steps", 10**6, "--out", "mine", "--minutes", 0.001)
    result = wgan_process(*words)
    assert result.status == 0, result.stderr
    stopped = int(re.search(r"stopped at step ([\d,]+) of 1,000,000; everything is saved", result.stderr)[1])
    assert load_checkpoint(tmp_path / "mine/G.pth").step == stopped


def test_a_stop_request_keeps_its_reason():
    stop = StopRequest()
    before = signal.getsignal(signal.SIGTERM)
    with stop.on_signals():
        assert not stop.due()
        signal.raise_signal(signal.SIGTERM)
        assert stop.due()
    assert stop.status == ExitStatus.TERMINATED
    assert signal.getsignal(signal.SIGTERM) is before


def test_minutes_are_a_normal_end(wgan, tiny_options):
    options = ("--device", "cpu", *tiny_options, "--steps", 2, "--out", "mine")
    result = wgan("train", *options, "--minutes", 0)
    assert result.status == 0
    assert "stopped at step 0 of 2; everything is saved" in result.stderr
    # What it says must be true, also before the first step.
    assert wgan("train", "--resume", "mine", "--device", "cpu").status == 0
    assert wgan("sample", "--ckpt", "mine/G.pth", "-n", 2).status == 0


def finite(path: Path) -> bool:
    networks = load_checkpoint(path).networks
    return all(tensor.isfinite().all() for network in networks.values() for tensor in network.values())


@contextmanager
def poisoned(role: str) -> Iterator[None]:
    """From the end of the eighth step on, a weight of this network is not a number."""
    step = TrainingStep.__call__

    def call(self, number: int) -> None:
        step(self, number)
        if number == 7:
            next(self.networks[role].parameters()).data.view(-1)[0] = torch.nan

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingStep, "__call__", call)
        yield


@pytest.mark.parametrize(("role", "log_every", "seen"), [("critic", 4, 8), ("generator", 100, 12)])
def test_divergence_ends_the_run_and_spares_the_checkpoints(wgan, tiny_options, role, log_every, seen):
    options = ("--quiet", "--device", "cpu", *tiny_options, "--set", f"log_every={log_every}")
    with poisoned(role):
        result = wgan("train", *options, "--steps", 18, "--out", "mine")
    assert result.status == 1
    assert result.error.startswith(f"training diverged before step {seen}: ")
    assert result.stderr == f"error: {result.error}\nhint: {result.hint}\n"

    run = RunDir(Path("mine"))
    assert run.checkpoint_files() == [run.checkpoint_file(0), run.checkpoint_file(6)]
    assert finite(run.checkpoint_file(6))
    assert finite(run.generator_file)
    assert "NaN" not in run.metrics_file.read_text()

    # Without what spoiled it, the run goes on to its end.
    assert wgan("train", "--resume", "mine", "--device", "cpu").status == 0
    assert finite(run.checkpoint_file(18))


def test_the_hint_after_divergence_can_be_followed(wgan, tiny_options):
    with poisoned("critic"):
        hint = wgan("train", "--quiet", "--device", "cpu", *tiny_options, "--steps", 12, "--out", "mine").hint
    assert "lr" in hint
    again = ("--resume", "mine") if "continue" in hint else (*tiny_options, "--steps", 12)
    result = wgan(
        "train", "--device", "cpu", *again, "--set", "optim.critic.lr=1e-4", "--set", "optim.generator.lr=1e-4"
    )
    assert result.status == 0, result.stderr


def test_absurd_learning_rates_end_in_an_error_or_in_numbers(wgan, tiny_options):
    rates = ("--set", "optim.critic.lr=1", "--set", "optim.generator.lr=1", "--set", "objective.gp_weight=1e6")
    result = wgan("train", "--quiet", "--device", "cpu", *tiny_options, *rates, "--steps", 12, "--out", "mine")
    assert result.status in (0, 1)
    assert finite(Path("mine/G.pth")) if result.status == 0 else "diverged" in result.error
