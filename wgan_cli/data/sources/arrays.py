"""Images passed in memory by a Python program."""

from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np
import torch
from torch import Tensor

from wgan_cli.data.dataset import ImageSet
from wgan_cli.errors import WganError
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.recipe.decoding_types import MAX_CHANNELS, SMALLEST
from wgan_cli.utils.format import Log, no_log


def image_set(
    images: Tensor | np.ndarray,
    labels: Tensor | np.ndarray | Sequence[int] | None = None,
    class_names: Sequence[str] | None = None,
    origin: str = "images in memory",
) -> ImageSet:
    """Create a validated image set, for `wgan_cli.train` and `wgan_cli.evaluate`.

    Args:
        images: (N, C, H, W) uint8, or uint16 for 0 to 65535, with up to 16 channels; 1 is gray, 3 RGB, 4 RGBA.
        labels: (N,) integers from 0, or None if there are no classes.
        class_names: Name of each class; default: the numbers up to the largest label.
        origin: Description of the source, for messages.
    Raises: WganError if an argument has the wrong shape, type or range.
    """
    images = torch.as_tensor(images).cpu()
    shape = tuple(images.shape)
    if images.dtype == torch.uint16:
        images = (images.to(torch.int32) - 32768).to(torch.int16)
    elif images.dtype != torch.uint8:
        hint = "use integers from 0 to 255, or to 65535"
        raise WganError(f"images must be uint8 or uint16, not {images.dtype}", hint)
    if len(shape) != 4 or not 1 <= shape[1] <= MAX_CHANNELS or min(shape[2:]) < SMALLEST or not len(images):
        raise WganError(
            f"images must have the shape (N, C, H, W), C up to {MAX_CHANNELS}, H and W from {SMALLEST}, not {shape}",
            "add a channel axis with images[:, None], or move it from the end with transpose(0, 3, 1, 2)",
        )
    if labels is None:
        if class_names:
            raise WganError("class_names were given without labels", "give both or neither")
        return ImageSet(images, torch.zeros(len(images), dtype=torch.int64), (), origin)
    numbers = torch.as_tensor(labels).cpu()
    if numbers.is_floating_point() or numbers.is_complex() or numbers.shape != (len(images),):
        raise WganError(
            f"labels must be {len(images):,} integers, not {numbers.dtype} of shape {tuple(numbers.shape)}",
            "give one integer per image",
        )
    numbers = numbers.long()
    low, high = int(numbers.min()), int(numbers.max())
    names = tuple(class_names) if class_names else tuple(str(number) for number in range(high + 1))
    if not 0 <= low <= high < len(names):
        raise WganError(
            f"labels range from {low} to {high}, but there are {len(names)} class names",
            f"use labels from 0 to {len(names) - 1}, or name every class",
        )
    return ImageSet(images, numbers, names, origin)


def load(settings: DataSettings, data_root: Path, log: Log) -> NoReturn:
    """Raise WganError: no file contains these images."""
    raise WganError(
        f"`data.source` is {settings.source}: the images were passed by a Python program or by `wgan augment`, and no "
        "file contains them",
        "in Python, wgan_cli.train and wgan_cli.evaluate accept them as `images`; or write some with wgan sample --out "
        "images/, and compare them: wgan evaluate images/ --against FOLDER",
    )


def shape(settings: DataSettings) -> NoReturn:
    """Raise WganError, as `load` does."""
    load(settings, Path(), no_log)
