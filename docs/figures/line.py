"""Two densities on a line, discretized on one fine grid, and closed forms that follow from them."""

from __future__ import annotations

import numpy as np

x = np.linspace(-4.0, 4.0, 4001)
STEP = x[1] - x[0]


Parts = tuple[tuple[float, float, float], ...]
REAL: Parts = ((0.55, -1.6, 0.45), (0.45, 1.7, 0.5))  # two modes, each share, mean and deviation
FAKE: Parts = ((1.0, 0.4, 0.9),)  # one, between them


def bumps(parts: Parts) -> np.ndarray:
    """Return the density of a mixture of Gaussians (share, mean, deviation); it sums to 1 / STEP."""
    values = sum(share * np.exp(-(((x - mean) / deviation) ** 2) / 2) / deviation for share, mean, deviation in parts)
    return values / (values.sum() * STEP)


p, q = bumps(REAL), bumps(FAKE)


def cdf(density: np.ndarray) -> np.ndarray:
    """Return the distribution function on the grid."""
    return np.cumsum(density) * STEP


def quantile(density: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Return the quantile function at the given shares."""
    return np.interp(shares, cdf(density), x)


def distance() -> float:
    """Return W1 of p and q: the area between their distribution functions."""
    return float(np.abs(cdf(p) - cdf(q)).sum() * STEP)


def potential() -> np.ndarray:
    """Return the optimal 1-Lipschitz f: slope 1 where more of q than of p lies to the left, else -1."""
    return climb(np.sign(cdf(q) - cdf(p)))


def places() -> np.ndarray:
    """Return the density of eps*real + (1-eps)*fake, eps ~ U[0,1], for independent pairs."""
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
    """Return the optimal critic of Gulrajani et al. 2017, eq. 3: slopes sign(G) (1 + |G| / (2 weight places)).

    G = F_fake - F_real; the slopes maximize slopes * G - weight * places * (|slopes| - 1)^2 pointwise.
    """
    surplus = cdf(q) - cdf(p)
    return climb(np.sign(surplus) + surplus / (2 * weight * np.maximum(places(), 1e-12)))


def climb(slopes: np.ndarray) -> np.ndarray:
    """Integrate slopes to a function with mean 0 over the samples."""
    f = np.concatenate([[0.0], np.cumsum(slopes[:-1]) * STEP])
    return f - (q * f).sum() * STEP
