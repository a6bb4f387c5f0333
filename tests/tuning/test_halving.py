"""Successive halving in closed form: lengths, costs and survivors."""

from __future__ import annotations

import pytest

from wgan_cli.tuning.halving import Rung, cost, make_rungs, most_candidates, survivors


@pytest.mark.parametrize(
    ("candidates", "number", "expected"),
    [
        (8, 3, [(1, 8), (2, 4), (4, 2)]),
        (6, 3, [(1, 6), (2, 3), (4, 2)]),
        (5, 1, [(4, 5)]),
        (3, 3, [(1, 3), (2, 2), (4, 1)]),
        (2, 3, [(1, 2), (4, 1)]),  # alone, it skips the middle rung
        (1, 3, [(4, 1)]),
    ],
)
def test_rungs(candidates, number, expected):
    assert make_rungs(candidates, 4.0, number) == [Rung(minutes, count) for minutes, count in expected]


def test_cost_is_that_of_all_trainings():
    for number in (1, 2, 3, 4):  # halves of twice the length: every rung costs the same
        assert cost(make_rungs(16, 4.0, number), 0.0) == pytest.approx(number * 16 * 4.0 / 2 ** (number - 1))
    assert cost(make_rungs(6, 4.0, 3), 0.5) == 6 * 1.5 + 3 * 2.5 + 2 * 4.5


@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize("budget", [3.9, 4.0, 10.0, 33.3, 1e9])
def test_as_many_candidates_as_the_budget_is_enough_for(number, budget):
    count = most_candidates(20, 4.0, number, budget, 0.1)
    assert count == 0 or cost(make_rungs(count, 4.0, number), 0.1) <= budget
    assert count == 20 or cost(make_rungs(count + 1, 4.0, number), 0.1) > budget


def test_survivors():
    scores = {0: 3.0, 1: 1.0, 2: None, 3: 2.0, 4: 1.0}
    assert survivors(scores, 2, lower_is_better=True) == [1, 4]
    assert survivors(scores, 2, lower_is_better=False) == [0, 3]
    assert survivors(scores, 1, lower_is_better=True) == [1]  # of equal scores, the first
    assert survivors(scores, 5, lower_is_better=True) == [0, 1, 3, 4]  # a failed candidate never goes on
    assert survivors({0: None, 1: None}, 1, lower_is_better=True) == []
