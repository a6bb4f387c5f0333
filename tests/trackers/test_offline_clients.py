"""Real clients of the trackers, without a network: what a training logs can be read back."""

from __future__ import annotations

import json

import pytest
from conftest import TINY
from helpers.tracked_runs import sha256, stored_by_wandb

from wgan_cli import Callback, Tracker, train
from wgan_cli.runs.metrics_log import read_metrics
from wgan_cli.trackers.known import make_client

SMALL = [*TINY, "log_every=2", "sample_every=3", "save_every=2"]


@pytest.fixture(scope="module")
def tracked(offline, tmp_path_factory):
    """A run of 4 steps, resumed to 6; the generators that it had at both ends, and the saved ids."""
    name, read = offline
    folder = tmp_path_factory.mktemp("runs") / "mine"
    run = train("digits_dcgan", folder, settings=[*SMALL, "steps=4"], callbacks=[Tracker(name)], device="cpu")
    ends = [(sha256(run.generator_file), json.loads(run.trackers_file.read_text()))]
    train(resume=folder, settings=["steps=6"], callbacks=[Tracker(name)], device="cpu")
    ends.append((sha256(run.generator_file), json.loads(run.trackers_file.read_text())))
    return run, ends, read(folder)


def test_records(tracked):
    run, _, stored = tracked
    expected = {record.pop("step"): record for record in read_metrics(run.metrics_file)}
    assert list(expected) == [2, 4, 6] and stored.records.keys() == expected.keys()
    for step, record in expected.items():
        assert stored.records[step] == pytest.approx(record)


def test_grids(tracked):
    assert tracked[2].grids == [0, 3, 4, 6]


def test_recipe(tracked):
    config = tracked[2].config
    lr = config["optim.critic.lr"] if "optim.critic.lr" in config else config["optim"]["critic"]["lr"]
    assert float(lr) == tracked[0].read_recipe().optim.critic.lr


def test_generator(tracked):
    _, ends, stored = tracked
    assert stored.generators[-1] == ends[-1][0] != ends[0][0]


def test_resumed_run_is_the_same_run(tracked):
    run, ends, stored = tracked
    assert len(stored.ids) == 1 and stored.name.startswith("mine") and not stored.failed
    assert ends[0][1] == ends[1][1] and len(ends[0][1]) == 1


def test_wandb_drops_no_step_after_a_rollback(monkeypatch, tmp_path):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    client = make_client("wandb")
    client.start(tmp_path, {"steps": 6}, {})
    for value, step in enumerate((4, 6, 4, 6)):
        client.log_numbers({"loss": value}, step)
    client.finish(failed=False)
    assert stored_by_wandb(tmp_path).records == {4: {"loss": 2}, 6: {"loss": 3}}


def test_failed_run(offline, tmp_path):
    class Failing(Callback):
        def on_step(self, step, networks):
            if step == 3:
                raise RuntimeError("on purpose")

    name, read = offline
    with pytest.raises(RuntimeError, match="on purpose"):
        train("digits_dcgan", tmp_path / "bad", settings=SMALL, callbacks=[Failing(), Tracker(name)], device="cpu")
    stored = read(tmp_path / "bad")
    assert stored.failed and list(stored.records) == [2] and stored.name.startswith("bad")
