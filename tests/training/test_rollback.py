"""A diverged run rolls back to its last good checkpoint and continues with new noise, reproducibly."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from conftest import MLP
from helpers.same_run import assert_same_run, events

from wgan_cli.errors import WganError
from wgan_cli.runs.checkpoint import load_checkpoint
from wgan_cli.runs.metrics_log import read_metrics
from wgan_cli.runs.run_dir import RunDir
from wgan_cli.training.step import TrainingStep

RECIPE = (MLP, "steps=14", "log_every=3", "sample_every=5", "save_every=4", "data.limit=40", "objective.n_critic=2")


def spoil_weight(step: TrainingStep, role: str, value: float) -> None:
    next(step.networks[role].parameters()).data.view(-1)[0] = value


def spoil_gradient(step: TrainingStep, role: str, value: float) -> None:
    """Let the optimizer follow an overflowed gradient."""
    for parameter in step.networks[role].parameters():
        parameter.grad = torch.full_like(parameter, value)
    step.optimizers[role].step()


def spoil_loss(step: TrainingStep, role: str, value: float) -> None:
    step.metrics.add({f"{role}_loss": torch.tensor(value)})


@contextmanager
def diverge_at(
    number: int, spoil=spoil_weight, role: str = "critic", value: float = torch.nan, times: int = 1
) -> Iterator[None]:
    """Spoil a value in step `number` for the first `times` different noises.

    A run that rolls back repeats the step with new noise; like a real divergence, this one follows from the noise.
    """
    run_step, bad = TrainingStep.__call__, set()
    with pytest.MonkeyPatch.context() as patch:

        def call(self, step: int) -> None:
            noise = torch.get_rng_state().numpy().tobytes()
            run_step(self, step)
            if step == number and (noise in bad or len(bad) < times):
                bad.add(noise)
                spoil(self, role, value)

        patch.setattr(TrainingStep, "__call__", call)
        yield


@pytest.mark.parametrize(
    ("spoil", "role", "value"),
    [(spoil_weight, "critic", torch.nan), (spoil_gradient, "generator", -torch.inf), (spoil_loss, "critic", torch.inf)],
)
def test_divergence_is_found_within_a_log_interval(wgan, tiny_options, spoil, role, value):
    options = ("--set", "log_every=3", "--set", "save_every=4", "--set", "sample_every=100")
    with diverge_at(4, spoil, role, value):  # the fifth step, between the checkpoint of step 4 and the record of step 6
        result = wgan("train", "--device", "cpu", *tiny_options, *options, "--steps", 8, "--out", "mine")
    assert result.status == 0, result.stderr
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("diverged")]
    assert re.match(r"diverged before step 6: .* is not finite; rolled back to step 4 ", line)
    records = read_metrics(Path("mine/metrics.jsonl"))
    assert [(record["step"], record.get("rollbacks")) for record in records] == [(3, None), (6, 1), (8, 1)]
    assert load_checkpoint(Path("mine/G.pth")).step == 8


def test_rollback_to_the_start(wgan, tiny_options):
    with diverge_at(2):
        result = wgan("train", "--device", "cpu", *tiny_options, "--steps", 8, "--out", "mine")
    assert result.status == 0
    assert "rolled back to step 0" in result.stderr
    assert "rollbacks" in wgan("inspect", "mine").stdout


@pytest.fixture(scope="module")
def whole(trainer, tmp_path_factory) -> RunDir:
    """An uninterrupted run with two rollbacks."""
    with diverge_at(9, times=2):
        return trainer.run(trainer.recipe(*RECIPE), tmp_path_factory.mktemp("rolled") / "whole")


def test_abandoned_steps_are_set_aside(whole, trainer, tmp_path):
    assert [record["step"] for record in read_metrics(whole.metrics_file)] == [3, 6, 9, 12, 14]
    assert [record["step"] for record in read_metrics(whole.set_aside / "metrics.jsonl")] == [9, 9]
    assert len(events(whole.tensorboard)) == len({(step, tag) for step, tag, _ in events(whole.tensorboard)})
    assert load_checkpoint(whole.checkpoint_file(14)).training["rollbacks"] == 2
    # After the rollback the losses differ from those of a run without divergence; before it they are equal.
    plain = trainer.run(trainer.recipe(*RECIPE), tmp_path / "plain")
    mine, other = (read_metrics(run.metrics_file) for run in (whole, plain))
    assert [record["wasserstein"] for record in mine[:2]] == [record["wasserstein"] for record in other[:2]]
    assert mine[3]["wasserstein"] != other[3]["wasserstein"]


@pytest.mark.parametrize("stop", [8, 9, 16])
def test_resume_is_exact(trainer, whole, tmp_path, stop):
    recipe = trainer.recipe(*RECIPE)
    with diverge_at(9, times=2):
        run = trainer.run(recipe, tmp_path / "mine", stop_after=stop)
        for left in (1, None):  # resume twice
            state = trainer.prepared(recipe)
            state.restore(load_checkpoint(run.checkpoint_files()[-1]))
            trainer.go_on(state, run, left)
    assert_same_run(whole, run)


@pytest.mark.parametrize(("role", "log_every"), [("critic", 3), ("generator", 100)])
def test_fourth_divergence_fails(wgan, tiny_options, role, log_every):
    options = ("--device", "cpu", *tiny_options, "--set", "save_every=4", "--set", f"log_every={log_every}")
    with diverge_at(7, role=role, times=99):
        result = wgan("train", *options, "--steps", 12, "--out", "mine")
    assert result.status == 1
    assert [line[:8] for line in result.stderr.splitlines()].count("diverged") == 3
    assert result.error.startswith("training diverged before step 8: ") and role in result.error
    assert "optim.critic.lr" in result.hint
    run = RunDir(Path("mine"))
    assert run.checkpoint_files() == [run.checkpoint_file(0), run.checkpoint_file(4)]
    assert "NaN" not in run.metrics_file.read_text()
    for file in (run.checkpoint_file(4), run.generator_file):
        networks = load_checkpoint(file).networks.values()
        assert all(tensor.isfinite().all() for network in networks for tensor in network.values())
    assert wgan("train", "--resume", "mine", "--device", "cpu").status == 0  # without what spoiled it


def test_a_stop_before_the_check_saves_no_nan(trainer, tmp_path):
    recipe = trainer.recipe(*RECIPE, "log_every=100", "sample_every=100")
    with diverge_at(5):
        run = trainer.run(recipe, tmp_path / "mine", stop_after=6)
    assert run.checkpoint_files()[-1] == run.checkpoint_file(4)
    assert load_checkpoint(run.generator_file).step == 4


def test_rollback_count_survives_resume(wgan, tiny_options):
    options = ("--device", "cpu", *tiny_options, "--set", "save_every=4")
    with diverge_at(5, times=2):
        assert wgan("train", *options, "--steps", 9, "--out", "mine").status == 0
    with diverge_at(11, times=99):
        result = wgan("train", "--device", "cpu", "--resume", "mine", "--steps", 16)
    assert result.status == 1
    assert "(rollback 3 of at most 3)" in result.stderr
    assert [line[:8] for line in result.stderr.splitlines()].count("diverged") == 1


def test_rollback_skips_damaged_checkpoints(trainer, tmp_path):
    recipe = trainer.recipe(*RECIPE)
    run = trainer.run(recipe, tmp_path / "mine", stop_after=9)
    state = trainer.prepared(recipe)
    state.restore(load_checkpoint(run.checkpoint_file(9)))
    run.checkpoint_file(8).write_bytes(b"")
    with diverge_at(10):
        trainer.go_on(state, run)
    assert read_metrics(run.metrics_file)[-1]["step"] == 14
    for file in run.checkpoint_files():
        file.write_bytes(b"")
    state = trainer.prepared(recipe)
    with diverge_at(1), pytest.raises(WganError, match="can be read"):
        trainer.go_on(state, run)
