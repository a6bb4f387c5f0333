"""`wgan sample --translate`: a folder of images to the other side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wgan_cli.errors import WganError

if TYPE_CHECKING:
    from torch import nn

    from wgan_cli.runs.checkpoint import Checkpoint


def translate_folder(
    generator: nn.Module, checkpoint: Checkpoint, folder: Path, to: str, out: str, rows: int | None, batch: int
) -> None:
    """Translate all images of a folder or archive, and say where they are.

    A folder as `out` keeps their names; a grid shows each beside its translation, and an array holds translations.
    """
    from wgan_cli.console import print_message
    from wgan_cli.data.files.named_images import named_images
    from wgan_cli.data.files.survey import summarize_bad
    from wgan_cli.outputs.save_images import is_grid, save_images
    from wgan_cli.outputs.translate import beside, translate, translator_to

    images = named_images(folder)
    with images.container:
        if images.bad:
            print_message(f"{folder}: left out {summarize_bad(images.bad)}")
        settings = getattr(checkpoint.recipe.data, "a" if to == "b" else "b")
        inputs = images.batches(checkpoint.image, settings.fit, batch)
        translator = translator_to(generator, to)
        if is_grid(out):
            across = None if rows is None else -(-len(images) // rows)
            pairs = beside(translator, inputs, batch)
            written = save_images(pairs, 2 * len(images), out, columns=2 * (across or min(5, len(images))))
        else:
            written = save_images(translate(translator, inputs, batch), len(images), out, names=images.output_names())
    print_message(
        f"{len(images):,} images of {folder} as {checkpoint.image} of side {to}, by {checkpoint.source}: {written}"
    )


def refuse_with_translate(options: Mapping[str, Any]) -> None:
    """Refuse options that say which images to draw from noise. Raises: WganError naming the first that is given."""
    given = next((name for name, value in options.items() if value is not None), None)
    if given is not None:
        raise WganError(
            f"{given} is for generators that start from noise, and this one translates images", f"leave out {given}"
        )
