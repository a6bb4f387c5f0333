"""Memorization check: generated images next to their nearest training images."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from wgan_cli.evaluation.evaluate import Reference
from wgan_cli.evaluation.features import BATCH
from wgan_cli.evaluation.manifold import nearest
from wgan_cli.outputs.grid import grid_tensor, save_picture

PAIRS = 40
COLUMNS = 8


def nearest_pairs(images: Tensor, reference: Reference, count: int = PAIRS) -> Tensor:
    """Return the images closest to a training image in feature space, each left of it, the closest first.

    In feature space a shifted copy is close too.

    Args:
        images: (N, C, H, W) uint8.
    Returns: (min(count, N), C, H, 2 W) uint8.
    """
    features, _ = reference.features.of(images.split(BATCH))
    distances, numbers = nearest(features, reference.training_features)
    chosen = distances.argsort()[:count]
    training = reference.training
    copied = training.dataset.images.index_select(0, training.indices[numbers[chosen]])
    return torch.cat([images[chosen], copied], dim=3)


def pairs_grid(images: Tensor, reference: Reference, count: int = PAIRS, columns: int = COLUMNS) -> Tensor:
    """Return the nearest pairs as one grid (C', H', W') uint8; a frame around each pair sets it apart."""
    return grid_tensor(F.pad(nearest_pairs(images, reference, count), (1, 1, 1, 1), value=128), columns)


def save_pairs(images: Tensor, reference: Reference, path: Path) -> int:
    """Save the nearest pairs as an image file and return their number.

    Raises: WganError if the path has no image suffix, or cannot be written.
    """
    save_picture(pairs_grid(images, reference), path)
    return min(PAIRS, len(images))
