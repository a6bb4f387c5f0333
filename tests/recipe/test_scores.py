"""The score table, and files that use the scores' old names."""

from __future__ import annotations

import json

import pytest

from wgan_cli.recipe import recipe_from_dict
from wgan_cli.recipe.scores import (
    BASELINE,
    LOGGED,
    RENAMED,
    SCORES,
    SELECTABLE,
    compare_with_real,
    format_score,
    panels,
)
from wgan_cli.runs.checkpoint import BestScore, checked_score
from wgan_cli.runs.metrics_log import read_metrics


def test_names_are_consistent():
    assert set(RENAMED.values()) <= SCORES.keys() and BASELINE in LOGGED
    assert not RENAMED.keys() & SCORES.keys()
    assert set(SELECTABLE) <= set(LOGGED)


@pytest.mark.parametrize(("name", "value", "text"), [("fd", 1.714, "1.71"), ("recall", 0.5, "50.0%"), ("loss", 2, "2")])
def test_format(name, value, text):
    assert format_score(name, value) == text


def test_panels_keep_the_order_of_the_table():
    assert panels(["recall", "fd", "precision"]) == {
        "Frechet distance": ("fd",),
        "fidelity and diversity": ("precision", "recall"),
    }
    assert panels([BASELINE]) == {}


@pytest.mark.parametrize(("fd", "baseline"), [(2.07, 1.73), (1.6, 1.7), (20.0, 1.7)])
def test_comparison_states_the_true_ratio(fd, baseline):
    assert f"{fd / baseline:.3g} times" in compare_with_real(fd, baseline)


def test_old_names_in_files(tmp_path):
    record = {"step": 4, "distance": 3.0, "real_distance": 1.5, "copies": 0.01, "answer_error": 2.0, "cycle_error": 1.0}
    (tmp_path / "metrics.jsonl").write_text(json.dumps(record) + "\n")
    (found,) = read_metrics(tmp_path / "metrics.jsonl")
    assert found == {"step": 4, "fd": 3.0, BASELINE: 1.5, "memorization": 0.01, "paired_l1": 2.0, "cycle_l1": 1.0}
    assert checked_score({"by": "distance", "value": 3.0, "measured": "x"}) == BestScore("fd", 3.0, "x")
    old = {"model": {"name": "dcgan", "generator": {"channels": [8, 4]}}, "steps": 1, "best_by": "distance"}
    assert recipe_from_dict(old, "an old file").best_by == "fd"
