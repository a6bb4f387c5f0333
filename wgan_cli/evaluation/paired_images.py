"""Has the generator learnt its images by heart? The pairs to look at."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from wgan_cli.evaluation.evaluate import Reference
from wgan_cli.evaluation.features import BATCH
from wgan_cli.evaluation.scores import nearest
from wgan_cli.outputs.grid import grid_tensor, save_picture

PAIRS = 40
IN_A_ROW = 8


def nearest_pairs(images: Tensor, reference: Reference, count: int = PAIRS) -> Tensor:
    """The generated images nearest to a training image, each on the left of it, the nearest first.

    Nearest in the features, where a shifted copy is near as well.

    Args:
        images: (N, C, H, W) uint8.
    Returns: (count or N, C, H, 2 W) uint8.
    """
    features, _ = reference.features.of(images.split(BATCH))
    distances, numbers = nearest(features, reference.training_features)
    chosen = distances.argsort()[:count]
    training = reference.training
    copied = training.dataset.images[training.indices[numbers[chosen]]]
    return torch.cat([images[chosen], copied], dim=3)


def pairs_grid(images: Tensor, reference: Reference, count: int = PAIRS, columns: int = IN_A_ROW) -> Tensor:
    """The pairs in one picture, (C', H', W') uint8."""
    framed = F.pad(nearest_pairs(images, reference, count), (1, 1, 1, 1), value=128)  # one sees which belong together
    return grid_tensor(framed, columns)


def save_pairs(images: Tensor, reference: Reference, path: Path) -> int:
    """Write the pairs as one picture; returns how many there are.

    Raises: WganError where the path is no picture's, or the file system refuses.
    """
    save_picture(pairs_grid(images, reference), path)
    return min(PAIRS, len(images))
