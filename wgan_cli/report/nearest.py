"""Samples of a run next to their nearest training images."""

from pathlib import Path

import torch

from wgan_cli.errors import WganError
from wgan_cli.evaluation.evaluate import Reference, make_reference, pairs_grid
from wgan_cli.outputs.grid import as_picture
from wgan_cli.outputs.sampling import open_generator, sample_images
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.report.pictures import Nearest, encode_picture
from wgan_cli.utils.format import Log

NUM_SAMPLES = 1000
NUM_PAIRS, PAIRS_PER_ROW = 24, 6
QUALITY = 95


def find_nearest(
    run: Path, data_root: Path, device: torch.device, log: Log, reference: Reference | None = None
) -> Nearest:
    """Find the samples of a run's (best) generator that are nearest to a training image.

    Without a reference, the features of the real images are computed, which takes a minute or two the first time.
    """
    generator, checkpoint = open_generator(run, device)
    recipe = checkpoint.recipe
    if recipe.translates:
        raise WganError(f"--nearest does not apply to {run}: it translates images", "leave out --nearest")
    assert isinstance(recipe.data, DataSettings)
    if reference is None:
        reference = make_reference(recipe.data, data_root, device, log, count=NUM_SAMPLES)
    dtype = reference.training.dataset.images.dtype
    images, _ = sample_images(generator, recipe, checkpoint.image, NUM_SAMPLES, dtype=dtype)
    picture = encode_picture(as_picture(pairs_grid(images, reference, NUM_PAIRS, PAIRS_PER_ROW)), QUALITY)
    caption = (
        f"The {NUM_PAIRS} of {NUM_SAMPLES:,} samples of {checkpoint.source} that are nearest to a training image, each "
        f"left of that image; among {len(reference.training):,} images of {reference.real.training.name}, in the "
        f"features of {reference.features.description}."
    )
    return Nearest(picture, caption)
