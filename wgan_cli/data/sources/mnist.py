"""MNIST, Fashion-MNIST, KMNIST and EMNIST: IDX files in torchvision's layout, downloaded if missing."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from wgan_cli.data.dataset import ImageSet
from wgan_cli.data.sources.download import download_set, log_unusual_count, parts_of
from wgan_cli.errors import WganError, describe_os_error
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.utils.format import Log

IMAGE_SIZE = 28


class IdxSet(NamedTuple):
    """Set of IDX files in torchvision's layout."""

    torchvision: str  # name of the class, and of the folder
    counts: Mapping[str, int] = {"train": 60_000, "test": 10_000}  # of the standard images
    emnist: str = ""  # split of EMNIST, whose images have rows and columns exchanged
    first_label: int = 0

    def files(self, part: str) -> tuple[str, str]:
        """Return the names of the files of images and of labels."""
        prefix = f"emnist-{self.emnist}-{part}" if self.emnist else {"train": "train", "test": "t10k"}[part]
        return f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx1-ubyte"

    def class_names(self, dataset: Any) -> tuple[str, ...]:
        """Return the names of the classes, "0" for torchvision's "0 - zero"."""
        names = dataset.classes_split_dict[self.emnist] if self.emnist else dataset.classes
        return tuple(name.split(" - ")[0] for name in names[self.first_label :])


_EMNIST = {
    "letters": (124_800, 20_800),
    "balanced": (112_800, 18_800),
    "byclass": (697_932, 116_323),
    "bymerge": (697_932, 116_323),
    "digits": (240_000, 40_000),
    "mnist": (60_000, 10_000),
}
SETS = {
    "mnist": IdxSet("MNIST"),
    "fashion_mnist": IdxSet("FashionMNIST"),
    "kmnist": IdxSet("KMNIST"),
    **{
        f"emnist_{split}": IdxSet("EMNIST", {"train": train, "test": test}, split, int(split == "letters"))
        for split, (train, test) in _EMNIST.items()
    },
}


def load(settings: DataSettings, data_root: Path, log: Log) -> ImageSet:
    """Load a set (N, 1, 28, 28), upright, from `data_root`/MNIST/raw (FashionMNIST/raw...) or the network."""
    from torchvision import datasets

    own = SETS[settings.source]
    dataset = getattr(datasets, own.torchvision)
    folder = data_root / own.torchvision / "raw"
    parts = parts_of(settings.split)
    if not all(os.path.isfile(folder / file) for part in parts for file in own.files(part)):
        _download(settings.source, own, dataset, data_root, log)
    class_names = own.class_names(dataset)
    images, labels = [], []
    for part in parts:
        images_file, labels_file = (folder / file for file in own.files(part))
        part_images, part_labels = _read_part(images_file, labels_file, own.first_label, len(class_names))
        images.append(part_images.mT if own.emnist else part_images)
        labels.append(part_labels)
        log_unusual_count(f"{settings.source}'s {part} files", len(part_labels), own.counts[part], log)
    origin = f"{settings.source} {settings.split} from {folder}"
    return ImageSet(torch.cat(images).unsqueeze(1), torch.cat(labels), class_names, origin)  # (N, 1, 28, 28)


def _download(source: str, own: IdxSet, dataset: Any, data_root: Path, log: Log) -> None:
    """Download a set with torchvision's class for it."""
    if own.emnist:  # one archive of all
        sets = [each for each in SETS.values() if each.emnist]
        files = [file for each in sets for part in each.counts for file in each.files(part)]
        archives, options = {os.path.basename(dataset.url): dataset.md5}, {"split": own.emnist}
    else:
        files = [name.removesuffix(".gz") for name, _ in dataset.resources]
        archives, options = dict(dataset.resources), {}
    folder = f"{own.torchvision}/raw"
    download_set(
        source,
        data_root,
        files=[f"{folder}/{file}" for file in files],
        archives={f"{folder}/{name}": md5 for name, md5 in archives.items()},
        download=lambda root: dataset(root, download=True, **options),
        manually=f"put the files into {data_root / folder}",
        log=log,
    )


def _read_part(images_file: Path, labels_file: Path, first_label: int, num_classes: int) -> tuple[Tensor, Tensor]:
    # torchvision's dataset classes don't say which file is broken, so call the functions behind them.
    from torchvision.datasets import mnist

    images = _read_idx(mnist.read_image_file, images_file)  # (N, H, W) uint8
    labels = _read_idx(mnist.read_label_file, labels_file) - first_label  # (N,) int64
    if images.shape[1:] != (IMAGE_SIZE, IMAGE_SIZE):
        raise _broken(images_file, f"has images of {images.shape[1]}x{images.shape[2]} pixels, not 28x28")
    if not 0 <= int(labels.min()) <= int(labels.max()) < num_classes:
        wrong = next(label for label in (int(labels.max()), int(labels.min())) if not 0 <= label < num_classes)
        raise _broken(labels_file, f"has label {wrong + first_label}, but there are only {num_classes} classes")
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
