"""A run that diverges goes back to its last good checkpoint and on with other noise, exactly the same each time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from helpers.same_run import assert_same_run, events

from wgan_cli.errors import WganError
from wgan_cli.runs.checkpoint import load_checkpoint
from wgan_cli.runs.metrics_log import read_metrics
from wgan_cli.runs.run_dir import RunDir
from wgan_cli.training.step import TrainingStep

RECIPE = ("steps=14", "log_every=3", "sample_every=5", "save_every=4", "data.limit=40", "objective.n_critic=2")


def spoil_weight(step: TrainingStep, role: str, value: float) -> None:
    next(step.networks[role].parameters()).data.view(-1)[0] = value


def spoil_gradient(step: TrainingStep, role: str, value: float) -> None:
    """As if the loss's gradient had overflowed: the optimizer follows it."""
    for parameter in step.networks[role].parameters():
        parameter.grad = torch.full_like(parameter, value)
    step.optimizers[role].step()


def spoil_loss(step: TrainingStep, role: str, value: float) -> None:
    step.metrics.add({f"{role}_loss": torch.tensor(value)})


@contextmanager
def ill_at(
    number: int, spoil=spoil_weight, role: str = "critic", value: float = torch.nan, noises=(0,)
) -> Iterator[None]:
    """Spoil the numbers in step `number` whenever its noise is one that was not tried before: the first of `noises`.

    A run that goes back passes the step again, with other noise; illness that follows from the noise is what happens
    to a real run. `noises`: how many different draws are ill.
    """
    run_step, ill = TrainingStep.__call__, set()
    with pytest.MonkeyPatch.context() as patch:

        def call(self, step: int) -> None:
            draw = torch.get_rng_state().numpy().tobytes()
            run_step(self, step)
            if step == number and (draw in ill or len(ill) < len(noises)):
                ill.add(draw)
                spoil(self, role, value)

        patch.setattr(TrainingStep, "__call__", call)
        yield


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("spoil", [spoil_weight, spoil_gradient, spoil_loss])
@pytest.mark.parametrize("role", ["critic", "generator"])
def test_an_illness_is_seen_within_a_log_interval(wgan, tiny_options, role, spoil, value):
    options = ("--set", "log_every=3", "--set", "save_every=4", "--set", "sample_every=100")
    with ill_at(4, spoil, role, value):  # the fifth step, between the checkpoint of step 4 and the record of step 6
        result = wgan("train", "--device", "cpu", *tiny_options, *options, "--steps", 8, "--out", "mine")
    assert result.status == 0, result.stderr
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("diverged")]
    assert re.match(
        r"diverged before step 6: .* is not finite; rolled back to step 4 with new random numbers \(rollback 1 of", line
    )
    records = read_metrics(Path("mine/metrics.jsonl"))
    assert [(record["step"], record.get("rollbacks")) for record in records] == [(3, None), (6, 1), (8, 1)]
    assert load_checkpoint(Path("mine/G.pth")).step == 8


def test_before_the_first_checkpoint_it_goes_back_to_the_start(wgan, tiny_options):
    with ill_at(2):
        result = wgan("train", "--device", "cpu", *tiny_options, "--steps", 8, "--out", "mine")
    assert result.status == 0
    assert "rolled back to step 0" in result.stderr
    assert "1 times" in wgan("inspect", "mine").stdout


@pytest.fixture(scope="module")
def whole(trainer, tmp_path_factory) -> RunDir:
    """A run that diverged twice and never stopped."""
    with ill_at(9, noises=range(2)):
        return trainer.run(trainer.recipe(*RECIPE), tmp_path_factory.mktemp("rolled") / "whole")


def test_the_abandoned_stretch_is_set_aside(whole, trainer, tmp_path):
    assert [record["step"] for record in read_metrics(whole.metrics_file)] == [3, 6, 9, 12, 14]
    assert [record["step"] for record in read_metrics(whole.set_aside / "metrics.jsonl")] == [9, 9]
    assert len(events(whole.tensorboard)) == len({(step, tag) for step, tag, _ in events(whole.tensorboard)})
    assert load_checkpoint(whole.checkpoint_file(14)).training["rollbacks"] == 2
    # It did move on: the stretch is another one, though up to the checkpoint it is the same run.
    plain = trainer.run(trainer.recipe(*RECIPE), tmp_path / "plain")
    mine, other = (read_metrics(run.metrics_file) for run in (whole, plain))
    assert [record["wasserstein"] for record in mine[:2]] == [record["wasserstein"] for record in other[:2]]
    assert mine[3]["wasserstein"] != other[3]["wasserstein"]


@pytest.mark.parametrize("stop", [3, 8, 9, 12, 16])
def test_stopping_before_between_or_after_changes_nothing(trainer, whole, tmp_path, stop):
    recipe = trainer.recipe(*RECIPE)
    with ill_at(9, noises=range(2)):
        run = trainer.run(recipe, tmp_path / "mine", stop_after=stop)
        for left in (1, None):  # and once more, one step further
            state = trainer.prepared(recipe)
            state.restore(load_checkpoint(run.checkpoint_files()[-1]))
            trainer.go_on(state, run, left)
    assert_same_run(whole, run)


def test_the_fourth_time_ends_the_run_and_keeps_everything(wgan, tiny_options):
    options = ("--device", "cpu", *tiny_options, "--set", "save_every=4", "--set", "log_every=3")
    with ill_at(7, noises=range(99)):
        result = wgan("train", *options, "--steps", 12, "--out", "mine")
    assert result.status == 1
    assert [line[:8] for line in result.stderr.splitlines()].count("diverged") == 3
    assert result.error == ("training diverged before step 8: a weight of the critic is not finite, after 3 rollbacks")
    assert result.hint.index("lower lr") < result.hint.index("gp_weight") < result.hint.index("n_critic")
    run = RunDir(Path("mine"))
    assert run.checkpoint_files() == [run.checkpoint_file(0), run.checkpoint_file(4)]
    assert [record["step"] for record in read_metrics(run.metrics_file)] == [3, 6]
    assert wgan("train", "--resume", "mine", "--device", "cpu").status == 0


def test_the_count_survives_a_resume(wgan, tiny_options):
    options = ("--device", "cpu", *tiny_options, "--set", "save_every=4")
    with ill_at(5, noises=range(2)):
        assert wgan("train", *options, "--steps", 9, "--out", "mine").status == 0
    with ill_at(11, noises=range(99)):
        result = wgan("train", "--device", "cpu", "--resume", "mine", "--steps", 16)
    assert result.status == 1
    assert "(rollback 3 of at most 3)" in result.stderr
    assert [line[:8] for line in result.stderr.splitlines()].count("diverged") == 1


def test_a_damaged_checkpoint_is_passed_over(trainer, tmp_path):
    recipe = trainer.recipe(*RECIPE)
    run = trainer.run(recipe, tmp_path / "mine", stop_after=9)
    state = trainer.prepared(recipe)
    state.restore(load_checkpoint(run.checkpoint_file(9)))
    run.checkpoint_file(8).write_bytes(b"")
    with ill_at(10):
        trainer.go_on(state, run)
    assert read_metrics(run.metrics_file)[-1]["step"] == 14
    for file in run.checkpoint_files():
        file.write_bytes(b"")
    state = trainer.prepared(recipe)
    with ill_at(1), pytest.raises(WganError, match="can be read"):
        trainer.go_on(state, run)
