"""Scores of the best generator."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wgan_cli.errors import WganError
from wgan_cli.runs.checkpoint import BestScore, load_checkpoint


@pytest.mark.parametrize(("by", "better", "worse"), [("fd", 1.0, 2.0), ("recall", 0.5, 0.2), ("density", 2.0, 1.0)])
def test_better_score_wins(by, better, worse):
    one, other = BestScore(by, better, "these"), BestScore(by, worse, "these")
    assert one.beats(other)
    assert not other.beats(one)
    assert not one.beats(one)


def test_comparable_scores():
    score = BestScore("fd", 1.0, "these")
    assert score.compares_with(BestScore("fd", 2.0, "these"))
    assert not score.compares_with(BestScore("fd", 1.0, "those"))
    assert not score.compares_with(BestScore("recall", 1.0, "these"))


def test_comparable_feature_classifiers():
    names = [f"50 images in cifar10-32x32x3-v1-0123456789ab{end}" for end in ("", "-00ff11", "-00ff22")]
    earlier, one, other = (BestScore("fd", 1.0, name) for name in names)
    assert one.compares_with(earlier) and earlier.compares_with(other)
    assert one.compares_with(one) and not one.compares_with(other)


def test_score_in_a_checkpoint(tiny_run, tmp_path):
    plain = load_checkpoint(tiny_run.generator_file)
    assert (plain.score, plain.source) == (None, "step 12 of tiny")
    best = replace(plain, score=BestScore("fd", 3.25, "50 images in these"))
    best.save(tmp_path / "best.pth")
    found = load_checkpoint(tmp_path / "best.pth")
    assert (found.score, str(found.score), found.source) == (
        best.score,
        "FD 3.25",
        f"{plain.source}, the best by FD",
    )


@pytest.mark.parametrize("score", [("\x1b[2J", 1.0), ("fd", float("nan")), ("fd", 1), ("a" * 50, 1.0), (5, 1.0)])
def test_invalid_score_is_refused(tiny_run, tmp_path, score):
    replace(load_checkpoint(tiny_run.generator_file), score=BestScore(*score, "these")).save(tmp_path / "odd.pth")
    with pytest.raises(WganError, match="is not a wgan checkpoint"):
        load_checkpoint(tmp_path / "odd.pth")
