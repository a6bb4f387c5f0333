"""The optimal plan between two one-dimensional densities, and W1 as the area between their distribution functions."""

from __future__ import annotations

import numpy as np
from line import cdf, distance, p, q, quantile, x
from matplotlib.figure import Figure
from style import DARK, FAKE, PALE, REAL, new_figure, plain, write


def draw(quick: bool = False) -> Figure:
    """Draw the plan with its marginals (left) and the distribution functions (right)."""
    figure = new_figure(3.7)
    left, right = figure.subfigures(1, 2, width_ratios=[1, 1.1])
    panels = left.subplots(2, 2, width_ratios=[4, 1], height_ratios=[1, 4], sharex="col", sharey="row")
    (top, corner), (plan, side) = panels
    corner.set_visible(False)
    u = np.linspace(0, 1, 402)[1:-1]
    plan.plot([x[0], x[-1]], [x[0], x[-1]], color=PALE, lw=1, ls=":")
    plan.plot(quantile(p, u), quantile(q, u), color=DARK)
    for share in (0.1, 0.3, 0.5, 0.7, 0.9):
        a, b = quantile(p, np.array([share]))[0], quantile(q, np.array([share]))[0]
        plan.plot([a, a, x[-1]], [x[-1], b, b], color=PALE, lw=0.8)
        plan.plot([a], [b], "o", ms=4, color=DARK)
    plan.set(xlabel="a real point $x$", ylabel="its sample $y$", xlim=(x[0], x[-1]), ylim=(x[0], x[-1]))
    top.fill_between(x, p, color=REAL, alpha=0.35, lw=0)
    top.plot(x, p, color=REAL)
    side.fill_betweenx(x, q, color=FAKE, alpha=0.35, lw=0)
    side.plot(q, x, color=FAKE)
    for axes in (top, side):
        plain(axes)
        axes.spines[["left", "bottom"]].set_visible(False)
    top.set_title("the plan: quantile to quantile")

    axes = right.subplots()
    axes.plot(x, cdf(p), color=REAL, label="$F_r$, real")
    axes.plot(x, cdf(q), color=FAKE, ls="--", label="$F_g$, samples")
    axes.fill_between(x, cdf(p), cdf(q), color="0.85", lw=0)
    axes.set(xlabel="$x$", ylabel="share of the mass to the left", title=f"$W_1$ is the grey area: {distance():.3f}")
    axes.legend(loc="upper left")
    return figure


if __name__ == "__main__":
    write(draw, __file__)
