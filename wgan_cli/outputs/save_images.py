"""Writing images as a grid, as single files or as an array, depending on the path."""

import os
import re
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
import torch
from torch import Tensor

from wgan_cli.errors import WganError
from wgan_cli.outputs.grid import grid_tensor, near_square, picture_format, save_picture
from wgan_cli.outputs.pixel_format import PixelFormat, save_values
from wgan_cli.utils.files import make_parent, write_atomically, writing
from wgan_cli.utils.machine import check_memory

Images = TypeVar("Images", np.ndarray, Tensor)
ARRAYS = (".npy", ".npz")
EIGHT_BITS = PixelFormat()
MAX_IN_GRID = 10_000
_FORMS = "use .png, .jpg or .webp for a grid, a trailing / for single images, or .npy or .npz for an array"


@dataclass(frozen=True)
class Labels:
    """Classes of the images to write: labels (N,) int64, and all class names. subfolders: one folder per class."""

    labels: np.ndarray
    names: tuple[str, ...]
    subfolders: bool = False


def is_grid(where: str) -> bool:
    """Return True if `save_images` writes a grid to this path."""
    return not is_folder(where) and Path(where).suffix.lower() not in ARRAYS


def is_folder(where: str) -> bool:
    """Return True if `save_images` writes single files to this path."""
    return where.endswith(("/", os.sep)) or Path(where).is_dir()


def save_images(
    batches: Iterator[Tensor], count: int, where: str, *, columns: int | None = None, labels: Labels | None = None,
    names: Sequence[str] | None = None, scale: int = 1, form: PixelFormat = EIGHT_BITS,
) -> Path:  # fmt: skip
    """Write images in the form that the path determines, and return the path.

    An existing folder or a path with a trailing slash gets single images 00000.png..., in a subfolder per class if
    `labels` asks for it; they are TIFFs if PNG can't hold all values. .npy and .npz get an array (N, H, W, C); the .npz
    names it `images` and adds `labels` and `class_names`. Any other file is a grid, in the format of its suffix.

    Args:
        batches: stored images (n, C, H, W), `count` in all. columns: of the grid; near square if None.
        names: of single files, relative to the folder; numbers if None.
        scale: whole factor that enlarges grids and single files.
        form: type and range of the written values.
    Raises: WganError for an unsupported suffix, too many images for a grid or for memory, or an enlarged array.
    """
    path = Path(where)
    if is_folder(where):
        form.check(path / f"0{form.suffix}")
        _save_files(batches, list(names or _file_names(count, labels)), path, scale, form)
    elif path.suffix.lower() in ARRAYS:
        if scale != 1:
            raise WganError(f"--scale enlarges pictures, and {path} is an array", "leave it out, or write a picture")
        make_parent(path)
        array = np.concatenate(_collected(map(form.array, batches), count, path, copies=2))
        if path.suffix.lower() == ".npy":
            write_npy(array, path)
        else:
            more: dict[str, Any] = (
                {} if labels is None else {"labels": labels.labels, "class_names": np.array(labels.names)}
            )
            write_atomically(path, lambda file: np.savez_compressed(file, images=array, **more))
    else:
        picture_format(path, _FORMS)
        form.check(path)
        if count > MAX_IN_GRID:
            raise WganError(f"{count:,} images do not fit into a grid", "use single images or an array: --out images/")
        make_parent(path)
        shown = (form.shown(batch, path) for batch in batches)
        # All images, their grid, its copy in the layout of a picture, and that enlarged.
        images = torch.cat(_collected(shown, count, path, copies=3 + scale**2))
        _save_image(grid_tensor(images, columns or near_square(count), black=form.low), path, scale, form)
    return path


def _collected(parts: Iterator[Images], count: int, path: Path, copies: int) -> list[Images]:
    """Return all parts of `count` images. Raises: WganError, after the first, if there is no memory for the rest.

    Args:
        copies: number of times that all images are in memory at once.
    """
    collected: list[Images] = []
    for part in parts:
        collected.append(part)
        if len(collected) == 1:
            single = shlex.quote(f"{path.stem}/")
            needed = copies * count * part[0].nbytes
            check_memory(f"{count:,} images in {path}", needed, f"write single files: --out {single}")
    return collected


def _save_image(image: Tensor, path: Path, scale: int, form: PixelFormat) -> None:
    """Write values (C, H, W) of a format."""
    if form.is_deep or form.bands is not None and form.keeps_bands(path):
        save_values(image, path, form, scale)
    else:
        save_picture(image, path, scale)


def write_npy(array: np.ndarray, path: Path) -> None:
    """Write an array as a .npy file atomically. Raises: WganError."""
    make_parent(path)
    write_atomically(path, lambda file: np.save(_WriteOnly(file), array))  # type: ignore[arg-type]


class _WriteOnly:
    """Hide the file descriptor: NumPy would write to it directly and lose the error of a full disk."""

    def __init__(self, file: BinaryIO) -> None:
        self.write = file.write


def _file_names(count: int, labels: Labels | None) -> list[str]:
    """Number the images, within each class if there are subfolders."""
    digits = max(5, len(str(count - 1)))
    if labels is None or not labels.subfolders:
        return [f"{number:0{digits}d}.png" for number in range(count)]
    folders, used, names = folder_names(labels.names), Counter(), []
    for label in labels.labels.tolist():
        names.append(os.path.join(folders[label], f"{used[label]:0{digits}d}.png"))
        used[label] += 1
    return names


def folder_names(class_names: Sequence[str]) -> list[str]:
    """Return a unique folder name for each class, without characters that file systems refuse."""
    names: dict[str, str] = {}  # by what a file system that ignores case sees
    for index, name in enumerate(class_names):
        safe = re.sub(r'[\x00-\x1f\\/:*?"<>|]', "-", name).strip(". ") or f"class {index}"
        candidates = (safe, *(f"{safe} {number}" for number in range(index, 2 * len(class_names) + 1)))
        free = next(each for each in candidates if each.lower() not in names)
        names[free.lower()] = free
    return list(names.values())


def _save_files(batches: Iterator[Tensor], names: list[str], folder: Path, scale: int, form: PixelFormat) -> None:
    with writing(folder):
        for subfolder in {os.path.dirname(name) for name in names}:
            (folder / subfolder).mkdir(parents=True, exist_ok=True)
    images = (image for batch in batches for image in batch)
    for name, image in zip(names, images, strict=True):
        path = (folder / name).with_suffix(form.suffix)
        _save_image(form.shown(image, path), path, scale, form)
