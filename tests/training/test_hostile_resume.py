"""Full checkpoints that load but hold an impossible training state are refused before training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

import pytest
import torch

from wgan_cli.distributed import rng
from wgan_cli.errors import WganError
from wgan_cli.runs.checkpoint import load_checkpoint


def change_moments(change: Callable[[Any], object]) -> Callable[[dict[str, Any]], None]:
    def apply(training: dict[str, Any]) -> None:
        moments = training["optimizers"]["critic"]["state"][0]
        moments["exp_avg"] = change(moments["exp_avg"])

    return apply


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "moments of another shape": change_moments(lambda moments: moments.flatten()[:3].clone()),
    "moments in words": change_moments(lambda moments: "much"),
    "no moments": lambda training: training["optimizers"].pop("critic"),
    "a list of optimizers": lambda training: training.update(optimizers=[1, 2]),
    **{
        f"{name} {value}": lambda training, name=name, value=value: training["feed"].update({name: value})
        for name, value in (("cursor", -1), ("cursor", 10**6), ("epoch", 2**70), ("epoch", 0.5))
    },
    "no feed": lambda training: training.pop("feed"),
    "random state cut off": lambda training: training.update(random={"cpu": training["random"]["cpu"][:3]}),
    **{
        f"{name} {value}": lambda training, name=name, value=value: training.update({name: value})
        for name, value in (
            ("seconds", float("inf")), ("seconds", "long"), ("random", {"cpu": "dice"}),
            ("generator", {"weight": "much"}), ("rollbacks", "none"), ("images_shown", -1),
        )
    },
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGES)
def test_impossible_training_state_is_refused(tiny_run, trainer, what):
    checkpoint = load_checkpoint(tiny_run.checkpoint_file(6))
    CHANGES[what](checkpoint.training)
    with pytest.raises(WganError, match="the checkpoint of step 6 is damaged") as refused:
        trainer.prepared(tiny_run.read_recipe()).restore(checkpoint)
    assert "--resume RUN/checkpoints/" in refused.value.hint


@pytest.mark.parametrize(("size", "fits"), [(16, False), (44, True)])  # of CUDA and of MPS
def test_random_state_of_another_kind_of_device(monkeypatch, size, fits):
    restored = Mock()
    monkeypatch.setattr(torch.mps, "get_rng_state", lambda: torch.zeros(44, dtype=torch.uint8))
    monkeypatch.setattr(torch.mps, "set_rng_state", restored)
    saved = {"cpu": torch.get_rng_state(), "device": torch.ones(size, dtype=torch.uint8)}
    rng.set_states(saved, torch.device("mps"))
    assert restored.called == fits


def test_optimizer_settings_come_from_the_recipe(tiny_run, trainer):
    """Otherwise a file could change a beta although the recipes are equal."""
    checkpoint = load_checkpoint(tiny_run.checkpoint_file(6))
    checkpoint.training["optimizers"]["critic"]["param_groups"][0].update(betas=(0.9, 0.9), lr=1e9)
    state = trainer.prepared(tiny_run.read_recipe())
    before = [{**group, "params": None} for group in state.optimizers["critic"].param_groups]
    state.restore(checkpoint)
    after = [{**group, "params": None} for group in state.optimizers["critic"].param_groups]
    assert after == before
