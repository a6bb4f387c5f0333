"""Samples of a run next to real images: the nearest training images, and power spectra."""

from pathlib import Path

import torch
from torch import Tensor

from wgan_cli.errors import WganError
from wgan_cli.evaluation.evaluate import Reference, make_reference, pairs_grid
from wgan_cli.evaluation.generated_images import images_to_evaluate
from wgan_cli.evaluation.real_images import training_images
from wgan_cli.evaluation.spectrum import Peak, frequency_radius, mean_power, peak, radial_mean
from wgan_cli.outputs.curves import Curve, Panel
from wgan_cli.outputs.grid import as_picture
from wgan_cli.outputs.sampling import open_generator, sample_latents
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.report.pictures import RealComparison, encode_picture
from wgan_cli.utils.format import Log

NUM_SAMPLES = 1000
NUM_PAIRS, PAIRS_PER_ROW = 24, 6
QUALITY = 95


def compare_with_real_images(
    run: Path, data_root: Path, device: torch.device, log: Log, reference: Reference | None = None
) -> RealComparison:
    """Find the samples of a run's (best) generator that are nearest to a training image, and measure power spectra.

    As many samples as the reference is for. Without one, 1,000, and the features of the real images are computed, which
    takes a minute or two the first time.
    """
    generator, checkpoint = open_generator(run, device)
    recipe = checkpoint.recipe
    if recipe.translates:
        raise WganError(f"--nearest does not apply to {run}: it translates images", "leave out --nearest")
    assert isinstance(recipe.data, DataSettings)
    if reference is None:
        dataset = training_images(recipe, checkpoint, str(run), data_root, log)
        reference = make_reference(recipe.data, data_root, device, log, count=NUM_SAMPLES, dataset=dataset)
    z = sample_latents(recipe.model.latent_dim, reference.count, 0)
    images, _ = images_to_evaluate(generator, recipe, reference.real.training, z)
    power = mean_power([images], reference.bands)
    highest = peak(power, reference.power)
    return RealComparison(
        pairs=encode_picture(as_picture(pairs_grid(images, reference, NUM_PAIRS, PAIRS_PER_ROW)), QUALITY),
        pairs_caption=f"The {NUM_PAIRS} of {reference.count:,} samples of {checkpoint.source} that are nearest to a "
        f"training image, each left of that image; among {len(reference.training):,} images of "
        f"{reference.real.training.name}, in the features of {reference.features.description}.",
        spectra=spectra_panel(power, reference.power, checkpoint.image.width, highest),
        spectra_caption=f"Mean power of {reference.count:,} samples in squared gray levels, over the frequency in "
        f"cycles per shorter side. Dots: samples have {highest.text} per image, the largest ratio.",
    )


def spectra_panel(generated: Tensor, real: Tensor, width: int, highest: Peak) -> Panel:
    """Return the spectra (H, W//2+1) of samples and real images, averaged over directions, and points at a peak."""
    f_y, f_x = highest.frequency
    radius = round(frequency_radius(len(real), width)[f_y, f_x].item())
    curves = []
    for label, power, color in (("samples", generated, 0), ("real images", real, None)):
        cycles, mean = radial_mean(power, width)
        curves += [
            Curve(label, cycles.tolist(), mean.tolist(), color=color),
            Curve(f"{label} at ({f_y}, {f_x})", [radius], [power[f_y, f_x].item()], color=color),
        ]
    return Panel("power spectra", tuple(curves), log_scale=True)
