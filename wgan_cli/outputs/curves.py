"""A run's numbers as curves."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from wgan_cli.runs.atomic import write_atomically
from wgan_cli.runs.metrics_log import NOT_TERMS


def term_names(records: list[dict[str, Any]]) -> list[str]:
    """The losses' terms that occur in records of a metrics.jsonl, in the order in which they first do."""
    return list(dict.fromkeys(name for record in records for name in record if name not in NOT_TERMS))


def draw_curves(records: list[dict[str, Any]], path: Path, title: str) -> None:
    """Draw each term against the step in a panel of its own, with a smoothed line, as PNG; nothing for no records."""
    names = term_names(records)
    if not names:
        return
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it would tell of its cache folder
    # The object interface touches no global state and opens no window, whatever the backend.
    from matplotlib.figure import Figure

    columns = 2 if len(names) > 1 else 1
    rows = -(-len(names) // columns)
    figure = Figure(figsize=(5.5 * columns, 2.8 * rows), layout="constrained")
    figure.suptitle(title)
    for index, name in enumerate(names):
        axes = figure.add_subplot(rows, columns, index + 1)
        points = [(record["step"], record[name]) for record in records if name in record]
        steps, values = zip(*points, strict=True)
        axes.plot(steps, values, color="0.75", linewidth=0.8)
        axes.plot(steps, smoothed(values), color="tab:blue", linewidth=1.5)
        axes.set_title(name.replace("_", " "), fontsize=10)
        axes.set_xlabel("step", fontsize=8)
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.3)
    write_atomically(path, lambda file: figure.savefig(file, format="png", dpi=100))


def smoothed(values: tuple[float, ...], weight: float = 0.9) -> list[float]:
    """Exponential moving average without a bias towards zero at the start."""
    result, total, norm = [], 0.0, 0.0
    for value in values:
        total = weight * total + (1 - weight) * value
        norm = weight * norm + (1 - weight)
        result.append(total / norm)
    return result
