"""What makes a generator the best."""

from __future__ import annotations

import pytest

from wgan_cli.runs.checkpoint import Score


@pytest.mark.parametrize(
    ("by", "better", "worse"), [("distance", 1.0, 2.0), ("recall", 0.5, 0.2), ("density", 2.0, 1.0)]
)
def test_the_better_score_beats_the_other_and_an_equal_one_neither(by, better, worse):
    one, other = Score(by, better, "these"), Score(by, worse, "these")
    assert one.beats(other)
    assert not other.beats(one)
    assert not one.beats(one)


def test_only_scores_of_one_name_and_measure_compare():
    score = Score("distance", 1.0, "these")
    assert score.compares_with(Score("distance", 2.0, "these"))
    assert not score.compares_with(Score("distance", 1.0, "those"))
    assert not score.compares_with(Score("recall", 1.0, "these"))
