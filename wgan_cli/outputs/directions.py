"""Principal directions of a generator's latent space, computed from its weights."""

import numpy as np
import torch
from torch import Tensor, nn

from wgan_cli.errors import WganError
from wgan_cli.networks.layers import LatentGenerator


def principal_directions(weight: Tensor, count: int) -> np.ndarray:
    """Find the unit vectors n that maximize ||A n||^2 for a layer A x + b (Shen and Zhou 2021, eq. 5).

    They are the eigenvectors of A^T A, with eigenvalues ||A n||^2. The sign makes the largest entry positive.

    Args:
        weight: A, (outputs, F).
    Returns: orthonormal vectors, the strongest first: (K, F) float32.
    """
    a = weight.detach().cpu().double()  # (outputs, F)
    _, ascending = torch.linalg.eigh(a.T @ a)  # (F, F) in columns
    vectors = ascending.flip(1).T[:count]  # (K, F)
    largest = vectors.gather(1, vectors.abs().argmax(1, keepdim=True))  # (K, 1)
    return (vectors * torch.where(largest < 0, -1.0, 1.0)).float().numpy()


def directions_of(generator: nn.Module, count: int) -> np.ndarray:
    """Return the strongest directions (K, F) of a generator's z, or of its w if it has a style space.

    Raises: WganError for a generator without a latent vector.
    """
    if not isinstance(generator, LatentGenerator):
        raise WganError(
            "this generator has no latent vector, so there are no directions to move it in",
            "use a generator that samples from noise",
        )
    return principal_directions(generator.first_weight(), count)
