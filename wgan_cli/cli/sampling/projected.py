"""`wgan project`: latent vectors of images, and a picture of the images next to their projections."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import repeat
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from wgan_cli.cli.sampling.given_images import report_given
from wgan_cli.console import print_message
from wgan_cli.data.files.named_images import named_images
from wgan_cli.data.transforms import input_channels, transformed_pixels
from wgan_cli.errors import ExitStatus, Stopped
from wgan_cli.outputs.latent_space.latents import Latents, write_latents
from wgan_cli.outputs.latent_space.projection import Projection, Projector, are_far
from wgan_cli.outputs.pixel_format import pixel_format
from wgan_cli.outputs.sampling import generate, images_at_once
from wgan_cli.outputs.save_images import save_images
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.runs.checkpoint import Checkpoint
from wgan_cli.utils.format import count_of, log_progress
from wgan_cli.utils.pixels import to_unit_range

MOST_LISTED = 20  # images whose error is printed
MOST_SHOWN = 60  # images in the picture


def project_files(
    projector: Projector, checkpoint: Checkpoint, paths: Sequence[Path], out: Path, picture: Path, scale: int
) -> None:
    """Project images, write their latent vectors and a picture, and print the error of each.

    Args:
        paths: image files or patterns of them, or one folder or archive; `data.transform` is applied to them.
    Raises: WganError. Stopped after Ctrl-C, once the images that are finished by then are written.
    """
    data, image = checkpoint.recipe.data, checkpoint.image
    assert isinstance(data, DataSettings)
    found = named_images(paths, data)
    batch, in_files = images_at_once(image), replace(image, channels=input_channels(image.channels, data.transform))
    with found.container:
        report_given(found, paths, in_files, image.size, "projected")
        read = (transformed_pixels(part, data.transform, found.found.bands) for part in found.batches(in_files, batch))
        names, photos = found.given_names(), torch.cat(list(read))
    projections = _project(projector, photos)
    real, names = photos[: len(projections)], names[: len(projections)]  # (N, C, H, W)
    rows = np.stack([each.point for each in projections])
    labels = None if projections[0].label is None else np.array([each.label for each in projections], np.int64)
    made = torch.cat(list(generate(projector.network, rows, batch, labels, real.dtype)))
    errors = (to_unit_range(made) - to_unit_range(real)).square().flatten(1).mean(1).sqrt().numpy() / 2
    latents = Latents(rows, "w" if projector.is_styled else "z", labels, checkpoint.checksum)
    write_latents(latents, out, names=np.array(names), errors=errors)
    pairs = torch.stack([real, made], 1)[:MOST_SHOWN].flatten(0, 1)  # (2 * shown, C, H, W)
    form = pixel_format("8", data, image.channels, str(picture))
    save_images(iter([pairs]), len(pairs), str(picture), columns=2 * min(5, len(real)), scale=scale, form=form)
    for name, error, each in list(zip(names, errors, projections, strict=True))[:MOST_LISTED]:
        class_ = "" if each.label is None else f", class {checkpoint.class_names[each.label]}"
        print_message(f"{name}: root mean square error {error:.4f} for pixels from 0 to 1{class_}")
    if far := [name for name, each in zip(names, are_far(errors, to_unit_range(real)), strict=True) if each]:
        more = f" and {len(far) - MOST_LISTED:,} more" if len(far) > MOST_LISTED else ""
        shown = f"{', '.join(far[:MOST_LISTED])}{more}"
        print_message(f"note: {shown}: far from what this generator draws; are the colors inverted?")
    print_message(
        f"{count_of(len(real), 'image')} projected into {latents.space} of {checkpoint.source}, mean error "
        f"{errors.mean():.4f}: {out}, {picture}"
    )
    if len(real) < len(photos):
        print_message(f"interrupted: {len(real):,} of {count_of(len(photos), 'image')} are projected")
        raise Stopped(ExitStatus.INTERRUPTED)


def _project(projector: Projector, photos: Tensor) -> list[Projection]:
    """Project images (N, C, H, W). Ctrl-C returns those that are finished, if there are any."""
    total, projections = projector.steps * len(photos), list[Projection]()
    ticks = log_progress(repeat(None, total), total, "projected", print_message, unit="steps")
    try:
        for photo in photos:
            projections.append(projector.project(photo, ticks))
    except KeyboardInterrupt:
        if not projections:
            raise
    return projections
