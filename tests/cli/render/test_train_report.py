"""The plan that `wgan train` prints: duration, and advice for small datasets."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import torch

from wgan_cli.cli.render.train_report import LONG_RUN, SHORT_RUN, plan
from wgan_cli.data import load_data
from wgan_cli.recipe import load_recipe
from wgan_cli.recipe.decoding_types import SMALL_DATASET
from wgan_cli.training.build_state import build_state
from wgan_cli.training.state import TrainingState


@pytest.fixture(scope="module")
def state(trainer) -> TrainingState:
    return trainer.prepared(trainer.recipe(f"data.limit={SMALL_DATASET}", "steps=400"))


def lines(state: TrainingState, **changes) -> list[str]:
    """The optional lines of a plan."""
    return plan(replace(state, **changes), "somewhere").splitlines()[2:]


def test_duration_of_the_remaining_steps(state):
    assert lines(state) == []  # no step was timed
    assert lines(state, step_seconds=0.25)[0].startswith("about 1:40 at 250 ms per step")
    assert lines(state, step_seconds=0.25, step=300)[0].startswith("about 0:25 ")


def test_a_time_limit_is_a_number_of_steps(state):
    def line(minutes):
        return plan(replace(state, step_seconds=4.51), "somewhere", minutes=minutes).splitlines()[2]

    assert "about 133 steps" in line(10) and "--set" not in line(10)
    assert line(60) == line(None), "enough for all steps"


@pytest.mark.parametrize("seconds", [4.51, 23.0, 100_000.0])
def test_long_runs_suggest_fewer_steps(state, seconds):
    (line,) = lines(state, step_seconds=seconds)
    steps = int(re.search(r"--set steps=(\d+)", line)[1])
    assert steps == 1 or (steps + 1) * seconds >= SHORT_RUN / 1.1 and steps * seconds <= SHORT_RUN
    assert "--set steps" not in lines(state, step_seconds=LONG_RUN / 400)[0]


@pytest.mark.parametrize(
    ("setting", "advice"),
    [
        ("seed=1", ["data.diff_augment=auto", "data.augment.mirror"]),
        ("data.diff_augment=auto", ["color, translation, cutout", "data.augment.mirror"]),
        ("data.diff_augment=[color]", ["data.augment.mirror"]),
        ("data.augment.mirror=true", ["data.diff_augment=auto"]),
    ],
)
def test_small_datasets_get_advice(trainer, setting, advice):
    shown = "\n".join(lines(trainer.prepared(trainer.recipe(f"data.limit={SMALL_DATASET - 1}", "steps=1", setting))))
    texts = ("data.diff_augment=auto", "color, translation, cutout", "data.augment.mirror")
    assert [text for text in texts if text in shown] == advice


def test_translation_gets_no_advice(tmp_path):
    settings = ["data.a={source: digits, limit: 9}", "data.b={source: digits, limit: 9, transform: invert}"]
    recipe = load_recipe("mnist_cyclegan", [*settings, "amp=off", "engine=eager"])
    images = load_data(recipe.data, tmp_path, lambda text: None)
    assert lines(build_state(recipe, images, torch.device("cpu"), tune=False)) == []
