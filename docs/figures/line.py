"""Two densities on a line, as numbers on one fine grid, and all that follows from them without any training."""

from __future__ import annotations

import numpy as np

x = np.linspace(-4.0, 4.0, 4001)
STEP = x[1] - x[0]


Parts = tuple[tuple[float, float, float], ...]
REAL: Parts = ((0.55, -1.6, 0.45), (0.45, 1.7, 0.5))  # two modes, each share, mean and deviation
FAKE: Parts = ((1.0, 0.4, 0.9),)  # one, between them


def bumps(parts: Parts) -> np.ndarray:
    """The density of a mixture of gaussians (share, mean, deviation) on the grid, whose sum times STEP is 1."""
    values = sum(share * np.exp(-(((x - mean) / deviation) ** 2) / 2) / deviation for share, mean, deviation in parts)
    return values / (values.sum() * STEP)


p, q = bumps(REAL), bumps(FAKE)


def cdf(density: np.ndarray) -> np.ndarray:
    """The share of the mass to the left of each point of the grid."""
    return np.cumsum(density) * STEP


def quantile(density: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """The points that have such shares of the mass to their left."""
    return np.interp(shares, cdf(density), x)


def distance() -> float:
    """W1 of p and q: the area between their distribution functions."""
    return float(np.abs(cdf(p) - cdf(q)).sum() * STEP)


def potential() -> np.ndarray:
    """The best 1-Lipschitz f on the grid: slope 1 where more of q than of p lies to the left, else -1."""
    return climb(np.sign(cdf(q) - cdf(p)))


def places() -> np.ndarray:
    """The density of the penalty's places eps*real + (1-eps)*fake, eps ~ U[0,1], of independent pairs."""
    mixtures = (
        [
            (a * b, eps * m + (1 - eps) * n, np.hypot(eps * s, (1 - eps) * t))
            for a, m, s in REAL
            for b, n, t in FAKE
        ]
        for eps in np.linspace(0.0025, 0.9975, 200)
    )  # fmt: skip
    return np.mean([bumps(mixture) for mixture in mixtures], axis=0)


def penalised(weight: float) -> np.ndarray:
    """The best critic of Gulrajani et al. 2017, eq. 3, on the grid: slopes sign(G) (1 + |G| / (2 weight places)).

    G = F_fake - F_real. The sum of slopes * G - weight * places * (|slopes| - 1)^2 is at its top at every point.
    """
    surplus = cdf(q) - cdf(p)
    return climb(np.sign(surplus) + surplus / (2 * weight * np.maximum(places(), 1e-12)))


def climb(slopes: np.ndarray) -> np.ndarray:
    """The function on the grid that has these slopes, and the mean 0 over the samples."""
    f = np.concatenate([[0.0], np.cumsum(slopes[:-1]) * STEP])
    return f - (q * f).sum() * STEP
