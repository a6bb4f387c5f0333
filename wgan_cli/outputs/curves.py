"""Charts of a run's losses and scores, drawn with matplotlib as PNG."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wgan_cli.recipe.scores import BASELINE, LOGGED, SCORES, panels, title_of
from wgan_cli.runs.metrics_log import loss_terms
from wgan_cli.utils.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Records = Sequence[dict[str, Any]]
PANEL_WIDTH, PANEL_HEIGHT, TITLE_HEIGHT = 5.5, 2.8, 0.4  # inches
LEFT, RIGHT, ABOVE, BELOW = 0.75, 0.15, 0.3, 0.45  # margins of a panel, for its labels
REACH = 100  # neighbors on each side that smoothing includes; 0.8^100 is 2e-10


@dataclass(frozen=True)
class Curve:
    """A line in a chart."""

    label: str
    steps: Sequence[int]
    values: Sequence[float]
    raw: Sequence[float] | None = None  # the values before smoothing, drawn faintly behind
    color: int | None = 0  # index of a color, or None for a dashed gray baseline
    markers: bool = False  # draw a dot at each value


@dataclass(frozen=True)
class Panel:
    """A chart with one or several curves over the training step."""

    title: str
    curves: tuple[Curve, ...]
    log_scale: bool = False


def term_names(records: Records) -> list[str]:
    """Return the loss terms in records of a metrics.jsonl, in order of first occurrence."""
    return list(dict.fromkeys(name for record in records for name in loss_terms(record)))


def score_names(records: Records) -> list[str]:
    """Return the scores in records, except the real baseline."""
    return [name for name in LOGGED if name != BASELINE and any(name in record for record in records)]


def series(records: Records, name: str) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Return the steps and values of a number that some of the records hold."""
    points = [(record["step"], record[name]) for record in records if name in record]
    return tuple(step for step, _ in points), tuple(value for _, value in points)


def score_panels(records: Records) -> list[Panel]:
    """Return the panels of the score table; the Frechet distance is shown with the real baseline."""
    found = []
    for title, names in panels(score_names(records)).items():
        curves = [Curve(title_of(name), *series(records, name), color=i, markers=True) for i, name in enumerate(names)]
        if "fd" in names and (baseline := series(records, BASELINE))[0]:
            curves.append(Curve("real images", *baseline, color=None))
        found.append(Panel(title, tuple(curves), SCORES[names[0]].log_scale))
    return found


def draw_curves(records: Records, path: Path, title: str) -> None:
    """Draw all losses and scores of a run to a PNG file, in two columns; does nothing without any."""
    drawn = []
    for name in term_names(records):
        steps, values = series(records, name)
        drawn.append(Panel(title_of(name), (Curve(title_of(name), steps, smoothed(values), raw=values),)))
    drawn += score_panels(records)
    if not drawn:
        return
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # silences a note about its cache folder
    # The object interface touches no global state and opens no window, regardless of the backend.
    from matplotlib.figure import Figure

    columns = 2 if len(drawn) > 1 else 1
    rows = -(-len(drawn) // columns)
    width, height = PANEL_WIDTH * columns, PANEL_HEIGHT * rows + TITLE_HEIGHT
    figure = Figure(figsize=(width, height))
    figure.suptitle(title, y=1 - TITLE_HEIGHT / 2 / height, verticalalignment="center")
    # Fixed margins, in inches: a computed layout would draw everything twice.
    figure.subplots_adjust(
        left=LEFT / width,
        right=1 - RIGHT / width,
        bottom=BELOW / height,
        top=1 - (TITLE_HEIGHT + ABOVE) / height,
        wspace=(LEFT + RIGHT) / (PANEL_WIDTH - LEFT - RIGHT),
        hspace=(ABOVE + BELOW) / (PANEL_HEIGHT - ABOVE - BELOW),
    )
    for index, panel in enumerate(drawn, 1):
        draw_panel(figure.add_subplot(rows, columns, index), panel)
    write_atomically(path, lambda file: figure.savefig(file, format="png", dpi=100))


def draw_panel(axes: Axes, panel: Panel) -> None:
    """Draw the curves of a panel into axes."""
    for curve in panel.curves:
        color = "0.3" if curve.color is None else f"C{curve.color % 10}"
        dashed = curve.color is None or curve.color >= 10
        if curve.raw is not None:
            axes.plot(curve.steps, curve.raw, color="0.75", linewidth=0.8)
        style, marker = "--" if dashed else "-", "." if curve.markers else ""
        axes.plot(curve.steps, curve.values, style, color=color, marker=marker, linewidth=1.3, label=curve.label)
    if panel.log_scale:
        axes.set_yscale("log")
        for set_formatter in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
            set_formatter(_log_tick)
    if len(panel.curves) > 1:
        axes.legend(fontsize=7)
    axes.set_title(panel.title, fontsize=10)
    axes.set_xlabel("step", fontsize=8)
    axes.tick_params(which="both", labelsize=8)
    axes.grid(alpha=0.3)


def _log_tick(value: float, _: float) -> str:
    """Return the label of a tick on a log scale: only 1, 2, 3 and 5 times a power of ten, so that none overlap."""
    return f"{value:,g}" if f"{value:e}"[0] in "1235" else ""


def smoothed(values: Sequence[float], weight: float = 0.8) -> list[float]:
    """Smooth values with weights weight^d for neighbors at distance d on both sides: no bias at the ends, no lag."""
    kernel = weight ** np.abs(np.arange(-REACH, REACH + 1))
    sums, norms = (np.convolve(row, kernel)[REACH:-REACH] for row in (values, np.ones(len(values))))
    return (sums / norms).tolist()
