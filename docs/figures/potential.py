"""The optimal critic between two one-dimensional densities, and the optimum under a finite penalty."""

from __future__ import annotations

import numpy as np
from line import STEP, cdf, p, penalised, potential, q, x
from matplotlib.figure import Figure
from style import DARK, FAKE, PALE, REAL, THIRD, new_figure, write


def draw(quick: bool = False) -> Figure:
    """Draw the densities, the difference of distribution functions, and the critics."""
    figure = new_figure(5.2)
    densities, balance, critic = figure.subplots(3, 1, sharex=True, height_ratios=[3, 2, 4])
    densities.plot(x, p, color=REAL, label="$p_r$, real")
    densities.plot(x, q, color=FAKE, ls="--", label="$p_g$, samples")
    densities.fill_between(x, p, color=REAL, alpha=0.2, lw=0)
    densities.fill_between(x, q, color=FAKE, alpha=0.2, lw=0)
    densities.set(ylabel="density", ylim=(0, None), xlim=(-3.2, 3.2))
    densities.legend(loc="upper right")

    surplus = cdf(q) - cdf(p)
    balance.plot(x, surplus, color=DARK)
    balance.fill_between(x, surplus, color="0.85", lw=0)
    balance.axhline(0, color=PALE, lw=1)
    balance.set(ylabel="$F_g-F_r$")

    critics = {
        r"$f^\star$, slopes $\pm 1$": (potential(), DARK, "-"),
        r"penalised, $\lambda=10$": (penalised(10.0), THIRD, "--"),
        r"penalised, $\lambda=1$": (penalised(1.0), THIRD, ":"),
    }
    for name, (f, color, line) in critics.items():
        critic.plot(x, f, color=color, ls=line, label=f"{name}: sees {((p - q) * f).sum() * STEP:.3f}")
    critic.set(xlabel="$x$", ylabel="the critic", ylim=(-1.6, 4.6))
    critic.legend(loc="upper right")
    for axes in (densities, balance, critic):
        axes.axvline(x[np.argmin(np.where(np.abs(x) < 2, np.abs(surplus), 1))], color=PALE, lw=1, ls=":")
    return figure


if __name__ == "__main__":
    write(draw, __file__)
