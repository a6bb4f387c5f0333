"""Successive halving (Jamieson and Talwalkar 2016): train all candidates briefly, the better half longer, and so on.

Synchronous: a rung is complete before its better half goes on. The cost of a search is therefore known before it
starts, and its result doesn't depend on the order of the candidates.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Rung:
    """A round of trainings of equal length."""

    minutes: float
    count: int  # candidates


def make_rungs(candidates: int, minutes: float, number: int) -> list[Rung]:
    """Return the rungs: each has half the candidates of the one before, rounded up, and twice the minutes.

    A candidate that is alone skips to the last rung.

    Args:
        minutes: length of the last rung. number: rungs at most.
    """
    counts = [-(-candidates // 2**place) for place in range(number)]
    every = [Rung(minutes / 2 ** (number - 1 - place), count) for place, count in enumerate(counts)]
    return [*(rung for rung in every[:-1] if rung.count > 1), every[-1]]


def cost(rungs: Sequence[Rung], overhead: float) -> float:
    """Return the minutes that all trainings take, each with `overhead` minutes of loading and evaluation."""
    return sum(rung.count * (rung.minutes + overhead) for rung in rungs)


def most_candidates(most: int, minutes: float, number: int, budget: float, overhead: float) -> int:
    """Return how many candidates, at most `most`, a budget of minutes is enough for; 0 for none."""
    counts = range(most, 0, -1)
    return next((n for n in counts if cost(make_rungs(n, minutes, number), overhead) <= budget), 0)


def survivors(scores: Mapping[int, float | None], count: int, lower_is_better: bool) -> list[int]:
    """Return the `count` candidates with the best scores, in the mapping's order. Of equal scores, the first wins.

    Args:
        scores: by candidate; None if it failed, which never survives.
    """
    scored = [(value if lower_is_better else -value, number) for number, value in scores.items() if value is not None]
    best = {number for _, number in sorted(scored)[:count]}
    return [number for number in scores if number in best]
