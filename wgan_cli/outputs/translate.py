"""From images of one side to images of the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from wgan_cli.errors import WganError
from wgan_cli.outputs.sampling import in_batches
from wgan_cli.recipe import Recipe
from wgan_cli.utils.pixels import to_uint8, to_unit_range


def translator_to(generator: nn.Module, side: str) -> nn.Module:
    """The part of a translating generator that gives images of a side, "a" or "b"."""
    return getattr(generator, f"to_{side}")


def check_translates(recipe: Recipe, wanted: bool) -> None:
    """Refuse a generator that needs images, where there are none, or that starts from noise, where images are given.

    Raises: WganError.
    """
    translates = recipe.translates
    if translates and not wanted:
        raise WganError(
            f"the generator of {recipe.name} translates images, so it cannot make any from noise",
            "give it images: wgan sample --ckpt RUN --translate FOLDER --to b --out translated/",
        )
    if wanted and not translates:
        raise WganError(
            f"--translate needs a generator that translates, and that of {recipe.name} makes images from noise",
            "leave out --translate, or train a translator: wgan train --recipe mnist_cyclegan",
        )


@torch.inference_mode()
def translate(translator: nn.Module, batches: Iterable[Tensor], batch_size: int) -> Iterator[Tensor]:
    """Run a translator over images, each as it would come out alone.

    Args:
        translator: in evaluation mode; its parameters' device serves.
        batches: images (n, C, H, W) uint8, n <= batch_size.
    Yields: images (n, C, H, W) uint8 on the CPU, for each batch.
    """
    device = next(translator.parameters()).device
    for images in batches:
        made = in_batches(lambda pixels: translator(to_unit_range(pixels)), device, batch_size, images.numpy())
        yield from (to_uint8(part).cpu() for part in made)  # (n, C, H, W)


def beside(translator: nn.Module, batches: Iterable[Tensor], batch_size: int) -> Iterator[Tensor]:
    """As `translate`, with each image left of its translation: (2*n, C, H, W) uint8."""
    for images in batches:
        for changed in translate(translator, [images], batch_size):
            yield torch.stack([images, changed], 1).flatten(0, 1)  # (2*n, C, H, W)
