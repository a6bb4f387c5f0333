"""CIFAR-10: torchvision's batch files or a folder of images, downloaded where both are missing."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from wgan_cli.data.dataset import ImageSet, tell_odd_count
from wgan_cli.data.download import fetch
from wgan_cli.errors import WganError, why_file_failed
from wgan_cli.recipe.data_settings import DataSettings

STANDARD_COUNTS = {"train": 50_000, "test": 10_000}
PARTS = {"train": ("train",), "test": ("test",), "all": ("train", "test")}
IMAGE_SIZE = 32
NUM_CLASSES = 10
THREADS = 4  # they hide the wait for a slow disk; decoding images this small mostly holds Python's lock
CHUNK = 256  # images for one thread at a time


def load(settings: DataSettings, data_root: Path, notify: Callable[[str], None]) -> ImageSet:
    """Read CIFAR-10 from `data_root`: cifar-10-batches-py, else cifar10/{train,test}/CLASS, else downloaded.

    Returns: images (N, 3, 32, 32); by `split`, 50,000, 10,000 or 60,000 of them. `notify` hears which form was read,
    and of any other count.
    Raises: WganError where a file is broken, or where all is missing and cannot be downloaded.
    """
    from torchvision.datasets import CIFAR10

    parts = PARTS[settings.split]
    batches = data_root / CIFAR10.base_folder
    files = [entry[0] for entry in (*CIFAR10.train_list, *CIFAR10.test_list)] + [CIFAR10.meta["filename"]]
    folder = data_root / "cifar10"
    if not all(os.path.isfile(batches / file) for file in files):
        if all(os.path.isdir(folder / part) for part in parts):
            notify(f"cifar10: reading the image files in {folder}")
            return _read_folders(folder, settings, notify)
        fetch(
            settings.source,
            data_root,
            files=[f"{CIFAR10.base_folder}/{file}" for file in files],
            archives=[CIFAR10.filename],
            download=lambda root: CIFAR10(root, download=True),
            by_hand=f"put {CIFAR10.filename} into {data_root} or images into {folder / parts[0]}/CLASS",
            notify=notify,
        )
    notify(f"cifar10: reading torchvision's batch files in {batches}")
    return _read_batches(batches, settings, notify)


def _read_batches(folder: Path, settings: DataSettings, notify: Callable[[str], None]) -> ImageSet:
    from torchvision.datasets import CIFAR10

    images, labels = [], []
    for part in PARTS[settings.split]:
        try:
            dataset = CIFAR10(folder.parent, train=part == "train")
        except OSError as error:
            raise WganError(f"cannot read {folder}: {why_file_failed(error)}", "make its files readable") from error
        except RuntimeError as error:  # torchvision checks every file's checksum before it unpickles one
            raise _broken_batch(folder) from error
        images.append(torch.from_numpy(dataset.data))
        labels.append(torch.tensor(dataset.targets))
        tell_odd_count(f"cifar10's {part} files", len(dataset.targets), STANDARD_COUNTS[part], notify)
    return _image_set(torch.cat(images), torch.cat(labels), dataset.classes, f"cifar10 {settings.split} from {folder}")


def _broken_batch(folder: Path) -> WganError:
    from torchvision.datasets import CIFAR10
    from torchvision.datasets.utils import check_integrity

    checksums = {entry[0]: entry[1] for entry in (*CIFAR10.train_list, *CIFAR10.test_list)}
    checksums[CIFAR10.meta["filename"]] = CIFAR10.meta["md5"]
    broken = [file for file, md5 in checksums.items() if not check_integrity(folder / file, md5)]
    return WganError(
        f"{' and '.join(str(folder / file) for file in broken)} differs from CIFAR-10's file of that name (checksum)",
        "delete it and run again: what is missing is downloaded",
    )


def _read_folders(folder: Path, settings: DataSettings, notify: Callable[[str], None]) -> ImageSet:
    paths: list[Path] = []
    labels: list[int] = []
    parts = PARTS[settings.split]
    class_names = _class_names(folder / parts[0])
    for part in parts:
        if _class_names(folder / part) != class_names:
            raise WganError(
                f"{folder / part} has other class folders than {folder / parts[0]}", "give both the same ten folders"
            )
        listed = [
            (rank, label, path)
            for label, name in enumerate(class_names)
            for rank, path in enumerate(_listed(folder / part / name, os.path.isfile))
        ]
        listed.sort()  # one of each class in turn, so that `limit` keeps all classes
        paths += [path for _, _, path in listed]
        labels += [label for _, label, _ in listed]
        tell_odd_count(f"{folder / part}'s folders", len(listed), STANDARD_COUNTS[part], notify)
    if not paths:
        raise WganError(f"{folder / parts[0]} holds no images", "put JPEG or PNG files into its class folders")
    images = torch.from_numpy(_decode_all(paths[: settings.limit]))  # (N, 32, 32, 3)
    origin = f"cifar10 {settings.split} from the images in {folder}"
    return _image_set(images, torch.tensor(labels[: settings.limit]), class_names, origin)


def _class_names(folder: Path) -> list[str]:
    names = [path.name for path in _listed(folder, os.path.isdir)]
    if len(names) != NUM_CLASSES:
        raise WganError(
            f"{folder} has {len(names)} class folders; CIFAR-10 has {NUM_CLASSES} classes",
            f"give it one folder for each class, or delete {folder.parent} to download CIFAR-10",
        )
    return names


def _listed(folder: Path, wanted: Callable[[str], bool]) -> list[Path]:
    """Whatever is wanted in a folder, sorted by name; hidden files belong to the system."""
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(entry) for entry in entries if not entry.name.startswith(".") and wanted(entry.path))
    except OSError as error:
        raise WganError(f"cannot read {folder}: {why_file_failed(error)}", "make the folder readable") from error


def _decode_all(paths: Sequence[Path]) -> np.ndarray:
    """(N, 32, 32, 3) uint8, in the order of `paths`."""
    with ThreadPoolExecutor(THREADS) as pool:
        return np.concatenate(list(pool.map(_decode, [paths[i : i + CHUNK] for i in range(0, len(paths), CHUNK)])))


def _decode(paths: Sequence[Path]) -> np.ndarray:
    from PIL import Image

    pixels = np.empty((len(paths), IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
    for row, path in zip(pixels, paths, strict=True):
        try:
            with Image.open(path, formats=("JPEG", "PNG")) as image:
                size = image.size
                if size == (IMAGE_SIZE, IMAGE_SIZE):
                    row[...] = np.asarray(image.convert("RGB"))
        except Exception as error:  # for broken bytes PIL's decoders raise a dozen types, SyntaxError among them
            raise WganError(
                f"{path} is not a readable JPEG or PNG image", "replace the file or move it out of the class folder"
            ) from error
        if size != (IMAGE_SIZE, IMAGE_SIZE):
            raise WganError(
                f"{path} has {size[0]}x{size[1]} pixels; CIFAR-10's images have {IMAGE_SIZE}x{IMAGE_SIZE}",
                f"resize it to {IMAGE_SIZE}x{IMAGE_SIZE} or move it out of the class folder",
            )
    return pixels


def _image_set(images: Tensor, labels: Tensor, class_names: Sequence[str], origin: str) -> ImageSet:
    return ImageSet(images.permute(0, 3, 1, 2).contiguous(), labels, tuple(class_names), origin)  # (N, 3, 32, 32)
