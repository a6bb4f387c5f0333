"""`wgan sample`: images of latent vectors, walks between them, or mixed styles."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from wgan_cli.cli.sampling.output import Output
from wgan_cli.cli.sampling.requirements import check_style_options, chosen_classes
from wgan_cli.console import print_message
from wgan_cli.errors import WganError
from wgan_cli.outputs.latent_space.directions import offset_of, parse_moves
from wgan_cli.outputs.latent_space.latents import LatentChoice, Latents, check_latents_path, write_latents
from wgan_cli.outputs.latent_space.styles import Drawing, Truncated, draw_mix, draw_styles, draw_walks, shifted
from wgan_cli.outputs.sampling import check_memory_for, cycled_labels, generate
from wgan_cli.outputs.save_images import Labels, save_images
from wgan_cli.runs.checkpoint import Checkpoint
from wgan_cli.utils.format import count_of, log_progress


def sample_noise(
    generator: Any, checkpoint: Checkpoint, choice: LatentChoice, output: Output, *, interpolate: int | None,
    class_: Sequence[str] | None, truncation: float | None, mix: str | None, save_z: Path | None,
    move: Sequence[str] | None,
) -> Path:  # fmt: skip
    """Write images of latent vectors, walks between them or mixed styles, and return the path."""
    classes = chosen_classes(class_, checkpoint)
    check_style_options({"--truncation": truncation, "--mix": mix}, checkpoint)
    moves = None if move is None else parse_moves(",".join(move))
    offset = None if moves is None else offset_of(moves, generator, checkpoint.recipe, checkpoint.image)
    if truncation is not None:
        generator = Truncated(generator, truncation)
    latents = None
    if mix is None:
        latents = _latents(checkpoint, choice, classes)
        if save_z is not None:
            check_latents_path(save_z, latents.space)
        drawing = _draw(generator, latents, choice, interpolate, classes)
    elif choice == LatentChoice(seed=choice.seed) and interpolate is None and save_z is None:
        drawing = draw_mix(generator, checkpoint, mix, choice.seed, classes)
    else:
        others = "-n, --seeds, --from, --save-z or --interpolate"
        raise WganError(f"--mix already selects the images; it cannot be combined with {others}", f"remove {others}")
    if offset is not None:
        drawing = shifted(drawing, offset)
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
    what = f"{count_of(number, 'image')} of {checkpoint.image}{form.describe()}"
    print_message(f"{what} from {checkpoint.source}: {written}")
    if latents is not None and save_z is not None:
        write_latents(latents, save_z)
        print_message(f"their {len(latents.rows):,} latent vectors: {save_z}")
    return written


def _latents(checkpoint: Checkpoint, choice: LatentChoice, classes: list[int] | None) -> Latents:
    """Return the chosen latent vectors, with the class in which each is drawn; without if there are several."""
    latents = choice.draw(checkpoint, default=64 if classes is None or len(classes) == 1 else 10)
    if latents.generator is not None and latents.generator != checkpoint.checksum:
        print_message(f"note: {choice.file} was projected with another generator; images may differ")
    if latents.space == "w":
        if classes is not None:
            raise WganError(f"--class cannot change w of {choice.file}, which includes the class", "remove --class")
        return latents
    labels = latents.labels
    if classes is not None:
        labels = np.full(len(latents.rows), classes[0], np.int64) if len(classes) == 1 else None
    elif labels is None:
        labels = cycled_labels(checkpoint.recipe, checkpoint.image, len(latents.rows))
    return latents._replace(labels=labels)


def _draw(
    generator: Any, latents: Latents, choice: LatentChoice, interpolate: int | None, classes: list[int] | None
) -> Drawing:
    rows, labels, count = latents.rows, latents.labels, len(latents.rows)
    if interpolate is not None and count < 2:
        hint = f"use a file of more than one: {choice.file} contains one" if choice.file else "use -n 2 or more"
        raise WganError(
            "--interpolate needs two or more images", hint if not choice.seeds else "add seeds: --seeds 0-3"
        )
    check_memory_for(count * (interpolate or 1) * len(classes or [0]), rows[0].size)
    if latents.space == "w":
        return draw_styles(generator, rows, labels, interpolate)
    if interpolate is not None:
        return draw_walks(generator, rows, interpolate, labels, classes)
    if classes is None or len(classes) == 1:
        return Drawing(generator, rows, labels, columns=None)
    # Every class gets the same z, so that attributes such as a digit's slant agree in a column of the grid.
    labels = np.repeat(np.array(classes, np.int64), count)
    return Drawing(generator, np.tile(rows, (len(classes), 1)), labels, columns=count)
