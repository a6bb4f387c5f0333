"""Full checkpoints that load and say what cannot be: a resumed run refuses them before it trains."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from wgan_cli.errors import WganError
from wgan_cli.runs.checkpoint import load_checkpoint


def other_shape(training: dict[str, Any]) -> None:
    moments = training["optimizers"]["critic"]["state"][0]
    moments["exp_avg"] = moments["exp_avg"].flatten()[:3].clone()


def words(training: dict[str, Any]) -> None:
    training["optimizers"]["critic"]["state"][0]["exp_avg"] = "much"


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "moments of another shape": other_shape,
    "moments in words": words,
    "no moments": lambda training: training["optimizers"].pop("critic"),
    "a list of optimizers": lambda training: training.update(optimizers=[1, 2]),
    "an image before the first": lambda training: training["feed"].update(cursor=-1),
    "an image after the last": lambda training: training["feed"].update(cursor=10**6),
    "an epoch that never comes": lambda training: training["feed"].update(epoch=2**70),
    "half an epoch": lambda training: training["feed"].update(epoch=0.5),
    "no feed": lambda training: training.pop("feed"),
    "time without end": lambda training: training.update(seconds=float("inf")),
    "time in words": lambda training: training.update(seconds="long"),
    "random states of text": lambda training: training.update(random={"cpu": "dice"}),
    "random states cut short": lambda training: training.update(random={"cpu": training["random"]["cpu"][:3]}),
    "networks in words": lambda training: training.update(generator={"weight": "much"}),
    "rollbacks in words": lambda training: training.update(rollbacks="none"),
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGES)
def test_a_full_checkpoint_that_cannot_be_is_refused(tiny_run, trainer, what):
    checkpoint = load_checkpoint(tiny_run.checkpoint_file(6))
    CHANGES[what](checkpoint.training)
    with pytest.raises(WganError, match="the checkpoint of step 6 is damaged"):
        trainer.prepared(tiny_run.read_recipe()).restore(checkpoint)


def test_settings_of_an_optimizer_come_from_the_recipe(tiny_run, trainer):
    """A file must not slip in another beta where every comparison of recipes finds none."""
    checkpoint = load_checkpoint(tiny_run.checkpoint_file(6))
    checkpoint.training["optimizers"]["critic"]["param_groups"][0].update(betas=(0.9, 0.9), lr=1e9)
    state = trainer.prepared(tiny_run.read_recipe())
    before = [{**group, "params": None} for group in state.optimizers["critic"].param_groups]
    state.restore(checkpoint)
    after = [{**group, "params": None} for group in state.optimizers["critic"].param_groups]
    assert after == before
