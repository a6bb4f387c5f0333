"""Several runs side by side: the settings in which they differ, and their latest numbers."""

import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wgan_cli.errors import WganError
from wgan_cli.outputs.summary import RunFacts, inspect_run
from wgan_cli.recipe import flat_settings
from wgan_cli.recipe.schema import SHORT_FORMS
from wgan_cli.runs.run_dir import RunDir
from wgan_cli.utils.format import clock, format_rate

Row = tuple[str, Sequence[str]]
MAX_RUNS = 12
_SHOWN_ELSEWHERE = ("name", "steps")


@dataclass(frozen=True)
class Comparison:
    """Runs side by side. Each tuple has one entry for each run, None if the run lacks the number.

    Attributes:
        names: the shortest ends of the paths that differ.
        settings: by dotted name, those that differ and are set in at least one run.
        losses, scores: last values by name.
        grids: newest sample grids.
    """

    names: tuple[str, ...]
    runs: tuple[RunFacts, ...]
    settings: dict[str, tuple[Any, ...]]
    losses: dict[str, tuple[float | None, ...]]
    scores: dict[str, tuple[float | None, ...]]
    grids: tuple[Path | None, ...] = field(repr=False)


def compare(paths: Sequence[Path]) -> Comparison:
    """Read runs, also while they train; a single run has no differences.

    Raises: WganError if there are too many, or one is not a run or is given twice.
    """
    if len(paths) > MAX_RUNS:
        raise WganError(f"{len(paths)} runs are too many to compare", f"give at most {MAX_RUNS}")
    real = [os.path.realpath(path) for path in paths]
    twice = next((path for place, path in enumerate(paths) if real[place] in real[:place]), None)
    if twice is not None:
        raise WganError(f"{twice} is given twice", "give each run once")
    runs = tuple(inspect_run(path) for path in paths)
    parts = [Path(os.path.abspath(path)).parts for path in paths]
    ends = (tuple("/".join(each[-count:]) for each in parts) for count in itertools.count(1))
    grids = [RunDir(path).sample_files() for path in paths]
    return Comparison(
        names=next(names for names in ends if len(set(names)) == len(names)),
        runs=runs,
        settings=_differences([flat_settings(run.recipe) for run in runs]),
        losses=_by_name([run.losses for run in runs]),
        scores=_by_name([run.scores for run in runs]),
        grids=tuple(files[-1] if files else None for files in grids),
    )


def scores_compare(comparison: Comparison) -> bool:
    """Return True unless the best scores were measured in different ways."""
    scores = [run.best.score for run in comparison.runs if run.best]
    return all(score.measured_like(scores[0]) for score in scores)


def table_rows(comparison: Comparison) -> list[Row]:
    """Return rows of a heading and a text for each run: facts, differing settings, losses and scores."""
    runs = comparison.runs
    facts = [
        ("recipe", [run.recipe["name"] for run in runs]),
        ("state", [run.state for run in runs]),
        ("step", [f"{run.step:,} of {run.steps:,}" for run in runs]),
        ("time", [clock(run.seconds) for run in runs]),
        ("images/s", [format_rate(run.rate) if run.rate else "" for run in runs]),
        ("rollbacks", [str(run.rollbacks or "") for run in runs]),
        ("best", [f"{run.best.score} at step {run.best.step:,}" if run.best else "" for run in runs]),
    ]
    if not scores_compare(comparison):
        facts.append(("measured with", [run.best.score.measured if run.best else "" for run in runs]))
    numbers = {**comparison.settings, **comparison.losses, **comparison.scores}
    return [(name, values) for name, values in facts if any(values)] + [
        (name, [_text(value) for value in values]) for name, values in numbers.items()
    ]


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)


def _differences(settings: list[dict[str, Any]]) -> dict[str, tuple[Any, ...]]:
    """Return the settings that differ and are on somewhere, grouped by section with its name first."""
    differ = {
        name: values
        for name, values in _by_name(settings).items()
        if name not in _SHOWN_ELSEWHERE and any(value != values[0] for value in values) and any(values)
    }
    sections = list(dict.fromkeys(name.partition(".")[0] for name in differ))

    def order(name: str) -> tuple[int, bool]:
        section, _, setting = name.partition(".")
        return sections.index(section), setting not in SHORT_FORMS.values()  # `source`, `name`

    return {name: differ[name] for name in sorted(differ, key=order)}


def _by_name(dicts: list[dict[str, Any]]) -> dict[str, tuple[Any, ...]]:
    names = dict.fromkeys(name for each in dicts for name in each)
    return {name: tuple(each.get(name) for each in dicts) for name in names}
