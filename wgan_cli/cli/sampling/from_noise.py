"""`wgan sample`: images of latent vectors, walks between them, or mixed styles."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from wgan_cli.cli.sampling.output import Output
from wgan_cli.console import print_message
from wgan_cli.errors import WganError
from wgan_cli.outputs.latents import Latents, write_latents
from wgan_cli.outputs.sampling import check_memory_for, cycled_labels, generate, parse_classes
from wgan_cli.outputs.save_images import Labels, save_images
from wgan_cli.outputs.styles import Drawing, Truncated, draw_mix, draw_walks
from wgan_cli.runs.checkpoint import Checkpoint
from wgan_cli.utils.format import log_progress


def sample_noise(
    generator: Any, checkpoint: Checkpoint, latents: Latents, output: Output, *, interpolate: int | None,
    class_: Sequence[str] | None, truncation: float | None, mix: str | None, save_z: Path | None,
) -> Path:  # fmt: skip
    """Write images of latent vectors, walks between them or mixed styles, and return the path."""
    model = checkpoint.recipe.model
    if class_ is not None and not model.conditional:
        hint = "remove --class, or train with --set model.conditional=true"
        raise WganError("--class needs a conditional generator", hint)
    for option, value in {"--truncation": truncation, "--mix": mix}.items():
        if value is not None and not model.has_style_space:
            raise WganError(
                f"{option} needs a style space, which {model.name} does not have",
                f"remove {option}, or train a style-based generator such as mnist_style",
            )
    classes = None if class_ is None else parse_classes(class_, checkpoint.class_names)
    if truncation is not None:
        generator = Truncated(generator, truncation)
    if mix is None:
        drawing = _draw(generator, checkpoint, latents, interpolate, classes, save_z)
    elif latents == Latents(seed=latents.seed) and interpolate is None and save_z is None:
        drawing = draw_mix(generator, checkpoint, mix, latents.seed, classes)
    else:
        others = "-n, --seeds, --z, --save-z or --interpolate"
        raise WganError(f"--mix already selects the images; it cannot be combined with {others}", f"remove {others}")
    number = len(drawing.inputs)
    labels = None
    if drawing.labels is not None:
        labels = Labels(drawing.labels, checkpoint.class_names, subfolders=classes is not None and len(classes) > 1)
    form = output.pixel_format(checkpoint.recipe.data, checkpoint.image.channels)
    dtype, batch = torch.float32 if form.is_deep else torch.uint8, output.batch_size(checkpoint.image)
    images = log_progress(
        generate(drawing.network, drawing.inputs, batch, drawing.labels, dtype), -(-number // batch),
        "generated", print_message, unit="batches",
    )  # fmt: skip
    columns = output.columns(number, drawing.columns)
    written = save_images(images, number, output.path, columns=columns, labels=labels, scale=output.scale, form=form)
    what = f"{number:,} images of {checkpoint.image}{form.describe()}"
    print_message(f"{what} from {checkpoint.source}: {written}")
    return written


def _draw(
    generator: nn.Module, checkpoint: Checkpoint, latents: Latents, interpolate: int | None,
    classes: list[int] | None, save_z: Path | None,
) -> Drawing:  # fmt: skip
    several = classes is not None and len(classes) > 1
    z = latents.draw(checkpoint.recipe, default=10 if several else 64)  # (N, latent_dim)
    count = len(z)
    check_memory_for(count * (interpolate or 1) * len(classes or [0]), z.shape[1])
    if save_z is not None:
        write_latents(z, save_z)
        print_message(f"their {count:,} latent vectors: {save_z}")
    if interpolate is not None:
        return draw_walks(generator, checkpoint, z, interpolate, classes)
    if classes is None:
        return Drawing(generator, z, cycled_labels(checkpoint.recipe, checkpoint.image, count), columns=None)
    # Every class gets the same z, so that attributes such as a digit's slant agree in a column of the grid.
    labels = np.repeat(np.array(classes, np.int64), count)
    return Drawing(generator, np.tile(z, (len(classes), 1)), labels, columns=count if several else None)
