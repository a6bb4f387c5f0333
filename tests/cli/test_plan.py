"""What `wgan train` says before it trains: how long it will take, and what a small set needs."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import torch

from wgan_cli.cli.render.train_report import FEW, LONG, MORE_OF_FEW, SOON, plan
from wgan_cli.data import load_data
from wgan_cli.recipe import load_recipe
from wgan_cli.training.state import TrainingState, prepare


@pytest.fixture(scope="module")
def state(trainer) -> TrainingState:
    return trainer.prepared(trainer.recipe(f"data.limit={FEW}", "steps=400"))


def lines(state: TrainingState, **changes) -> list[str]:
    """What is said beyond the two lines that are always there."""
    return plan(replace(state, **changes), "somewhere").splitlines()[2:]


def test_nothing_is_foretold_of_steps_that_were_not_timed(state):
    assert lines(state) == []


def test_the_steps_that_are_left_take_their_time(state):
    assert lines(state, step_seconds=0.25) == ["about 1:40 at 250 ms a step, beside grids and evaluations"]
    assert lines(state, step_seconds=0.25, step=300)[0].startswith("about 0:25 ")


@pytest.mark.parametrize("seconds", [4.51, 7.0, 23.0, 100_000.0])
def test_who_would_wait_long_is_told_of_a_shorter_run(state, seconds):
    (line,) = lines(state, step_seconds=seconds)
    steps = int(re.search(r"; --steps (\d+) would take 10 minutes$", line)[1])
    assert steps == 1 or (steps + 1) * seconds >= SOON / 1.1 and steps * seconds <= SOON
    assert "--steps" not in lines(state, step_seconds=LONG / 400)[0]


def test_a_small_set_is_told_what_makes_more_of_it(trainer):
    def told(*changes: str) -> list[str]:
        return lines(trainer.prepared(trainer.recipe(f"data.limit={FEW - 1}", "steps=1", *changes)))

    (line,) = told()
    assert line.startswith(f"{FEW - 1:,} images are few") and f"--set '{MORE_OF_FEW}'" in line
    (line,) = told(MORE_OF_FEW)
    assert "data.augment.mirror=true" in line and "diff_augment" not in line
    assert told("data.augment.mirror=true") == []


def test_translators_are_not_told_what_they_cannot_take(tmp_path):
    settings = ["data.a={source: digits, limit: 9}", "data.b={source: digits, limit: 9, transform: invert}"]
    recipe = load_recipe("mnist_cyclegan", [*settings, "amp=off", "engine=eager"])
    images = load_data(recipe.data, tmp_path, lambda text: None)
    assert lines(prepare(recipe, images, torch.device("cpu"), trials=False)) == []
