"""The plan of a search: candidates, rungs and numbers of steps, fixed before the first training."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from wgan_cli.errors import WganError
from wgan_cli.recipe import Recipe, apply_settings, flat_settings, recipe_from_dict
from wgan_cli.training.setup import with_data_location
from wgan_cli.tuning.choices import Choice, Combination, drawn, grid, parse_choices
from wgan_cli.tuning.halving import Rung, cost, make_rungs, most_candidates
from wgan_cli.tuning.measure import rehearse, with_step_times
from wgan_cli.utils.format import Log

MOST_DRAWN = 1000  # candidates of a range without --trials


@dataclass(frozen=True)
class Request:
    """Options of a search.

    Attributes:
        tries: `KEY=V1,V2` or `KEY=low..high`.
        minutes: training of the last rung.
        budget: minutes of the whole search, None for no limit.
        rungs: their number at most. trials: number of candidates at most, None for no limit.
        seed: of the drawn candidates.
    """

    recipe: Recipe
    tries: tuple[str, ...]
    minutes: float
    budget: float | None = None
    rungs: int = 3
    trials: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class Candidate:
    """One combination of settings.

    Attributes:
        settings: `key=value` of what is tried.
        recipe: the whole recipe, with threads, precision and engine that were fastest.
    """

    settings: Combination
    recipe: Recipe
    step_seconds: float

    @property
    def name(self) -> str:
        """The settings in one line."""
        return " ".join(self.settings)

    def for_minutes(self, minutes: float) -> Recipe:
        """Return the recipe of a complete run of that length, which is evaluated at its last step."""
        steps = max(1, round(60 * minutes / self.step_seconds))
        return self.recipe.replaced(steps=steps, epochs=None, eval_every=steps, patience=None, report=False)


@dataclass(frozen=True)
class Plan:
    """Everything that a search is going to do.

    Attributes:
        combinations: number of all combinations, None if a range has infinitely many.
        overhead: estimated minutes of a training besides its steps.
    """

    request: Request
    combinations: int | None
    overhead: float
    rungs: tuple[Rung, ...]
    candidates: tuple[Candidate, ...]

    @property
    def minutes(self) -> float:
        """Estimated minutes of the whole search."""
        return cost(self.rungs, self.overhead)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values; `from_dict` reads them back."""
        return {
            "request": request_values(self.request),
            "combinations": self.combinations,
            "overhead": self.overhead,
            "rungs": [asdict(rung) for rung in self.rungs],
            "candidates": [
                {"settings": each.settings, "step_seconds": each.step_seconds, "recipe": each.recipe.as_dict()}
                for each in self.candidates
            ],
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any], origin: str) -> "Plan":
        """Return the plan of `as_dict`. Raises: WganError, KeyError, TypeError or ValueError."""
        request = {**values["request"], "recipe": recipe_from_dict(values["request"]["recipe"], origin)}
        return cls(
            Request(**{**request, "tries": tuple(request["tries"])}),
            values["combinations"],
            float(values["overhead"]),
            tuple(Rung(float(each["minutes"]), int(each["count"])) for each in values["rungs"]),
            tuple(
                Candidate(
                    tuple(each["settings"]), recipe_from_dict(each["recipe"], origin), float(each["step_seconds"])
                )
                for each in values["candidates"]
            ),
        )


def request_values(request: Request) -> dict[str, Any]:
    """Return a request as plain values; equal ones ask for the same search."""
    return {**vars(request), "recipe": request.recipe.as_dict(), "tries": list(request.tries)}


def make_plan(request: Request, data_root: Path | None, device: str, log: Log) -> Plan:
    """Validate all candidates, measure, and choose those that fit the budget.

    Args:
        log: receives messages while the data is loaded and steps are timed.
    Raises: WganError for a candidate that makes no valid recipe, or a budget that is too small for two.
    """
    base = with_data_location(request.recipe)
    choices = parse_choices(request.tries, flat_settings(base.as_dict()))
    every = grid(choices)
    possible = _random_candidates(request, choices) if every is None else every
    for combination in possible:
        _recipe_of(base, combination)
    apply_settings(base.as_dict(), ["eval_every=1"], base.name)  # fails if `best_by` is not measured
    most = min(request.trials or len(possible), len(possible))
    if most < 2:
        raise WganError("--try leaves one candidate to compare", "try two values or more: --try optim.lr=0.001,0.003")
    log("rehearsing: two trainings of one step, with their evaluation")
    rehearsal = rehearse(base, data_root, device, log)
    overhead = rehearsal.seconds / 60
    count = _affordable(request, most, overhead)
    combinations = possible[:count] if every is None else drawn(choices, count, request.seed)
    recipes = [_recipe_of(base, combination) for combination in combinations]
    log(f"timing the steps of {count} candidates")
    timed = with_step_times(recipes, [" ".join(each) for each in combinations], rehearsal)
    candidates = tuple(Candidate(combination, *each) for combination, each in zip(combinations, timed, strict=True))
    rungs = tuple(make_rungs(len(candidates), request.minutes, request.rungs))
    return Plan(request, None if every is None else len(every), overhead, rungs, candidates)


def _random_candidates(request: Request, choices: Sequence[Choice]) -> list[Combination]:
    if request.trials is None and request.budget is None:
        raise WganError(
            "a range needs a number of candidates", "set it with --trials 8, or the time with --budget MINUTES"
        )
    return drawn(choices, min(request.trials or MOST_DRAWN, MOST_DRAWN), request.seed)


def _affordable(request: Request, most: int, overhead: float) -> int:
    if request.budget is None:
        return most
    count = most_candidates(most, request.minutes, request.rungs, request.budget, overhead)
    if count < 2:
        least = cost(make_rungs(2, request.minutes, request.rungs), overhead)
        loading = cost(make_rungs(2, 0.0, request.rungs), overhead)
        share = (request.budget - loading) / (least - loading)  # of the time to train, which the budget leaves
        shorter = f", or shorter trainings: --minutes {0.9 * share * request.minutes:.2g}" if share > 0 else ""
        raise WganError(
            f"--budget {request.budget:g}: a search of two candidates takes {least:.1f} minutes",
            f"--budget {math.ceil(10 * least + 1) / 10:.1f}{shorter}",
        )
    return count


def _recipe_of(base: Recipe, combination: Sequence[str]) -> Recipe:
    try:
        return apply_settings(base.as_dict(), combination, base.name)
    except WganError as error:
        raise WganError(
            f"--try {' '.join(combination)}: {error.message.removeprefix('--set: ')}", error.hint
        ) from error
