"""Timing of many candidates: what is kept in memory, what is closed, and what errors name."""

from __future__ import annotations

import threading
import weakref

import pytest
import torch

from wgan_cli.data.loading import default_data_root, load_images
from wgan_cli.errors import ExitStatus, WganError
from wgan_cli.training.engines.autotune import StepTimer
from wgan_cli.tuning import measure
from wgan_cli.tuning.measure import Rehearsal, with_step_times

BATCHES = ("batch_size=4", "batch_size=5", "batch_size=6", "batch_size=7", "optim.lr=0.5")


@pytest.fixture
def time_candidates(monkeypatch, trainer):
    """Time streamed candidates, two at once, as `wgan tune` does; return the times."""
    monkeypatch.setattr(measure, "ROUNDS", 1)
    monkeypatch.setattr(measure, "IN_TURNS", 2)
    recipes = [trainer.recipe("data.limit=50", "data.memory_limit=1", setting) for setting in BATCHES]
    dataset = load_images(recipes[0].data, default_data_root(), lambda text: None)
    return lambda: with_step_times(recipes, BATCHES, Rehearsal(dataset, torch.device("cpu"), 1.0))


def test_candidates_are_released_after_their_turns(time_candidates, monkeypatch):
    built, alive = weakref.WeakSet(), []
    build = measure.build_state

    def build_recorded(*args):
        state = build(*args)
        built.add(state.loader)
        alive.append(len(built))
        return state

    monkeypatch.setattr(measure, "build_state", build_recorded)
    timed = time_candidates()
    assert [each.recipe.batch_size for each in timed] == [4, 5, 6, 7, 8]
    assert all(each.step_seconds > 0 and each.recipe.threads == 1 for each in timed)
    assert len(alive) == len(BATCHES) and max(alive) <= 2
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("wgan-loader")]


@pytest.mark.parametrize("where", ["build", "time"])
def test_out_of_memory_names_the_candidate(time_candidates, monkeypatch, where):
    def fails_at_6(recipe):
        if recipe.batch_size == 6:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    build, time = measure.build_state, StepTimer.time
    if where == "build":
        monkeypatch.setattr(measure, "build_state", lambda *args: fails_at_6(args[0]) or build(*args))
    else:
        monkeypatch.setattr(StepTimer, "time", lambda self, recipe: fails_at_6(recipe) or time(self, recipe))
    with pytest.raises(WganError) as error:
        time_candidates()
    assert error.value.message.startswith("--try batch_size=6: not enough memory on cpu")
    assert error.value.status == ExitStatus.FAILED and "batch_size=3" in error.value.hint


def test_candidates_that_resolve_to_the_same_recipe(trainer):
    augments = ("data.diff_augment=auto", "data.diff_augment=[color, translation, cutout]")
    recipes = [trainer.recipe("data.limit=50", setting) for setting in augments]
    dataset = load_images(recipes[0].data, default_data_root(), lambda text: None)
    timed = with_step_times(recipes, augments, Rehearsal(dataset, torch.device("cpu"), 1.0))
    assert [each.recipe.data.diff_augment for each in timed] == [recipe.data.diff_augment for recipe in recipes]
