"""Random numbers that depend only on a seed and their purpose."""

from collections.abc import Iterable

import numpy as np


def derived_seed(seed: int, *purpose: int | str) -> int:
    """Return a 63-bit seed for one purpose of a run, independent of those for other purposes and seeds."""
    words = [int.from_bytes(part.encode(), "little") if isinstance(part, str) else part for part in purpose]
    return int(np.random.SeedSequence([seed, len(words), *words]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def latent_vectors(seed: int, indices: Iterable[int], latent_dim: int) -> np.ndarray:
    """Draw standard normal z for the image numbers `indices` of a seed: (N, latent_dim) float32.

    Row i depends only on (seed, indices[i]), so an image is the same in any batch, count and order, on any device.
    NumPy's compatibility policy (NEP 19) freezes RandomState and Philox, so later versions draw the same numbers.
    """
    rows = [
        np.random.RandomState(np.random.Philox(key=np.array([seed, index], np.uint64))).standard_normal(latent_dim)
        for index in indices
    ]
    return np.array(rows, np.float32).reshape(-1, latent_dim)
