"""MNIST and Fashion-MNIST: the standard IDX files in torchvision's layout, downloaded where they are missing."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from wgan_cli.data.dataset import ImageSet, tell_odd_count
from wgan_cli.data.sources.download import fetch
from wgan_cli.errors import WganError, describe_os_error
from wgan_cli.recipe.data_settings import DataSettings

SETS = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST"}  # our name -> torchvision's class, and the folder it reads
STANDARD_COUNTS = {"train": 60_000, "test": 10_000}
FILE_PREFIXES = {"train": "train", "test": "t10k"}
PARTS = {"train": ("train",), "test": ("test",), "all": ("train", "test")}
IMAGE_SIZE = 28


def load(settings: DataSettings, data_root: Path, log: Callable[[str], None]) -> ImageSet:
    """Read MNIST or Fashion-MNIST from `data_root`/{MNIST,FashionMNIST}/raw, downloading it where it is missing.

    Returns: images (N, 1, 28, 28); by `split`, 60,000, 10,000 or 70,000 of them. Any other count is told to `notify`.
    Raises: WganError where the files are broken, or are missing and cannot be downloaded.
    """
    from torchvision import datasets

    dataset = getattr(datasets, SETS[settings.source])
    folder = data_root / dataset.__name__ / "raw"
    parts = PARTS[settings.split]
    if not all(os.path.isfile(file) for part in parts for file in _files(folder, part)):
        _download(settings.source, dataset, data_root, log)
    # torchvision calls the digits "0 - zero"; the first word is what one writes.
    class_names = tuple(name.split(" - ")[0] for name in dataset.classes)
    images, labels = [], []
    for part in parts:
        part_images, part_labels = _read_part(folder, part, len(class_names))
        images.append(part_images)
        labels.append(part_labels)
        tell_odd_count(f"{settings.source}'s {part} files", len(part_labels), STANDARD_COUNTS[part], log)
    origin = f"{settings.source} {settings.split} from {folder}"
    return ImageSet(torch.cat(images).unsqueeze(1), torch.cat(labels), class_names, origin)  # (N, 1, 28, 28)


def _files(folder: Path, part: str) -> tuple[Path, Path]:
    return folder / f"{FILE_PREFIXES[part]}-images-idx3-ubyte", folder / f"{FILE_PREFIXES[part]}-labels-idx1-ubyte"


def _read_part(folder: Path, part: str, num_classes: int) -> tuple[Tensor, Tensor]:
    # The functions behind torchvision's classes, because a class does not say which of its files is broken.
    from torchvision.datasets import mnist

    images_file, labels_file = _files(folder, part)
    images = _read_idx(mnist.read_image_file, images_file)  # (N, H, W) uint8
    labels = _read_idx(mnist.read_label_file, labels_file)  # (N,) int64
    if images.shape[1:] != (IMAGE_SIZE, IMAGE_SIZE):
        raise _broken(images_file, f"has images of {images.shape[1]}x{images.shape[2]}, not 28x28 pixels")
    if int(labels.max()) >= num_classes:
        raise _broken(labels_file, f"has label {int(labels.max())}, but there are only {num_classes} classes")
    if len(images) != len(labels):
        raise _broken(labels_file, f"has {len(labels):,} labels for {len(images):,} images in {images_file.name}", True)
    return images, labels


def _read_idx(read: Callable[[str], Tensor], file: Path) -> Tensor:
    try:
        return read(os.fspath(file))
    except OSError as error:
        raise WganError(f"cannot read {file}: {describe_os_error(error)}", "make the file readable") from error
    except (AssertionError, KeyError, OverflowError, RuntimeError, TypeError, ValueError) as error:
        # torchvision leaves it to whichever line stumbles over the bytes.
        raise _broken(file, "is cut short or is not an IDX file") from error


def _broken(file: Path, what: str, either: bool = False) -> WganError:
    which = "the wrong one of the two" if either else "that file"
    return WganError(f"{file} {what}", f"delete {which} and run again: what is missing is downloaded")


def _download(source: str, dataset: type, data_root: Path, log: Callable[[str], None]) -> None:
    raw = f"{dataset.__name__}/raw"
    archives = {f"{raw}/{name}": md5 for name, md5 in dataset.resources}
    fetch(
        source,
        data_root,
        files=[archive.removesuffix(".gz") for archive in archives],
        archives=archives,
        download=lambda root: dataset(root, download=True),
        by_hand=f"put the files under {data_root / raw}",
        log=log,
    )
