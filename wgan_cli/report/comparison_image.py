"""Curves and sample grids of several runs in one image."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from wgan_cli.outputs.curves import draw_panel
from wgan_cli.outputs.grid import open_picture
from wgan_cli.report.comparison import Comparison
from wgan_cli.report.facts import report_from_records
from wgan_cli.report.panels import loss_panels, score_panels
from wgan_cli.utils.files import make_parent, write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLUMNS = 3
_GRID_HEIGHT = 4.0  # inches


def save_comparison(comparison: Comparison, path: Path) -> None:
    """Write curves and the newest grids as PNG."""
    make_parent(path)
    figure = draw_comparison(comparison)
    write_atomically(path, lambda file: figure.savefig(file, format="png", dpi=100))


def draw_comparison(comparison: Comparison) -> Figure:
    """Draw a panel for each logged number with a line for each run, and the grids below."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it reports its font cache
    from matplotlib.figure import Figure

    runs = list(map(report_from_records, comparison.names, comparison.runs))
    panels = [*loss_panels(runs), *score_panels(runs)]
    rows = -(-len(panels) // _COLUMNS)
    figure = Figure(figsize=(5.0 * _COLUMNS, 2.6 * rows + _GRID_HEIGHT + 0.4), layout="constrained")
    ratios = (max(1e-3, 2.6 * rows), _GRID_HEIGHT)
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=ratios).flat
    for place, panel in enumerate(panels, start=1):
        draw_panel(above.add_subplot(rows, _COLUMNS, place), panel)
    for place, (run, grid) in enumerate(zip(runs, comparison.grids, strict=True), start=1):
        axes = below.add_subplot(1, len(runs), place)
        axes.set_axis_off()
        axes.set_title(f"{run.name}, step {run.facts.step:,}" if grid else f"{run.name}: no grid yet", fontsize=9)
        if grid:
            axes.imshow(open_picture(grid).convert("RGB"), interpolation="nearest")
    return figure
