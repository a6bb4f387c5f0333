"""`wgan sample --translate`: images of files, a folder or an archive, translated."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from wgan_cli.cli.sampling.given_images import report_given
from wgan_cli.cli.sampling.output import Output
from wgan_cli.console import print_message
from wgan_cli.data.files.named_images import named_images
from wgan_cli.networks.translator import Translator
from wgan_cli.outputs.save_images import is_folder, is_grid, save_images
from wgan_cli.outputs.tiling import translate_each
from wgan_cli.outputs.translate import translate, translated_pairs, translator_to
from wgan_cli.runs.checkpoint import Checkpoint


def translate_files(
    generator: nn.Module, checkpoint: Checkpoint, paths: Sequence[Path], to: str, output: Output
) -> Path:
    """Translate images, and return the path of the result.

    A folder gets one file per image, with its name and size; a single image becomes a file of its size. A grid shows
    each image next to its translation, an array has only translations; images of several sizes get that of the
    training images there.

    Args:
        paths: image files or patterns of them, or one folder or archive.
    """
    settings, what = getattr(checkpoint.recipe.data, "a" if to == "b" else "b"), " and ".join(map(str, paths))
    in_grid = is_grid(output.path)
    images = named_images(paths, settings)
    alone = len(images) == 1
    own_sizes = alone or images.have_one_size or is_folder(output.path)
    with images.container:
        report_given(images, paths, checkpoint.image, None if own_sizes else checkpoint.image.size, "translated")
        if not own_sizes:
            message = f"images of several sizes get {checkpoint.image} here; --out FOLDER/ keeps their sizes"
            print_message(f"{what}: {message}")
        form = output.pixel_format(checkpoint.recipe.data, checkpoint.image.channels, to)
        options: dict[str, Any] = {"scale": output.scale, "form": form}
        translator, dtype = translator_to(generator, to), torch.float32 if form.is_deep else torch.uint8
        pictures = images.in_own_sizes(checkpoint.image.channels)
        batch = output.batch_size(checkpoint.image)
        inputs = images.batches(checkpoint.image, batch)
        if in_grid and not alone:
            pairs = _pairs(translator, pictures) if own_sizes else translated_pairs(translator, inputs, batch)
            columns = 2 * (output.columns(len(images), min(5, len(images))) or 1)
            written = save_images(pairs, 2 * len(images), output.path, columns=columns, **options)
        else:
            if own_sizes:
                made = translate_each(translator, pictures, dtype=dtype, log=print_message)
            else:
                made = translate(translator, inputs, batch, dtype)
            written = save_images(made, len(images), output.path, names=images.output_names(), **options)
    shape = "" if own_sizes else f" as {checkpoint.image}"
    print_message(f"{len(images):,} images of {what}{shape}, translated to side {to} by {checkpoint.source}: {written}")
    return written


def _pairs(translator: Translator, pictures: Iterator[Tensor]) -> Iterator[Tensor]:
    """Yield each picture followed by its translation: (2, C, H, W)."""
    for picture in pictures:
        for made in translate_each(translator, [picture], log=print_message):
            yield torch.cat([picture[None], made])
