"""The candidates of each rung of a search, and their order."""

from __future__ import annotations

import pytest

from wgan_cli.recipe import load_recipe
from wgan_cli.runs.run_dir import RunDir
from wgan_cli.tuning.halving import make_rungs
from wgan_cli.tuning.plan import Candidate, Plan, Request
from wgan_cli.tuning.search import Search
from wgan_cli.tuning.search_dir import Outcome, SearchDir, create_search, open_search

COUNT = 5


def make_plan(*settings: str) -> Plan:
    recipe = load_recipe("digits_dcgan", settings)
    request = Request(recipe, ("optim.lr=0.001,0.002",), minutes=4.0, budget=30.0)
    candidates = tuple(Candidate((f"seed={number}",), recipe, 0.02 + number) for number in range(COUNT))
    return Plan(request, COUNT, 0.1, tuple(make_rungs(COUNT, 4.0, 3)), candidates)


class Folder(SearchDir):
    """A folder whose outcomes are given: by rung, one for each candidate; None if it isn't finished."""

    def __init__(self, path, plan, *outcomes) -> None:
        super().__init__(path, plan)
        self.outcomes = outcomes

    def outcome(self, rung, candidate):
        value = self.outcomes[rung][candidate] if rung < len(self.outcomes) else None
        return value if value is None else Outcome(None, value) if isinstance(value, str) else Outcome(value)


@pytest.fixture
def search(tmp_path):
    def make(*outcomes, settings=()):
        return Search(Folder(tmp_path, make_plan(*settings), *outcomes), None, "cpu", "")

    return make


def numbers(search: Search, rung: int) -> list[int]:
    return [training.candidate for training in search.trainings(rung)]


def order(search: Search) -> list[int]:
    return [standing.candidate for standing in search.standings()]


def test_better_half_goes_on(search):
    first, second = (5.0, "diverged", 3.0, 4.0, 3.0), (9.0, None, 1.0, 9.0, 2.0)
    assert (numbers(search(), 0), numbers(search(), 1)) == ([0, 1, 2, 3, 4], [])
    assert numbers(search((*first[:4], None)), 1) == []  # a rung starts when the one before is complete
    found = search(first, second)
    assert (numbers(found, 1), numbers(found, 2)) == ([2, 3, 4], [2, 4])
    assert order(found) == [2, 4, 3, 0, 1]
    final = search(first, second, (None, None, 8.0, None, 7.0))
    assert order(final) == [4, 2, 3, 0, 1]


def test_higher_scores_can_be_better(search):
    recall = search((0.1, 0.5, 0.3, 0.2, 0.4), settings=["best_by=recall"])
    assert numbers(recall, 1) == [1, 2, 4] and order(recall) == [1, 4, 2, 3, 0]


def test_failed_finalist_does_not_win(search):
    last = search((1.0, 2.0, 3.0, 4.0, 5.0), (1.0, 2.0, 3.0, 0.0, 0.0), ("diverged", 9.0, 0, 0, 0))
    assert order(last) == [1, 2, 3, 4, 0]
    assert last.standings()[-1].failure == "diverged"


def test_every_candidate_trains_for_the_same_time():
    for candidate in make_plan("epochs=3", "patience=2").candidates:
        recipe = candidate.for_minutes(2.0)
        assert recipe.steps == round(120 / candidate.step_seconds) == recipe.eval_every
        assert recipe.patience is recipe.epochs is None
        assert recipe.replaced(steps=1, eval_every=1) == candidate.recipe.replaced(
            steps=1, epochs=None, eval_every=1, patience=None
        )


def test_plan_and_failures_are_read_back(tmp_path):
    plan = make_plan("best_by=recall")
    create_search(tmp_path / "mine", plan).record_failure(1, 3, "diverged")
    found = open_search(tmp_path / "mine")
    assert found.plan == plan
    assert found.outcome(1, 3) == Outcome(None, "diverged") and found.outcome(0, 3) is None
    assert found.run(1, 3) == RunDir(tmp_path / "mine" / "rung2-04")
