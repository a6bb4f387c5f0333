"""Principal directions of a generator's latent space, computed from its weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from wgan_cli.errors import WganError
from wgan_cli.networks.layers import LatentGenerator


@dataclass(frozen=True)
class Directions:
    """Orthonormal vectors (K, F) float32, the strongest first.

    strengths: ||A n||^2 of each, (K,), descending. total: sum over all F directions.
    """

    vectors: np.ndarray
    strengths: np.ndarray
    total: float

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def shares(self) -> list[float]:
        """Strength of each direction relative to the total; 0 for a layer of zeros."""
        return [float(each / self.total) if self.total else 0.0 for each in self.strengths]

    def moved_by(self, amounts: np.ndarray) -> np.ndarray:
        """Return the first directions weighted by amounts (at most K,) and summed: (F,) float32."""
        return np.asarray(amounts, np.float32) @ self.vectors[: len(amounts)]  # (F,)


def principal_directions(weight: Tensor, count: int) -> Directions:
    """Find the unit vectors n that maximize ||A n||^2 for a layer A x + b (Shen and Zhou 2021, eq. 5).

    They are the eigenvectors of A^T A, with eigenvalues ||A n||^2. The sign makes the largest entry positive.
    weight: A, (outputs, F).
    """
    a = weight.detach().cpu().double()  # (outputs, F)
    values, vectors = torch.linalg.eigh(a.T @ a)  # (F,) ascending, (F, F) in columns
    values, vectors = values.flip(0).clamp(min=0)[:count], vectors.flip(1).T[:count]  # (K,), (K, F)
    largest = vectors.gather(1, vectors.abs().argmax(1, keepdim=True))  # (K, 1)
    vectors = vectors * torch.where(largest < 0, -1.0, 1.0)
    return Directions(vectors.float().numpy(), values.numpy(), float(a.square().sum()))


def directions_of(generator: nn.Module, count: int) -> Directions:
    """Return the strongest directions of a generator's z, or of its w if it has a style space.

    Raises: WganError for a generator without a latent vector.
    """
    if not isinstance(generator, LatentGenerator):
        raise WganError(
            "this generator has no latent vector, so there are no directions to move it in",
            "use a generator that samples from noise",
        )
    return principal_directions(generator.first_weight(), count)
