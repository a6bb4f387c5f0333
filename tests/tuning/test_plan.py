"""The plan of a search: every candidate is validated before anything is trained."""

from __future__ import annotations

import re
from dataclasses import replace
from types import SimpleNamespace

import pytest

from wgan_cli.errors import WganError
from wgan_cli.recipe import load_recipe
from wgan_cli.tuning import plan
from wgan_cli.tuning.plan import Request, make_plan


class Rehearsed(Exception):
    """The rehearsal began: all candidates are valid."""


def planned(*tries: str, **options) -> None:
    request = Request(load_recipe("digits_dcgan"), tries, minutes=1.0, **options)
    make_plan(request, None, "cpu", lambda text: None)


@pytest.fixture(autouse=True)
def rehearsed(monkeypatch):
    def rehearse(*arguments):
        raise Rehearsed

    monkeypatch.setattr(plan, "rehearse", rehearse)


def test_every_drawn_candidate_is_validated():
    with pytest.raises(WganError, match="--try .* optim.critic.betas="):
        planned("optim.critic.lr=0.001..0.01", "optim.critic.betas=[0, 0.9],[0, 1.5]", trials=20)
    with pytest.raises(Rehearsed):
        planned("batch_size=32..256", trials=20)


def test_a_grid_needs_no_number_of_candidates(monkeypatch):
    monkeypatch.setattr(plan, "MOST_DRAWN", 4)
    with pytest.raises(Rehearsed):
        planned("seed=1,2", "batch_size=4,8")
    with pytest.raises(WganError, match="a range needs"):
        planned("optim.lr=0.001..0.01")
    with pytest.raises(WganError, match="one candidate"):
        planned("batch_size=8..8.2", trials=4)


@pytest.mark.parametrize("minutes", [0.003, 1.0, 3.01, 61.7])
def test_the_budget_of_the_hint_is_enough(monkeypatch, minutes):
    def timed(*arguments):
        raise Rehearsed

    monkeypatch.setattr(plan, "rehearse", lambda *arguments: SimpleNamespace(seconds=1.0))
    monkeypatch.setattr(plan, "with_step_times", timed)
    request = Request(load_recipe("digits_dcgan"), ("batch_size=32,64",), minutes, budget=0.001)
    with pytest.raises(WganError, match="a search of two candidates takes") as caught:
        make_plan(request, None, "cpu", lambda text: None)
    least = float(re.search(r"--budget ([\d.]+)", caught.value.hint)[1])
    with pytest.raises(Rehearsed):
        make_plan(replace(request, budget=least), None, "cpu", lambda text: None)
