"""Images to disk: a grid, single files, or an array, by the form of the path."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor

from wgan_cli.errors import WganError
from wgan_cli.outputs.classes import folder_names
from wgan_cli.outputs.grid import grid_tensor, near_square, picture_format, save_picture
from wgan_cli.utils.files import make_parent, write_atomically, writing


class _WriteOnly:
    """Hides that a file is one: NumPy would write past Python, and lose the error of a full disk."""

    def __init__(self, file: BinaryIO) -> None:
        self.write = file.write


@dataclass(frozen=True)
class Classes:
    """Of images to write: labels (N,) int64 in their order, and each class's name. apart: in folders, one for each."""

    labels: np.ndarray
    names: tuple[str, ...]
    apart: bool = False


def _write_npy(file: BinaryIO, images: np.ndarray, classes: Classes | None) -> None:
    np.save(_WriteOnly(file), images)


def _write_npz(file: BinaryIO, images: np.ndarray, classes: Classes | None) -> None:
    more = {} if classes is None else {"labels": classes.labels, "class_names": np.array(classes.names)}
    np.savez_compressed(file, images=images, **more)


_ARRAYS = {".npy": _write_npy, ".npz": _write_npz}
MOST_IN_A_GRID = 10_000


def is_grid(where: str) -> bool:
    """Whether `save_images` would write one picture of many images to this path."""
    return not _is_folder(where) and Path(where).suffix.lower() not in _ARRAYS


def _is_folder(where: str) -> bool:
    return where.endswith(("/", os.sep)) or Path(where).is_dir()


def save_images(
    batches: Iterator[Tensor], count: int, where: str, columns: int | None = None, classes: Classes | None = None,
    names: Sequence[str] | None = None,
) -> Path:  # fmt: skip
    """Write images in the form that the path asks for, and return the path.

    An existing folder, or a path that ends in a slash: single images 00000.png..., in a folder for each class if they
    are to be `apart`. An ending .npy or .npz: a uint8 array (N, H, W, C), in the .npz under the name `images` and
    beside `labels` and `class_names`. Any other file: a grid, in the image format of its ending.

    Args:
        batches: images (n, C, H, W) uint8, `count` in all.
        columns: of the grid; near square where None.
        classes: of the images, where they have any.
        names: of single images' files, below the folder; numbers where None.
    Raises: WganError where the path does not say a form, or single images would replace others.
    """
    if not where:
        raise WganError("--out is empty", "name an image file, a folder that ends in /, or a .npy or .npz file")
    path = Path(where)
    if _is_folder(where):
        _save_singles(batches, list(names or _places(count, classes)), path)
    elif path.suffix.lower() in _ARRAYS:
        make_parent(path)
        array = torch.cat([batch.permute(0, 2, 3, 1) for batch in batches]).numpy()  # (N, H, W, C)
        write_atomically(path, lambda file: _ARRAYS[path.suffix.lower()](file, array, classes))
    else:
        picture_format(path)
        if count > MOST_IN_A_GRID:
            raise WganError(
                f"{count:,} images do not fit into one grid", "write them singly or as an array: --out images/"
            )
        make_parent(path)
        save_picture(grid_tensor(torch.cat(list(batches)), columns or near_square(count)), path)
    return path


def _places(count: int, classes: Classes | None) -> list[str]:
    """Where each image goes inside a folder: 00000.png, or 00000.png in its class's own."""
    digits = max(5, len(str(count - 1)))
    if classes is None or not classes.apart:
        return [f"{number:0{digits}d}.png" for number in range(count)]
    folders, met = folder_names(classes.names), Counter()
    places = []
    for label in classes.labels.tolist():
        places.append(os.path.join(folders[label], f"{met[label]:0{digits}d}.png"))
        met[label] += 1
    return places


def _save_singles(batches: Iterator[Tensor], places: list[str], folder: Path) -> None:
    with writing(folder):
        for inner in {os.path.dirname(place) for place in places}:
            (folder / inner).mkdir(parents=True, exist_ok=True)
    taken = next((place for place in places if os.path.lexists(folder / place)), None)
    if taken:
        raise WganError(f"{folder} holds {taken} already, and nothing is overwritten", "give a new folder to --out")
    images = (image for batch in batches for image in batch)
    for place, image in zip(places, images, strict=True):
        save_picture(image, folder / place)
