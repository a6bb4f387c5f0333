"""A run killed with SIGKILL at any moment, again and again, ends bit for bit like an undisturbed one."""

from __future__ import annotations

import random
import signal
from pathlib import Path

import pytest
from helpers.same_run import assert_same_run

from wgan_cli.runs.checkpoint import load_checkpoint
from wgan_cli.runs.run_dir import RunDir

VICTIM = str(Path(__file__).with_name("victim.py"))
SETTINGS = (
    "data.limit=50", "objective.n_critic=2", "objective.gp_every=3", "optim.lr_schedule=linear", "log_every=2",
    "sample_every=5", "save_every=4",
)  # fmt: skip
EVALUATED = (*SETTINGS, "eval_every=3", "eval_count=30")
STEPS_FOR_A_KILL = 16  # more than a life makes, so that the run does not end before its last kill
EVENTS, WRITES, LINES = 6_000, 30, 6  # in a life, at most: about eight steps each


def kill_once(processes, kind: str, number: int, background: bool, words: tuple[str, ...]) -> None:
    """Run a process up to a moment and check that it was killed there."""
    process = processes.start(kind, number, int(background), *words, python=(VICTIM,))
    if kind == "line":
        for _ in range(number):
            process.stderr.readline()
        process.kill()
    said = process.communicate(timeout=120)[1]
    assert process.returncode == -signal.SIGKILL, f"{kind} {number}: {said}"


def survive(
    wgan, processes, options: tuple[str, ...], folder: Path, kills: int, seed: int, evaluated: Path | None = None
) -> None:
    """Train one run undisturbed and one with `kills` kills, and compare them.

    Every second process writes in a thread, as on a GPU.

    Args:
        evaluated: data root with cached features for evaluations; None for none.
    """
    settings, where = (SETTINGS, ()) if evaluated is None else (EVALUATED, ("--data-root", evaluated))
    options = ("--device", "cpu", *options, *(word for setting in settings for word in ("--set", setting)), *where)
    options = (*options, "--steps", str(STEPS_FOR_A_KILL * kills))
    assert wgan("train", *options, "--out", "whole").status == 0
    resume = ("--resume", "mine", "--device", "cpu", *where)
    moments = random.Random(seed)
    run = RunDir(folder / "mine")
    for life in range(kills):
        kind, most = (("call", EVENTS), ("write", WRITES), ("line", LINES))[life % 3]
        words = ("train", *resume) if life else ("train", *options, "--out", "mine")
        # Up to the description of a new run there is nothing to resume; it says nine lines before its first record.
        least = 9 if kind == "line" or life == 0 else 0
        kill_once(processes, kind, moments.randint(least, least + most), life % 2 == 1, words)
        for file in (*run.checkpoint_files(), run.generator_file, run.best_file):
            if file.exists():
                load_checkpoint(file)  # whatever is there is whole
    rest = wgan("train", *resume)
    assert rest.status == 0, rest.stderr
    assert "damaged" not in rest.stderr
    assert_same_run(RunDir(folder / "whole"), run)
    assert not list(run.path.rglob("*.part"))


def test_survives_kills(wgan, wgan_process, tiny_options, tmp_path):
    survive(wgan, wgan_process, tiny_options, tmp_path, kills=2, seed=0)


@pytest.mark.slow
def test_survives_kills_with_evaluation(wgan, wgan_process, tiny_options, tmp_path, features_root):
    survive(wgan, wgan_process, tiny_options, tmp_path, kills=3, seed=1, evaluated=features_root)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_survives_25_kills(wgan_process, tiny_options, tmp_path, seed):
    survive(wgan_process, wgan_process, tiny_options, tmp_path, kills=25, seed=seed)
