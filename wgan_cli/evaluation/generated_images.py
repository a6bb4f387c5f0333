"""Generated images to evaluate, in the classes that the training images suggest."""

import numpy as np
import torch
from torch import Tensor, nn

from wgan_cli.evaluation.real_images import Selection
from wgan_cli.outputs.sampling import generate, images_at_once
from wgan_cli.recipe import Recipe

NEARLY_EQUAL = 1.5  # times the images of the smallest class that the largest may have


def images_to_evaluate(
    generator: nn.Module, recipe: Recipe, training: Selection, z: np.ndarray, batch_size: int | None = None
) -> tuple[Tensor, Tensor | None]:
    """Generate an image from each latent vector (N, latent_dim), on the CPU.

    Returns: (N, C, H, W) stored as the training images, and labels (N,) of a conditional generator.
    """
    labels, dataset = labels_like(training, len(z)) if recipe.model.conditional else None, training.dataset
    batches = generate(generator, z, batch_size or images_at_once(dataset.shape), labels, dataset.images.dtype)
    return torch.cat(list(batches)), None if labels is None else torch.from_numpy(labels)


def labels_like(training: Selection, count: int) -> np.ndarray:
    """Return labels (count,) int64 for images that are compared with training images.

    All classes in turn if they have nearly equal numbers of training images; if the largest has more than 1.5 times
    those of the smallest, each class has its share of the training images, spread evenly.
    """
    counts = np.bincount(training.labels.numpy(), minlength=len(training.dataset.class_names))
    if counts.max() <= NEARLY_EQUAL * counts.min():
        counts = np.ones_like(counts)
    places = np.concatenate([(np.arange(own) + 0.5) / own for own in counts])  # in (0, 1), of the images of each class
    in_turn = np.arange(len(counts)).repeat(counts)[places.argsort(kind="stable")]
    return np.resize(in_turn, count)
