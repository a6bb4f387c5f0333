"""Looping walks through latent space, as grids in which each cell follows its own path."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from wgan_cli.outputs.animation import Frame
from wgan_cli.outputs.grid import as_picture, grid_tensor
from wgan_cli.outputs.latent_space.styles import walk, walker
from wgan_cli.outputs.sampling import (
    check_memory_for,
    check_memory_to_walk,
    cycled_labels,
    generate,
    images_at_once,
)
from wgan_cli.runs.checkpoint import Checkpoint
from wgan_cli.utils.pixels import preview
from wgan_cli.utils.seeds import latent_vectors
from wgan_cli.utils.transparency import composited


def random_ends(latent_dim: int, seed: int, cells: int, count: int) -> np.ndarray:
    """Draw the ends of two to four legs, fewer for a short walk of `count` frames: (legs, cells, latent_dim)."""
    legs = max(2, min(4, count // 8))
    return latent_vectors(seed, range(cells * legs), latent_dim).reshape(cells, legs, latent_dim).swapaxes(0, 1)


def ends_of_seeds(latent_dim: int, seeds: Sequence[int], cells: int) -> np.ndarray:
    """Return images 0 to cells-1 of each seed, those of `wgan sample --seed`: (seeds, cells, latent_dim)."""
    check_memory_for(len(seeds) * cells, latent_dim)
    return np.stack([latent_vectors(seed, range(cells), latent_dim) for seed in seeds])


def walk_frames(
    generator: nn.Module,
    checkpoint: Checkpoint,
    ends: np.ndarray,
    count: int,
    columns: int,
    classes: Sequence[int] | None = None,
) -> list[Frame]:
    """Render a looping walk through latent space (style space if there is one) as grids.

    Each cell has its own closed path, and keeps its class.

    Args:
        ends: latent vectors that each cell passes, (legs, cells, latent_dim).
        count: number of frames, rounded down to whole legs, or one per leg.
        classes: of the cells, repeated as needed; all classes in turn if None.
    """
    legs, cells, _ = ends.shape
    frames_per_leg = max(1, count // legs)
    check_memory_to_walk(frames_per_leg * legs, cells, ends.shape[2], checkpoint.image)
    labels = cycled_labels(checkpoint.recipe, checkpoint.image, cells)
    if classes is not None:
        labels = np.resize(np.array(classes, np.int64), cells)
    leg_labels = [None if labels is None else np.repeat(labels[cell], legs) for cell in range(cells)]
    paths = [
        walk(generator, own_ends, frames_per_leg, closed=True, labels=own_labels)
        for own_ends, own_labels in zip(ends.swapaxes(0, 1), leg_labels, strict=True)
    ]
    walks = np.stack(paths, axis=1)  # (frames, cells, features)
    all_labels = None if labels is None else np.tile(labels, len(walks))
    points, batch = walks.reshape(-1, walks.shape[-1]), images_at_once(checkpoint.image)
    images = torch.cat(list(generate(walker(generator), points, batch, all_labels)))
    images = preview(images, checkpoint.recipe.data.preview_channels)
    per_frame = images.unflatten(0, (len(walks), cells))  # (frames, cells, C, H, W)
    return [Frame(composited(as_picture(grid_tensor(grid, columns)))) for grid in per_frame]
