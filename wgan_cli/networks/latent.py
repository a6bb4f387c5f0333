"""Base of generators that start from a latent vector."""

from __future__ import annotations

from torch import Tensor, nn


class LatentGenerator(nn.Module):
    """Generator of images (N, C, H, W) in [-1, 1] from z (N, latent_dim) and optional labels (N,)."""

    def first_weight(self) -> Tensor:
        """Return the weight with which the first layer multiplies z, without the class: (outputs, latent_dim).

        With a style space it is the concatenation of all layers that take w: (outputs, style_dim).
        """
        raise NotImplementedError
