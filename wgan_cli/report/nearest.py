"""Samples of a run beside the training images that are most like them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from wgan_cli.errors import WganError
from wgan_cli.evaluation.evaluate import Reference, generated_images, make_reference
from wgan_cli.evaluation.paired_images import pairs_grid
from wgan_cli.outputs.grid import as_picture
from wgan_cli.outputs.sampling import load_generator
from wgan_cli.report.pictures import Nearest, encoded

SAMPLES = 1000  # among which the most alike are looked for
SHOWN, IN_A_ROW = 24, 6
QUALITY = 95


def find_nearest(
    run: Path, data_root: Path, device: torch.device, log: Callable[[str], None], reference: Reference | None = None
) -> Nearest:
    """The samples of a run's generator, the best one if it has one, that are nearest to a training image.

    Args:
        reference: the real images, where they are at hand already; else they are read, and their features made, which
            takes a minute or two the first time.
    Raises: WganError where the generator or the images cannot be had, or it makes images of images.
    """
    generator, checkpoint = load_generator(run, device)
    recipe = checkpoint.recipe
    if recipe.translates:
        raise WganError(
            f"{run} translates images, so none of its training images is copied", "leave out --nearest for it"
        )
    if reference is None:
        reference = make_reference(recipe.data, data_root, device, log, SAMPLES)
    images, _ = generated_images(generator, recipe, checkpoint.image, SAMPLES)
    picture = encoded(as_picture(pairs_grid(images, reference, SHOWN, IN_A_ROW)), QUALITY)
    words = (
        f"Of {SAMPLES:,} samples of {checkpoint.source}, the {SHOWN} nearest to a training image, each with that image "
        f"at its right; looked for among {len(reference.training):,} images of {reference.real.training.name}, in the "
        f"features of {reference.features.what}"
    )
    return Nearest(picture, words)
