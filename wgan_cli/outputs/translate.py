"""Image-to-image translation with a trained generator."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from wgan_cli.errors import WganError
from wgan_cli.networks.translator import Translator
from wgan_cli.outputs.sampling import in_batches
from wgan_cli.recipe import Recipe
from wgan_cli.recipe.data_settings import SIDES
from wgan_cli.utils.pixels import from_unit_range, to_unit_range


def translator_to(generator: nn.Module, side: str) -> Translator:
    """Return the network that translates to a side, "a" or "b"."""
    return getattr(generator, f"to_{side}")


def check_side(side: str, option: str = "") -> None:
    """Raise a WganError unless a side is "a" or "b"; `option` is what it was given with, such as --to."""
    if side not in SIDES:
        named = f"{option}: " if option else ""
        choices = " or ".join(f"{option} {each}" if option else repr(each) for each in SIDES)
        raise WganError(f"{named}unknown side {side!r:.40}", f"use {choices}")


def check_translates(recipe: Recipe, wanted: bool) -> None:
    """Check that a generator translates images if wanted, and that it samples from noise if not. Raises: WganError."""
    translates = recipe.translates
    if translates and not wanted:
        raise WganError(
            f"{recipe.name} translates images and cannot sample from noise",
            "give it images: wgan sample ... --translate PATH --to b --out translated/",
        )
    if wanted and not translates:
        raise WganError(
            f"--translate needs an image-to-image model, but {recipe.name} samples from noise",
            "remove --translate, or train a translator: wgan train --recipe mnist_cyclegan",
        )


@torch.inference_mode()
def translate(
    translator: nn.Module, batches: Iterable[Tensor], batch_size: int, dtype: torch.dtype | None = None
) -> Iterator[Tensor]:
    """Translate stored batches (n, C, H, W), n <= batch_size; a translation does not depend on the other images.

    Args:
        dtype: of the translations, as in `generate`; None: that of the images.
    """
    device = next(translator.parameters()).device
    for images in batches:
        made = in_batches(lambda pixels: translator(to_unit_range(pixels)), device, batch_size, images.numpy())
        yield from (from_unit_range(part, dtype or images.dtype).cpu() for part in made)  # (n, C, H, W)


def translated_pairs(translator: nn.Module, batches: Iterable[Tensor], batch_size: int) -> Iterator[Tensor]:
    """Translate images, and yield each image followed by its translation: (2*n, C, H, W)."""
    for images in batches:
        for changed in translate(translator, [images], batch_size):
            yield torch.stack([images, changed], 1).flatten(0, 1)  # (2*n, C, H, W)
