"""A run's numbers as curves."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wgan_cli.recipe.scores import BASELINE, LOGGED, panels, title_of
from wgan_cli.runs.metrics_log import NOT_TERMS
from wgan_cli.utils.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Records = list[dict[str, Any]]


def term_names(records: Records) -> list[str]:
    """The losses' terms that occur in records of a metrics.jsonl, in the order in which they first do."""
    return list(dict.fromkeys(name for record in records for name in record if name not in NOT_TERMS))


def score_names(records: Records) -> list[str]:
    """The scores that occur in records, but that of real images."""
    return [name for name in LOGGED if name != BASELINE and any(name in record for record in records)]


def course(records: Records, name: str) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Steps and values of a number that occurs in some of the records."""
    points = [(record["step"], record[name]) for record in records if name in record]
    return tuple(step for step, _ in points), tuple(value for _, value in points)


def draw_curves(records: Records, path: Path, title: str) -> None:
    """Draw terms and scores against the step as PNG; nothing for no records.

    Each term has a panel of its own, with a smoothed line. Scores stand as they were measured, the distance on a scale
    of powers of ten above the dashed line of real images.
    """
    terms, found = term_names(records), score_names(records)
    score_panels = panels(found)
    count = len(terms) + len(score_panels)
    if not count:
        return
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it would tell of its cache folder
    # The object interface touches no global state and opens no window, whatever the backend.
    from matplotlib.figure import Figure

    columns = 2 if count > 1 else 1
    rows = -(-count // columns)
    figure = Figure(figsize=(5.5 * columns, 2.8 * rows), layout="constrained")
    figure.suptitle(title)
    for index, name in enumerate([*terms, *score_panels]):
        axes = figure.add_subplot(rows, columns, index + 1)
        if index < len(terms):
            _draw_term(axes, *course(records, name))
        else:
            _draw_scores(axes, records, score_panels[name])
        axes.set_title(name.replace("_", " "), fontsize=10)
        axes.set_xlabel("step", fontsize=8)
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.3)
    write_atomically(path, lambda file: figure.savefig(file, format="png", dpi=100))


def _draw_term(axes: Axes, steps: tuple[int, ...], values: tuple[float, ...]) -> None:
    axes.plot(steps, values, color="0.75", linewidth=0.8)
    axes.plot(steps, smoothed(values), color="tab:blue", linewidth=1.5)


def _draw_scores(axes: Axes, records: Records, names: tuple[str, ...]) -> None:
    for name in names:
        axes.plot(*course(records, name), marker=".", linewidth=1.2, label=title_of(name))
    if names == ("fd",):
        floor = course(records, BASELINE)
        if floor[0]:
            axes.plot(*floor, color="0.3", linestyle="--", linewidth=1.0, label="real images")
        axes.set_yscale("log")
        for ticks in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
            ticks(lambda value, _: f"{value:,g}")
    axes.legend(fontsize=7)


def smoothed(values: tuple[float, ...], weight: float = 0.8) -> list[float]:
    """Mean of each value and those on both sides, weight^d at a distance of d: no bias, and no lag behind a slope."""
    past = _weighted_sums(values, weight)
    future = _weighted_sums(values[::-1], weight)[::-1]
    return [
        (before + after - value) / (norm_before + norm_after - 1)
        for value, (before, norm_before), (after, norm_after) in zip(values, past, future, strict=True)
    ]


def _weighted_sums(values: tuple[float, ...], weight: float) -> list[tuple[float, float]]:
    """Of each value and those before it: sum_d weight^d * value_d, and sum_d weight^d."""
    sums, total, norm = [], 0.0, 0.0
    for value in values:
        total, norm = weight * total + value, weight * norm + 1
        sums.append((total, norm))
    return sums
