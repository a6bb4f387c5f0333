"""A run's log next to its evaluations: wasserstein rises while FD falls.

Drawn from log_and_distance.json, which take_log.py extracts from a real run.
"""

from __future__ import annotations

import json

import numpy as np
from matplotlib.figure import Figure
from style import DARK, FAKE, PALE, REAL, new_figure, write
from take_log import SERIES

FIRST, TOP = 50, 1.3  # the first steps leave the picture, which ends here


def draw(quick: bool = False) -> Figure:
    """Draw the critic's terms above, FD below, by steps."""
    series = json.loads(SERIES.read_text(encoding="utf-8"))
    values = np.array(series["rows"], dtype=float)  # what was not measured is NaN
    step, wasserstein, penalty, distance = (values[:, index] for index in range(4))
    figure = new_figure(4.4)
    log, evaluations = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    later = step > FIRST
    log.plot(step[later], wasserstein[later], color=REAL, lw=0.6, alpha=0.35)
    log.plot(step[later], smooth(wasserstein[later]), color=REAL, label="wasserstein, mean of 100 steps")
    log.plot(step[later], smooth(penalty[later]), color=FAKE, ls="--", label="gradient_penalty")
    log.axhline(0, color=PALE, lw=1)
    log.annotate(
        f"up to {wasserstein.max():.0f} in the first {FIRST} steps", (FIRST / 2, TOP), (130, TOP - 0.15), va="center",
        arrowprops={"arrowstyle": "->", "color": PALE},
    )  # fmt: skip
    log.set(ylim=(-0.4, TOP), ylabel="the log", title="digits_dcgan: the critic sees more, and there is less to see")
    log.legend(loc="lower right")
    measured = ~np.isnan(distance)
    evaluations.plot(step[measured], distance[measured], color=DARK, marker="o", ms=3, label="distance of the samples")
    evaluations.axhline(series["real_baseline"], color=PALE, ls=":", label="distance of other real digits")
    evaluations.set(yscale="log", xlabel="step", ylabel="the evaluations", ylim=(1.4, 27))
    evaluations.set_yticks([2, 5, 10, 20], ["2", "5", "10", "20"])
    evaluations.minorticks_off()
    evaluations.legend()
    where = f"{series['machine']}, torch {series['versions']['torch']}, {series['date']}"
    figure.supxlabel(where, fontsize=8, color="0.3")
    return figure


def smooth(values: np.ndarray, over: int = 10) -> np.ndarray:
    """Return the running mean over `over` values."""
    sums = np.cumsum(np.concatenate([[0.0], values]))
    first = np.maximum(np.arange(len(values)) + 1 - over, 0)
    return (sums[1:] - sums[first]) / (np.arange(len(values)) + 1 - first)


if __name__ == "__main__":
    write(draw, __file__)
