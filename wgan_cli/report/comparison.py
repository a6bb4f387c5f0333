"""Several runs beside each other: in what they differ, and how far each came."""

from __future__ import annotations

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
from wgan_cli.utils.format import clock

Row = tuple[str, Sequence[str]]
MOST_RUNS = 12  # more columns nobody can read
_SAID_ELSEWHERE = ("name", "steps")
NAMES = frozenset(SHORT_FORMS.values())  # of a section: `source`, `name`


@dataclass(frozen=True)
class Comparison:
    """Runs, by a name of each that no other has.

    settings: by dotted name those in which they differ, a value for each run, None where it has no such setting; none
        that is off in all that have it.
    losses: by a term's name its last value in each run, None where it has no such term. scores: the same of its scores.
    grids: the newest sample grid of each run, or None.
    """

    names: tuple[str, ...]
    runs: tuple[RunFacts, ...]
    settings: dict[str, tuple[Any, ...]]
    losses: dict[str, tuple[float | None, ...]]
    scores: dict[str, tuple[float | None, ...]]
    grids: tuple[Path | None, ...] = field(repr=False)


def compare_runs(paths: Sequence[Path]) -> Comparison:
    """Read several runs, also while they train.

    Raises: WganError where there are fewer than two or too many, one is none, or is given twice.
    """
    if not 2 <= len(paths) <= MOST_RUNS:
        raise WganError(
            f"{len(paths)} run{'s' if len(paths) > 1 else ''} to compare: give 2 to {MOST_RUNS}",
            "wgan compare runs/one runs/other",
        )
    return beside_each_other(paths)


def beside_each_other(paths: Sequence[Path]) -> Comparison:
    """Read runs, also while they train; of a single one nothing differs.

    Raises: WganError where there are too many, one is none, or is given twice.
    """
    if len(paths) > MOST_RUNS:
        raise WganError(f"{len(paths)} runs are too many to stand side by side", f"give at most {MOST_RUNS}")
    real = [os.path.realpath(path) for path in paths]
    twice = next((path for place, path in enumerate(paths) if real[place] in real[:place]), None)
    if twice is not None:
        raise WganError(f"{twice} is given twice", "give each run once")
    runs = tuple(inspect_run(path) for path in paths)
    grids = [RunDir(path).sample_files() for path in paths]
    return Comparison(
        names=_names(paths),
        runs=runs,
        settings=_differences([flat_settings(run.recipe) for run in runs]),
        losses=_side_by_side([run.losses for run in runs]),
        scores=_side_by_side([run.scores for run in runs]),
        grids=tuple(files[-1] if files else None for files in grids),
    )


def table_rows(compared: Comparison) -> list[Row]:
    """A heading and a text for each run: what it is, in which settings they differ, and how far each came."""
    facts = [
        ("recipe", [run.recipe["name"] for run in compared.runs]),
        ("state", [run.state for run in compared.runs]),
        ("step", [f"{run.step:,} of {run.steps:,}" for run in compared.runs]),
        ("time", [clock(run.seconds) for run in compared.runs]),
        ("images/s", [f"{1000 * run.kimg / run.seconds:,.0f}" if run.seconds else "" for run in compared.runs]),
        ("diverged", [f"{run.rollbacks} times" if run.rollbacks else "" for run in compared.runs]),
    ]
    settings = [(name, [_value(value) for value in values]) for name, values in compared.settings.items()]
    numbers = {**compared.losses, **compared.scores}
    measured = [(name, [_value(value) for value in values]) for name, values in numbers.items()]
    return [(name, values) for name, values in facts if any(values)] + settings + measured


def _value(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _names(paths: Sequence[Path]) -> tuple[str, ...]:
    """The last parts of the paths, as few as tell them apart."""
    parts = [Path(os.path.abspath(path)).parts for path in paths]
    for count in range(1, max(map(len, parts)) + 1):
        names = tuple("/".join(each[-count:]) for each in parts)
        if len(set(names)) == len(names):
            return names
    return tuple(map(str, paths))


def _differences(settings: list[dict[str, Any]]) -> dict[str, tuple[Any, ...]]:
    """What differs, each section's name first, without what is off wherever there is such a setting at all."""
    together = _side_by_side(settings)
    differ = {
        name: values
        for name, values in together.items()
        if name not in _SAID_ELSEWHERE and any(value != values[0] for value in values) and any(values)
    }
    sections = list(dict.fromkeys(name.partition(".")[0] for name in differ))
    return dict(
        sorted(
            differ.items(),
            key=lambda item: (sections.index(item[0].partition(".")[0]), item[0].partition(".")[2] not in NAMES),
        )
    )


def _side_by_side(dicts: list[dict[str, Any]]) -> dict[str, tuple[Any, ...]]:
    names = dict.fromkeys(name for each in dicts for name in each)
    return {name: tuple(each.get(name) for each in dicts) for name in names}
