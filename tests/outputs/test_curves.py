"""Charts of losses and scores."""

from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image

from wgan_cli.outputs.curves import draw_curves, score_names, series, smoothed, term_names

RECORDS = [
    {"step": 5, "kimg": 0.1, "seconds": 1.0, "images_per_second": 9.0, "b_loss": 3.0},
    {"step": 10, "kimg": 0.2, "seconds": 2.0, "images_per_second": 9.0, "a_loss": 1.0, "b_loss": 2.0},
]


def test_term_with_gaps(tmp_path):
    draw_curves(RECORDS, tmp_path / "curves.png", "title")
    with Image.open(tmp_path / "curves.png") as picture:
        assert picture.format == "PNG"
        assert picture.width > 2 * picture.height > 200  # two panels side by side
        assert np.asarray(picture.convert("L")).std() > 5
    assert os.listdir(tmp_path) == ["curves.png"]


def test_a_panel_for_each_term(tmp_path):
    heights = []
    for count in (1, 3, 5):
        draw_curves([{"step": 1, **{f"term {n}": 1.0 for n in range(count)}}], tmp_path / "curves.png", "$ broken _")
        with Image.open(tmp_path / "curves.png") as picture:
            heights.append(picture.height)
    assert heights == [heights[0], heights[0] + 280, heights[0] + 560]  # for each row of two


def test_no_records(tmp_path):
    draw_curves([], tmp_path / "curves.png", "title")
    draw_curves([{"step": 1, "kimg": 0.1}], tmp_path / "curves.png", "title")
    assert os.listdir(tmp_path) == []


def test_smoothing_is_the_weighted_mean():
    values, weight = (3.0, -1.0, 2.0), 0.5
    expected = [(3 - 0.5 + 0.25 * 2) / 1.75, (0.5 * 3 - 1 + 0.5 * 2) / 2, (0.25 * 3 - 0.5 + 2) / 1.75]
    np.testing.assert_allclose(smoothed(values, weight), expected)
    np.testing.assert_allclose(smoothed((4.0,) * 20), 4.0)
    assert smoothed(tuple(map(float, range(201))))[100] == pytest.approx(100.0)  # no lag


SCORED = [
    {"step": 5, "kimg": 0.1, "b_loss": 3.0, "fd": 40.0, "recall": 0.1, "real_baseline": 2.0},
    {"step": 7, "kimg": 0.1, "fd": 20.0, "recall": 0.2, "memorization": 0.0, "real_baseline": 2.0},
    {"step": 10, "kimg": 0.2, "b_loss": 2.0},
]


def test_scores_are_not_terms():
    assert (term_names(SCORED), term_names(RECORDS), term_names([])) == (["b_loss"], ["b_loss", "a_loss"], [])
    assert score_names(SCORED) == ["fd", "recall", "memorization"]
    assert series(SCORED, "fd") == ((5, 7), (40.0, 20.0))
    assert series(SCORED, "b_loss") == ((5, 10), (3.0, 2.0))


def test_scores_next_to_losses(tmp_path):
    records = [{**record, "fd": 0.0} for record in SCORED[:2]]  # zero has no place on a scale of powers of ten
    draw_curves([*records, SCORED[2]], tmp_path / "scored.png", "title")
    draw_curves(SCORED[2:], tmp_path / "plain.png", "title")
    with Image.open(tmp_path / "scored.png") as scored, Image.open(tmp_path / "plain.png") as plain:
        assert (scored.width, scored.height) == (2 * plain.width, plain.height + 280)  # four panels, and one
        # Colours other than that of a loss: several scores share a panel.
        assert len(colours(scored)) > 1.5 * len(colours(plain))


def colours(picture: Image.Image) -> np.ndarray:
    return np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)
