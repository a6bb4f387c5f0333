"""Several runs side by side as one picture."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from wgan_cli.outputs.animation import open_picture
from wgan_cli.outputs.curves import score_names, smoothed, term_names
from wgan_cli.report.comparison import Comparison
from wgan_cli.utils.files import make_parent, write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLUMNS = 3
_GRIDS_HIGH = 4.0  # inches


def save_comparison(compared: Comparison, path: Path) -> None:
    """Write curves and last grids as PNG."""
    make_parent(path)
    figure = _curves(compared)
    write_atomically(path, lambda file: figure.savefig(file, format="png", dpi=100))


def _curves(compared: Comparison) -> Figure:
    """A panel for each number that any run has logged, a line in it for each run, and the grids below."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it would tell of its cache folder
    from matplotlib.figure import Figure

    records = [record for run in compared.runs for record in run.history]
    scores = score_names(records)
    terms = [*term_names(records), *scores]
    rows = -(-len(terms) // _COLUMNS)
    figure = Figure(figsize=(5.0 * _COLUMNS, 2.6 * rows + _GRIDS_HIGH + 0.4), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(max(1e-3, 2.6 * rows), _GRIDS_HIGH))
    for place, term in enumerate(terms):
        axes = above.add_subplot(rows, _COLUMNS, place + 1)
        for number, (name, run) in enumerate(zip(compared.names, compared.runs, strict=True)):
            points = [(record["step"], record[term]) for record in run.history if term in record]
            if points:
                steps, values = zip(*points, strict=True)
                # One colour for a run in every panel; the ten colours come again as dashes.
                axes.plot(
                    steps, values if term in scores else smoothed(values), f"C{number % 10}", label=name,
                    linewidth=1.3, linestyle="--" if number >= 10 else "-",
                )  # fmt: skip
        axes.set_title(term.replace("_", " "), fontsize=10)
        axes.set_xlabel("step", fontsize=8)
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7)
    _show_grids(below, compared)
    return figure


def _show_grids(figure: Figure, compared: Comparison) -> None:
    for place, (name, run, grid) in enumerate(zip(compared.names, compared.runs, compared.grids, strict=True)):
        axes = figure.add_subplot(1, len(compared.names), place + 1)
        axes.set_axis_off()
        axes.set_title(f"{name}, step {run.step:,}" if grid else f"{name}: no grid yet", fontsize=9)
        if grid:
            axes.imshow(open_picture(grid).convert("RGB"), interpolation="nearest")
