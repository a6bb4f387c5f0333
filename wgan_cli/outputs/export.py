"""Images to disk: a grid, single files, or an array, by the form of the path."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor

from wgan_cli.errors import WganError
from wgan_cli.outputs.grid import grid_tensor, near_square, picture_format, save_picture
from wgan_cli.runs.atomic import make_parent, write_atomically, writing


class _WriteOnly:
    """Hides that a file is one: NumPy would write past Python, and lose the error of a full disk."""

    def __init__(self, file: BinaryIO) -> None:
        self.write = file.write


_ARRAYS = {
    ".npy": lambda file, array: np.save(_WriteOnly(file), array),
    ".npz": lambda file, array: np.savez_compressed(file, images=array),
}
MOST_IN_A_GRID = 10_000


def save_images(batches: Iterator[Tensor], count: int, where: str, columns: int | None = None) -> Path:
    """Write images in the form that the path asks for, and return the path.

    An existing folder, or a path that ends in a slash: single images 00000.png... An ending .npy or .npz: a uint8 array
    (N, H, W, C), in the .npz under the name `images`. Any other file: a grid, in the image format of its ending.

    Args:
        batches: images (n, C, H, W) uint8, `count` in all.
        columns: of the grid; near square where None.
    Raises: WganError where the path does not say a form, or single images would replace others.
    """
    if not where:
        raise WganError("--out is empty", "name an image file, a folder that ends in /, or a .npy or .npz file")
    path = Path(where)
    if where.endswith(("/", os.sep)) or path.is_dir():
        _save_singles(batches, count, path)
    elif path.suffix.lower() in _ARRAYS:
        make_parent(path)
        array = torch.cat([batch.permute(0, 2, 3, 1) for batch in batches]).numpy()  # (N, H, W, C)
        write_atomically(path, lambda file: _ARRAYS[path.suffix.lower()](file, array))
    else:
        picture_format(path)
        if count > MOST_IN_A_GRID:
            raise WganError(
                f"{count:,} images do not fit into one grid", "write them singly or as an array: --out images/"
            )
        make_parent(path)
        save_picture(grid_tensor(torch.cat(list(batches)), columns or near_square(count)), path)
    return path


def _save_singles(batches: Iterator[Tensor], count: int, folder: Path) -> None:
    digits = max(5, len(str(count - 1)))
    names = [f"{number:0{digits}d}.png" for number in range(count)]
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        taken = set(os.listdir(folder)).intersection(names)
    if taken:
        raise WganError(
            f"{folder} holds {min(taken)} already, and nothing is overwritten", "give a new folder to --out"
        )
    images = (image for batch in batches for image in batch)
    for name, image in zip(names, images, strict=True):
        save_picture(image, folder / name)
