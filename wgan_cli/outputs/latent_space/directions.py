"""Principal directions of a generator's latent space, computed from its weights, and moves along them."""

import math
import re
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from wgan_cli.errors import WganError
from wgan_cli.networks.layers import LatentGenerator
from wgan_cli.networks.style_space import StyleSpace
from wgan_cli.outputs.latent_space.styles import styles_of
from wgan_cli.outputs.sampling import cycled_labels, sample_latents
from wgan_cli.recipe import ImageShape, Recipe

_NUM_STYLES = 1000  # to estimate the standard deviation of w


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


def spread_along(directions: np.ndarray, generator: nn.Module, recipe: Recipe, image: ImageShape) -> np.ndarray:
    """Return the standard deviation of latent vectors along directions, (K,): 1 for z, measured for w."""
    if not isinstance(generator, StyleSpace):
        return np.ones(len(directions), np.float32)
    z = sample_latents(recipe.model.latent_dim, _NUM_STYLES, seed=0)
    w = styles_of(generator, z, cycled_labels(recipe, image, _NUM_STYLES))
    return (w @ directions.T).std(0)  # (K,)


def parse_moves(text: str) -> dict[int, float]:
    """Parse a list such as 1:2.0,3:-1.5 into amounts in standard deviations by number, from 1. Raises: WganError."""
    moves: dict[int, float] = {}
    for part in text.split(","):
        found = re.fullmatch(r"\s*([1-9]\d{0,5}):([-+]?\d*\.?\d+)\s*", part)
        if found is None or not math.isfinite(amount := float(found[2])):
            raise WganError(
                f"--move: {part.strip()[:40]!r} is not a direction and an amount",
                "example: --move 1:2.0,3:-1.5, in standard deviations",
            )
        moves[int(found[1])] = moves.get(int(found[1]), 0.0) + amount
    return moves


def offset_of(moves: Mapping[int, float], generator: nn.Module, recipe: Recipe, image: ImageShape) -> np.ndarray:
    """Return the sum of moves along the strongest directions: (F,) of z, or of w if there is a style space.

    Args:
        moves: amounts in standard deviations by the number of a direction, from 1.
    Raises: WganError for a direction that doesn't exist.
    """
    directions = directions_of(generator, max(moves))
    if max(moves) > len(directions):
        raise WganError(
            f"--move: there is no direction {max(moves)}", f"directions are 1 (the strongest) to {len(directions)}"
        )
    chosen = directions[[number - 1 for number in moves]]
    amounts = np.array(list(moves.values()), np.float32) * spread_along(chosen, generator, recipe, image)
    return amounts @ chosen
