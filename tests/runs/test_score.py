"""What makes a generator the best."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wgan_cli.errors import WganError
from wgan_cli.runs.checkpoint import BestScore, load_checkpoint


@pytest.mark.parametrize(("by", "better", "worse"), [("fd", 1.0, 2.0), ("recall", 0.5, 0.2), ("density", 2.0, 1.0)])
def test_the_better_score_beats_the_other_and_an_equal_one_neither(by, better, worse):
    one, other = BestScore(by, better, "these"), BestScore(by, worse, "these")
    assert one.beats(other)
    assert not other.beats(one)
    assert not one.beats(one)


def test_only_scores_of_one_name_and_measure_compare():
    score = BestScore("fd", 1.0, "these")
    assert score.compares_with(BestScore("fd", 2.0, "these"))
    assert not score.compares_with(BestScore("fd", 1.0, "those"))
    assert not score.compares_with(BestScore("recall", 1.0, "these"))


def test_a_checkpoint_says_why_it_is_the_best(tiny_run, tmp_path):
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
def test_a_score_that_cannot_be_is_refused(tiny_run, tmp_path, score):
    replace(load_checkpoint(tiny_run.generator_file), score=BestScore(*score, "these")).save(tmp_path / "odd.pth")
    with pytest.raises(WganError, match="is not a wgan checkpoint"):
        load_checkpoint(tmp_path / "odd.pth")


def test_equal_content_gives_equal_bytes_whatever_its_strings_are(tiny_run, tmp_path):
    best = replace(load_checkpoint(tiny_run.generator_file), score=BestScore("fd", 1.0, "these"))
    other = replace(best, score=BestScore("".join(list("fd")), 1.0, "".join(list("these"))))
    best.save(tmp_path / "one.pth")
    other.save(tmp_path / "other.pth")
    assert (tmp_path / "one.pth").read_bytes() == (tmp_path / "other.pth").read_bytes()
