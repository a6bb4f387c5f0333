"""KL, JS and W1 of two parallel segments and of two Gaussians against their distance, with slopes.

The segments are example 1 of Arjovsky et al. 2017. The Gaussians have sigma = 1.
"""

from __future__ import annotations

import math

import numpy as np
from matplotlib.figure import Figure
from style import DARK, FAKE, PALE, REAL, THIRD, new_figure, write

LOG2 = math.log(2)


def js_of_gaussians(theta: np.ndarray) -> np.ndarray:
    """Return JS of N(0, 1) and N(theta, 1), summed over a fine grid."""
    x = np.linspace(-12, 12 + np.abs(theta).max(), 6001)
    p = np.exp(-(x**2) / 2)
    q = np.exp(-((x - theta[:, None]) ** 2) / 2)
    scale = math.sqrt(2 * math.pi)
    share = np.logaddexp(-(x**2) / 2, -((x - theta[:, None]) ** 2) / 2) - LOG2  # log of the mean of the two
    terms = p * (-(x**2) / 2 - share) + q * (-((x - theta[:, None]) ** 2) / 2 - share)
    return terms.sum(1) * (x[1] - x[0]) / (2 * scale)


def draw(quick: bool = False) -> Figure:
    """Draw segments (left) and Gaussians (right); values above, slopes below."""
    figure = new_figure(4.6)
    (segments, gaussians), (flat, slopes) = figure.subplots(2, 2, sharex="col", height_ratios=[3, 2])

    theta = np.linspace(-2, 2, 401)
    segments.plot(theta, np.abs(theta), color=REAL)
    segments.text(-1.1, 1.32, r"$W_1=|\theta|$", color=REAL)
    segments.plot([-2, 0, np.nan, 0, 2], [LOG2, LOG2, np.nan, LOG2, LOG2], color=FAKE, ls="--")
    segments.text(1.95, LOG2 + 0.07, r"JS $=\log 2$", color=FAKE, ha="right")
    segments.plot([0], [LOG2], "o", ms=5, mfc="white", color=FAKE)
    segments.plot([0], [0], "o", ms=5, color=DARK)
    segments.annotate("all three are 0 here", (0, 0), (0.45, 0.0), arrowprops={"arrowstyle": "-", "color": PALE})
    segments.text(0, 2.08, r"KL $=\infty$ for any $\theta\neq 0$", color=THIRD, ha="center")
    segments.set(ylim=(-0.1, 2.3), ylabel="distance", title=r"Two parallel segments, $\theta$ apart")
    flat.plot([-2, 0, np.nan, 0, 2], [-1, -1, np.nan, 1, 1], color=REAL)
    flat.plot([-2, 2], [0, 0], color=FAKE, ls="--")
    flat.set(ylim=(-1.4, 1.4), ylabel=r"slope in $\theta$", xlabel=r"$\theta$")
    flat.text(-1.95, 0.15, "JS: none to follow", color=FAKE)

    theta = np.linspace(0, 6, 61 if quick else 241)
    js, kl = js_of_gaussians(theta), theta**2 / 2
    gaussians.plot(theta, theta, color=REAL)
    gaussians.text(4.75, 4.1, r"$W_1=|\theta|$", color=REAL)
    gaussians.plot(theta, js, color=FAKE, ls="--")
    gaussians.text(2.1, 0.85, "JS", color=FAKE)
    gaussians.plot(theta, kl, color=THIRD, ls="-.")
    gaussians.text(2.85, 5.4, r"KL $=\theta^2/2\sigma^2$", color=THIRD, ha="right")
    gaussians.axhline(LOG2, color=PALE, lw=1, ls=":")
    gaussians.text(6, LOG2 + 0.12, r"$\log 2$", ha="right")
    gaussians.set(ylim=(-0.2, 6.2), title=r"Two gaussians, $\theta$ apart, $\sigma=1$")
    slopes.plot(theta, np.ones_like(theta), color=REAL)
    slopes.plot(theta, np.gradient(js, theta), color=FAKE, ls="--")
    slopes.plot(theta, theta, color=THIRD, ls="-.")
    slopes.set(ylim=(-0.1, 1.6), xlabel=r"$\theta$")
    return figure


if __name__ == "__main__":
    write(draw, __file__)
