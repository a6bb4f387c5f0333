"""`wgan sample --translate`: images of a folder or archive, translated."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from wgan_cli.cli.sampling.output import Output
from wgan_cli.console import print_message
from wgan_cli.data.files.named_images import named_images
from wgan_cli.data.files.survey import summarize_bad
from wgan_cli.errors import WganError
from wgan_cli.outputs.save_images import is_grid, save_images
from wgan_cli.outputs.translate import translate, translated_pairs, translator_to
from wgan_cli.runs.checkpoint import Checkpoint


def translate_folder(generator: nn.Module, checkpoint: Checkpoint, folder: Path, to: str, output: Output) -> Path:
    """Translate all images of a folder or archive, and return the path of the result.

    A folder keeps the images' names, a grid shows each image next to its translation, an array has only translations.
    """
    images = named_images(folder, getattr(checkpoint.recipe.data, "a" if to == "b" else "b"))
    with images.container:
        if images.bad:
            print_message(f"{folder}: skipped {summarize_bad(images.bad)}")
        for line in images.notices:
            print_message(f"{folder}: {line}")
        inputs = images.batches(checkpoint.image, output.batch)
        translator = translator_to(generator, to)
        form = output.pixel_format(checkpoint.recipe.data, checkpoint.image.channels, to)
        if is_grid(output.path):
            per_row = output.columns(len(images), min(5, len(images))) or 1
            pairs = translated_pairs(translator, inputs, output.batch)
            written = save_images(
                pairs, 2 * len(images), output.path, columns=2 * per_row, scale=output.scale, form=form
            )
        else:
            dtype = torch.float32 if form.is_deep else torch.uint8
            made = translate(translator, inputs, output.batch, dtype)
            names = images.output_names()
            written = save_images(made, len(images), output.path, names=names, scale=output.scale, form=form)
    what = f"{len(images):,} images of {folder} as {checkpoint.image}"
    print_message(f"{what}, translated to side {to} by {checkpoint.source}: {written}")
    return written


def refuse_with_translate(options: Mapping[str, object]) -> None:
    """Refuse options of generators that sample from noise. Raises: WganError naming the first that is given."""
    for option, value in options.items():
        if value is not None:
            raise WganError(f"{option} does not apply to a model that translates images", f"remove {option}")
