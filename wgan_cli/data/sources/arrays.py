"""Images that a Python program hands over, since it trains on them itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np
import torch
from torch import Tensor

from wgan_cli.data.dataset import ImageSet
from wgan_cli.errors import WganError
from wgan_cli.recipe.data_settings import DataSettings


def image_set(
    images: Tensor | np.ndarray,
    labels: Tensor | np.ndarray | Sequence[int] | None = None,
    class_names: Sequence[str] | None = None,
    origin: str = "the given images",
) -> ImageSet:
    """Images, and their classes if they have any, checked: what `wgan_cli.train` and `wgan_cli.evaluate` take.

    Args:
        images: (N, C, H, W) uint8, H = W, 1, 3 or 4 channels.
        labels: (N,) whole numbers from 0; None where there are no classes.
        class_names: a name for each number; by default the numbers up to the greatest.
        origin: where they came from, a phrase for people.
    Raises: WganError naming what has another shape or range.
    """
    images = torch.as_tensor(images)
    shape = tuple(images.shape)
    if images.dtype != torch.uint8:
        raise WganError(f"images are {_plain(images)}, and they must be uint8", "give whole numbers from 0 to 255")
    if len(shape) != 4 or shape[1] not in (1, 3, 4) or shape[2] != shape[3] or not len(images):
        raise WganError(
            f"images have the shape {shape}, and they must be (N, C, H, W) with H = W, and C 1, 3 or 4",
            "add the axis of channels with images[:, None], or move it from the end with transpose(0, 3, 1, 2)",
        )
    if labels is None:
        if class_names:
            raise WganError("class_names are given, and labels are not", "give both, or neither")
        return ImageSet(images, torch.zeros(len(images), dtype=torch.int64), (), origin)
    numbers = torch.as_tensor(labels)
    if numbers.is_floating_point() or numbers.is_complex() or numbers.shape != (len(images),):
        raise WganError(
            f"labels are {_plain(numbers)} of the shape {tuple(numbers.shape)}, and there are {len(images):,} images",
            "give one whole number for each image",
        )
    numbers = numbers.long()
    names = tuple(class_names) if class_names else tuple(str(number) for number in range(int(numbers.max()) + 1))
    if not 0 <= int(numbers.min()) <= int(numbers.max()) < len(names):
        raise WganError(
            f"labels are from {int(numbers.min())} to {int(numbers.max())}, and there are {len(names)} class names",
            f"give numbers from 0 to {len(names) - 1}, or a name for each",
        )
    return ImageSet(images, numbers, names, origin)


def load(settings: DataSettings, data_root: Path, log: Callable[[str], None]) -> NoReturn:
    """Refuse to look for images that no file holds. Raises: WganError."""
    raise WganError(
        "`data.source` is given: a Python program handed the images over, and no file holds them",
        "go on in Python: wgan_cli.train and wgan_cli.evaluate take them as `images`",
    )


def shape(settings: DataSettings) -> NoReturn:
    """As `load`."""
    load(settings, Path(), lambda text: None)


def _plain(values: Tensor) -> str:
    return str(values.dtype).removeprefix("torch.")
