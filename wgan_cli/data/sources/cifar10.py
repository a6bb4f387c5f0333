"""CIFAR-10: torchvision's batch files or a folder of images, downloaded where both are missing."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor

from wgan_cli.data.dataset import ImageSet, tell_odd_count
from wgan_cli.data.files.decoded_cache import Facts, Pack, Rows, cached_pack, pack_key, packs_folder, told_now_and_then
from wgan_cli.data.sources.download import fetch
from wgan_cli.data.sources.image_folder import in_threads
from wgan_cli.errors import WganError, describe_os_error
from wgan_cli.recipe.data_settings import DataSettings

STANDARD_COUNTS = {"train": 50_000, "test": 10_000}
PARTS = {"train": ("train",), "test": ("test",), "all": ("train", "test")}
IMAGE_SIZE = 32
NUM_CLASSES = 10
THREADS = 4  # they hide the wait for a slow disk; decoding images this small mostly holds Python's lock
CHUNK = 256  # images for one thread at a time


def load(settings: DataSettings, data_root: Path, log: Callable[[str], None]) -> ImageSet:
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
            log(f"cifar10: reading the image files in {folder}")
            return _read_folders(folder, settings, log)
        fetch(
            settings.source,
            data_root,
            files=[f"{CIFAR10.base_folder}/{file}" for file in files],
            archives={CIFAR10.filename: CIFAR10.tgz_md5},
            download=lambda root: CIFAR10(root, download=True),
            by_hand=f"put {CIFAR10.filename} into {data_root} or images into {folder / parts[0]}/CLASS",
            log=log,
        )
    log(f"cifar10: reading torchvision's batch files in {batches}")
    return _read_batches(batches, settings, log)


def _read_batches(folder: Path, settings: DataSettings, log: Callable[[str], None]) -> ImageSet:
    from torchvision.datasets import CIFAR10

    images, labels = [], []
    for part in PARTS[settings.split]:
        try:
            dataset = CIFAR10(folder.parent, train=part == "train")
        except OSError as error:
            raise WganError(f"cannot read {folder}: {describe_os_error(error)}", "make its files readable") from error
        except RuntimeError as error:  # torchvision checks every file's checksum before it unpickles one
            raise _broken_batch(folder) from error
        images.append(torch.from_numpy(dataset.data))
        labels.append(torch.tensor(dataset.targets))
        tell_odd_count(f"cifar10's {part} files", len(dataset.targets), STANDARD_COUNTS[part], log)
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


def _read_folders(folder: Path, settings: DataSettings, log: Callable[[str], None]) -> ImageSet:
    files: list[tuple[os.DirEntry, int]] = []
    parts = PARTS[settings.split]
    class_names = _class_names(folder / parts[0])
    for part in parts:
        if _class_names(folder / part) != class_names:
            raise WganError(
                f"{folder / part} has other class folders than {folder / parts[0]}", "give both the same ten folders"
            )
        listed = [
            (rank, label, file)
            for label, name in enumerate(class_names)
            for rank, file in enumerate(_listed(folder / part / name, os.DirEntry.is_file))
        ]
        listed.sort()  # one of each class in turn, so that `limit` keeps all classes
        files += [(file, label) for _, label, file in listed]
        tell_odd_count(f"{folder / part}'s folders", len(listed), STANDARD_COUNTS[part], log)
    if not files:
        raise WganError(f"{folder / parts[0]} holds no images", "put JPEG or PNG files into its class folders")
    if settings.classes is None:  # else the first ones are only known once classes are chosen
        files = files[: settings.limit]
    pack = _pack(folder, files, settings, log)
    origin = f"cifar10 {settings.split} from the images in {folder}"
    return ImageSet(pack.images, pack.labels, tuple(class_names), origin)


def _pack(
    folder: Path, files: list[tuple[os.DirEntry, int]], settings: DataSettings, log: Callable[[str], None]
) -> Pack:
    """The images, (N, 3, 32, 32), decoded once into the cache."""

    def build(file: BinaryIO) -> tuple[Rows, Facts]:
        rows = Rows(file, (3, IMAGE_SIZE, IMAGE_SIZE))
        decoded = in_threads(_decode, (entry.path for entry, _ in files), THREADS, CHUNK)
        decoded = told_now_and_then(decoded, len(files), "cifar10: decoded", log)
        for (_, label), pixels in zip(files, decoded, strict=True):
            rows.add(pixels, label)
        return rows, rows.facts()

    place = ["cifar10", os.path.realpath(folder), settings.split, settings.classes is None and settings.limit]
    statuses = [(entry.path, entry.stat()) for entry, _ in files]
    content = [[path, status.st_size, status.st_mtime_ns] for path, status in statuses]
    cache = packs_folder(folder.parent)
    return cached_pack(cache, pack_key(place, content), build, len(files) * 3 * IMAGE_SIZE**2, log)


def _class_names(folder: Path) -> list[str]:
    names = [entry.name for entry in _listed(folder, os.DirEntry.is_dir)]
    if len(names) != NUM_CLASSES:
        raise WganError(
            f"{folder} has {len(names)} class folders; CIFAR-10 has {NUM_CLASSES} classes",
            f"give it one folder for each class, or delete {folder.parent} to download CIFAR-10",
        )
    return names


def _listed(folder: Path, wanted: Callable[[os.DirEntry], bool]) -> list[os.DirEntry]:
    """Whatever is wanted in a folder, sorted by name; hidden files belong to the system."""
    try:
        with os.scandir(folder) as entries:
            shown = [entry for entry in entries if not entry.name.startswith(".") and wanted(entry)]
            return sorted(shown, key=lambda entry: entry.name)
    except OSError as error:
        raise WganError(f"cannot read {folder}: {describe_os_error(error)}", "make the folder readable") from error


def _decode(path: str) -> np.ndarray:
    """(3, 32, 32) uint8."""
    from PIL import Image

    pixels = None
    try:
        with Image.open(path, formats=("JPEG", "PNG")) as image:
            size = image.size
            if size == (IMAGE_SIZE, IMAGE_SIZE):
                pixels = np.asarray(image.convert("RGB")).transpose(2, 0, 1)
    except Exception as error:  # for broken bytes PIL's decoders raise a dozen types, SyntaxError among them
        raise WganError(
            f"{path} is not a readable JPEG or PNG image", "replace the file or move it out of the class folder"
        ) from error
    if pixels is None:
        raise WganError(
            f"{path} has {size[0]}x{size[1]} pixels; CIFAR-10's images have {IMAGE_SIZE}x{IMAGE_SIZE}",
            f"resize it to {IMAGE_SIZE}x{IMAGE_SIZE} or move it out of the class folder",
        )
    return pixels


def _image_set(images: Tensor, labels: Tensor, class_names: Sequence[str], origin: str) -> ImageSet:
    return ImageSet(images.permute(0, 3, 1, 2).contiguous(), labels, tuple(class_names), origin)  # (N, 3, 32, 32)
