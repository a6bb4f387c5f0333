"""Generators that start from a vector in which one can move: z, or w where there are styles."""

from __future__ import annotations

from torch import Tensor, nn


class FromLatent(nn.Module):
    """A generator that says how its first layer sees the vector that an image starts from."""

    def first_weight(self) -> Tensor:
        """A of the first layer, A x + b, for the vector x alone, without its class: (outputs, latent_dim).

        With a style space x is w, and A all its views one below the other: (outputs, style_dim).
        """
        raise NotImplementedError
