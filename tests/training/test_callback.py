"""Training callbacks: the order of calls, the networks they receive, and numbers they add to the log."""

from __future__ import annotations

import copy
import json

import pytest
import torch
from conftest import TINY
from helpers.same_run import events

from wgan_cli import Callback, train
from wgan_cli.runs.checkpoint import load_checkpoint
from wgan_cli.runs.metrics_log import read_metrics
from wgan_cli.training.callback import CallbackList, overrides
from wgan_cli.training.trainer import Trainer

SMALL = [*TINY, "steps=8", "log_every=4"]


def run_with(callbacks, folder):
    return train("digits_dcgan", folder, settings=SMALL, callbacks=callbacks, device="cpu")


class Calls(Callback):
    def __init__(self) -> None:
        self.calls, self.steps, self.records, self.messages = [], [], [], []

    def on_train_start(self, step, steps):
        self.calls.append(("start", step, steps))

    def on_step(self, step, networks):
        self.steps.append(step)

    def on_log(self, record, networks):
        self.records.append(record)

    def on_samples(self, images, columns):
        self.calls.append(("samples", tuple(images.shape), columns))

    def on_message(self, text):
        self.messages.append(text)

    def on_train_end(self):
        self.calls.append(("end",))


@pytest.mark.parametrize("background", [False, True])
def test_calls(tmp_path, request, background):
    if background:  # as on a GPU
        request.getfixturevalue("background_writes")
    calls = Calls()
    run = run_with([calls], tmp_path / "run")
    assert calls.steps == list(range(1, 9))
    assert calls.records == read_metrics(run.metrics_file) and calls.records[-1]["step"] == 8
    grid = ("samples", (9, 1, 28, 28), 3)
    assert calls.calls == [("start", 0, 8), grid, grid, grid, ("end",)]
    assert f"run folder: {run.path}" in calls.messages


def test_what_callbacks_override():
    calls, norms = Calls(), Norms()
    assert overrides(calls, "on_samples") and not overrides(norms, "on_samples")
    assert overrides(CallbackList([norms, calls]), "on_samples")
    assert not overrides(CallbackList([norms, Callback()]), "on_samples")
    assert not overrides(CallbackList([]), "on_log") and overrides(CallbackList([norms]), "on_log")


class Norms(Callback):
    def on_log(self, record, networks):
        self.ema, self.generator, self.critic = (
            copy.deepcopy(network.state_dict()) for network in (networks.ema, networks.generator, networks.critic)
        )
        record["generator_norm"] = torch.nn.utils.get_total_norm(networks.generator.parameters())
        record["undefined"] = float("nan")
        record["distance"] = 5.0  # which would be read as `fd`


def test_networks_and_added_numbers(tmp_path, wgan):
    norms, calls = Norms(), Calls()
    run = run_with([norms, calls], tmp_path / "run")
    assert all(
        record["generator_norm"] > 0 and not record.keys() & {"undefined", "distance", "fd"}
        for record in read_metrics(run.metrics_file)
    )
    assert [step for step, tag, _ in events(run.tensorboard) if tag == "generator_norm"] == [4, 8]
    assert json.loads(wgan("inspect", run.path, "--json").stdout)["losses"]["generator_norm"] > 0
    for name in ("undefined", "distance"):
        assert sum(f"{name} is not logged" in message for message in calls.messages) == 1
    checkpoint = load_checkpoint(run.checkpoint_file(8))
    for networks, saved in (
        (norms.ema, load_checkpoint(run.generator_file).networks["generator"]),
        (norms.generator, checkpoint.training["generator"]),
        (norms.critic, checkpoint.networks["critic"]),
    ):
        torch.testing.assert_close(dict(networks), dict(saved), rtol=0, atol=0)


def test_errors_end_the_run(tmp_path):
    class Failing(Callback):
        def on_step(self, step, networks):
            raise RuntimeError(f"step {step}")

    calls = Calls()
    with pytest.raises(RuntimeError, match="step 1"):
        run_with([calls, Failing()], tmp_path / "run")
    assert calls.calls[-1] == ("end",)


@pytest.mark.parametrize(("size", "released"), [(1, []), (2, ["reset"])])
def test_graphs_are_released_at_the_end_of_distributed_training(tmp_path, monkeypatch, size, released):
    """NCCL waits for them when the process group is destroyed."""
    trainer, calls = Trainer("digits_dcgan", tmp_path / "run", settings=SMALL, device="cpu"), []
    step = trainer.state.engine

    class Engine:
        notice = ""

        def __call__(self, number: int) -> None:
            calls.append(number)
            step(number)

        def reset(self) -> None:
            calls.append("reset")

    trainer.state.engine = Engine()
    monkeypatch.setattr("wgan_cli.training.trainer.world_size", lambda: size)
    trainer.fit()
    assert calls == [*range(8), *released]


def test_an_error_at_the_end_is_no_reason_to_leave_out_others(tmp_path):
    class Failing(Callback):
        def on_train_end(self):
            raise RuntimeError("at the end")

    first, last = Calls(), Calls()
    with pytest.raises(RuntimeError, match="at the end"):
        run_with([first, Failing(), last], tmp_path / "run")
    assert first.calls[-1] == last.calls[-1] == ("end",)
