"""The directions of a generator's latent space that change its images most, from its weights alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from wgan_cli.errors import WganError
from wgan_cli.networks.latent import LatentGenerator


@dataclass(frozen=True)
class Directions:
    """Unit vectors at right angles to each other, (K, F) float32, the strongest first.

    strengths: ||A n||^2 of each, (K,), falling. total: the sum over all F directions that there are.
    """

    vectors: np.ndarray
    strengths: np.ndarray
    total: float

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def shares(self) -> list[float]:
        """What part each has in all that the layer answers; 0 for a layer of zeros."""
        return [float(each / self.total) if self.total else 0.0 for each in self.strengths]

    def moved_by(self, amounts: np.ndarray) -> np.ndarray:
        """The sum of the first directions, each so many times: (at most K,) -> (F,) float32."""
        return np.asarray(amounts, np.float32) @ self.vectors[: len(amounts)]  # (F,)


def principal_directions(weight: Tensor, most: int) -> Directions:
    """Directions n in which a layer A x + b answers most, argmax ||A n||^2 with ||n|| = 1 (Shen and Zhou 2021, eq. 5).

    They are the eigenvectors of A^T A, and ||A n||^2 their eigenvalues. A vector and its opposite serve alike: of the
    two this is the one whose largest entry is positive.

    Args:
        weight: A, (outputs, F). most: how many to give, at most F.
    """
    a = weight.detach().cpu().double()  # (outputs, F)
    values, vectors = torch.linalg.eigh(a.T @ a)  # (F,) rising, (F, F) in columns
    values, vectors = values.flip(0).clamp(min=0)[:most], vectors.flip(1).T[:most]  # (K,), (K, F)
    largest = vectors.gather(1, vectors.abs().argmax(1, keepdim=True))  # (K, 1)
    vectors = vectors * torch.where(largest < 0, -1.0, 1.0)
    return Directions(vectors.float().numpy(), values.numpy(), float(a.square().sum()))


def directions_of(generator: nn.Module, most: int) -> Directions:
    """The strongest directions of a generator's z, or of its w where it has styles.

    Raises: WganError for one that starts from no vector.
    """
    if not isinstance(generator, LatentGenerator):
        raise WganError(
            "this generator starts from no latent vector, so there are no directions to move it in",
            "take one that makes images from noise",
        )
    return principal_directions(generator.first_weight(), most)
