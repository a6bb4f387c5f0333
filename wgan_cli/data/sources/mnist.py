"""MNIST and Fashion-MNIST: the standard IDX files in torchvision's layout, downloaded if missing."""

import os
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from wgan_cli.data.dataset import ImageSet
from wgan_cli.data.sources.download import download_set, log_unusual_count, parts_of
from wgan_cli.errors import WganError, describe_os_error
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.utils.format import Log

TORCHVISION_NAMES = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST"}  # of the class, and of its folder
FILE_PREFIXES = {"train": "train", "test": "t10k"}
STANDARD_COUNTS = {"train": 60_000, "test": 10_000}
IMAGE_SIZE = 28


def load(settings: DataSettings, data_root: Path, log: Log) -> ImageSet:
    """Load MNIST or Fashion-MNIST (N, 1, 28, 28) from `data_root`/{MNIST,FashionMNIST}/raw, or download it."""
    from torchvision import datasets

    dataset = getattr(datasets, TORCHVISION_NAMES[settings.source])
    folder = data_root / dataset.__name__ / "raw"
    parts = parts_of(settings.split)
    if not all(os.path.isfile(file) for part in parts for file in _files(folder, part)):
        archives = {f"{dataset.__name__}/raw/{name}": md5 for name, md5 in dataset.resources}
        download_set(
            settings.source,
            data_root,
            files=[archive.removesuffix(".gz") for archive in archives],
            archives=archives,
            download=lambda root: dataset(root, download=True),
            manually=f"put the files into {folder}",
            log=log,
        )
    class_names = tuple(name.split(" - ")[0] for name in dataset.classes)  # "0" of torchvision's "0 - zero"
    images, labels = [], []
    for part in parts:
        part_images, part_labels = _read_part(folder, part, len(class_names))
        images.append(part_images)
        labels.append(part_labels)
        log_unusual_count(f"{settings.source}'s {part} files", len(part_labels), STANDARD_COUNTS[part], log)
    origin = f"{settings.source} {settings.split} from {folder}"
    return ImageSet(torch.cat(images).unsqueeze(1), torch.cat(labels), class_names, origin)  # (N, 1, 28, 28)


def _files(folder: Path, part: str) -> tuple[Path, Path]:
    return folder / f"{FILE_PREFIXES[part]}-images-idx3-ubyte", folder / f"{FILE_PREFIXES[part]}-labels-idx1-ubyte"


def _read_part(folder: Path, part: str, num_classes: int) -> tuple[Tensor, Tensor]:
    # torchvision's dataset classes don't say which file is broken, so call the functions behind them.
    from torchvision.datasets import mnist

    images_file, labels_file = _files(folder, part)
    images = _read_idx(mnist.read_image_file, images_file)  # (N, H, W) uint8
    labels = _read_idx(mnist.read_label_file, labels_file)  # (N,) int64
    if images.shape[1:] != (IMAGE_SIZE, IMAGE_SIZE):
        raise _broken(images_file, f"has images of {images.shape[1]}x{images.shape[2]} pixels, not 28x28")
    if int(labels.max()) >= num_classes:
        raise _broken(labels_file, f"has label {int(labels.max())}, but there are only {num_classes} classes")
    if len(images) != len(labels):
        raise _broken(labels_file, f"has {len(labels):,} labels for {len(images):,} images in {images_file.name}")
    return images, labels


def _read_idx(read: Callable[[str], Tensor], file: Path) -> Tensor:
    try:
        return read(os.fspath(file))
    except OSError as error:
        raise WganError(f"cannot read {file}: {describe_os_error(error)}", "make the file readable") from error
    except (AssertionError, KeyError, OverflowError, RuntimeError, TypeError, ValueError) as error:
        raise _broken(file, "is truncated or is not an IDX file") from error  # torchvision doesn't validate


def _broken(file: Path, problem: str) -> WganError:
    return WganError(f"{file} {problem}", "delete the wrong file and run again to download it")
