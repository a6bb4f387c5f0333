"""CIFAR-10 and CIFAR-100: torchvision's files or a folder of images, downloaded if both are missing."""

import os
from pathlib import Path
from typing import Any

import torch

from wgan_cli.data.containers.folders import open_container
from wgan_cli.data.dataset import ImageSet
from wgan_cli.data.files.labelling import FOLDERS
from wgan_cli.data.sources import image_folder
from wgan_cli.data.sources.download import download_set, log_unusual_count, parts_of
from wgan_cli.errors import WganError, describe_os_error
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.utils.format import Log

STANDARD_COUNTS = {"train": 50_000, "test": 10_000}
IMAGE_SIZE = 32
CLASSES = {"cifar10": 10, "cifar100": 100}  # number of them


def load(settings: DataSettings, data_root: Path, log: Log) -> ImageSet:
    """Load CIFAR-10 or -100 (N, 3, 32, 32) from torchvision's files, cifar10/{train,test}/CLASS or the network."""
    dataset, parts = _torchvision(settings), parts_of(settings.split)
    stored = data_root / dataset.base_folder
    folder = data_root / settings.source
    files = _checksums(dataset)
    if not all(os.path.isfile(stored / file) for file in files):
        if all(os.path.isdir(folder / part) for part in parts):
            log(f"{settings.source}: reading the image files in {folder}")
            return _read_folders(folder, settings, data_root, log)
        download_set(
            settings.source,
            data_root,
            files=[f"{dataset.base_folder}/{file}" for file in files],
            archives={dataset.filename: dataset.tgz_md5},
            download=lambda root: dataset(root, download=True),
            manually=f"put {dataset.filename} into {data_root} or images into {folder / parts[0]}/CLASS",
            log=log,
        )
    log(f"{settings.source}: reading torchvision's batch files in {stored}")
    return _read_batches(stored, settings, log)


def _torchvision(settings: DataSettings) -> Any:
    from torchvision import datasets

    return getattr(datasets, settings.source.upper())


def _checksums(dataset: Any) -> dict[str, str]:
    return {**dict((*dataset.train_list, *dataset.test_list)), dataset.meta["filename"]: dataset.meta["md5"]}


def _read_batches(folder: Path, settings: DataSettings, log: Log) -> ImageSet:
    from torchvision.datasets.utils import check_integrity

    name, images, labels, classes = settings.source, [], [], []
    for part in parts_of(settings.split):
        try:
            dataset = _torchvision(settings)(folder.parent, train=part == "train")
        except OSError as error:
            raise WganError(f"cannot read {folder}: {describe_os_error(error)}", "make its files readable") from error
        except RuntimeError as error:  # torchvision verifies every file's checksum before it unpickles one
            files = _checksums(_torchvision(settings)).items()
            broken = (str(folder / file) for file, md5 in files if not check_integrity(folder / file, md5))
            raise WganError(
                f"{' and '.join(broken)} differs from {name}'s file of that name (checksum)",
                "delete it and run again to download it",
            ) from error
        images.append(torch.from_numpy(dataset.data))
        labels.append(torch.tensor(dataset.targets))
        classes = dataset.classes
        log_unusual_count(f"{name}'s {part} files", len(dataset.targets), STANDARD_COUNTS[part], log)
    pixels = torch.cat(images).permute(0, 3, 1, 2).contiguous()  # (N, 3, 32, 32)
    return ImageSet(pixels, torch.cat(labels), tuple(classes), f"{name} {settings.split} from {folder}")


def _read_folders(folder: Path, settings: DataSettings, data_root: Path, log: Log) -> ImageSet:
    parts = parts_of(settings.split)
    expected = open_container(folder / parts[0]).folders()
    for part in parts:
        names = open_container(folder / part).folders()
        if len(names) != CLASSES[settings.source]:
            raise WganError(
                f"{folder / part} has {len(names)} class folders, not {CLASSES[settings.source]}",
                f"create one folder per class, or delete {folder} to download {settings.source}",
            )
        if names != expected:
            raise WganError(f"{folder / part} has other class folders than {folder / parts[0]}", "make them the same")
    limit, sets = settings.limit if settings.classes is None else None, []  # it counts images of the chosen classes
    for part in parts:
        chosen = {"source": "folder", "path": str(folder / part), "labels": FOLDERS}
        chosen |= {"image_size": IMAGE_SIZE, "channels": 3}
        chosen |= {name: getattr(settings, name) for name in ("frames", "background", "range")}
        chosen |= {"limit": limit, "on_bad_file": settings.on_bad_file}
        images = image_folder.load(
            DataSettings.model_validate(chosen), data_root, log, required_size=(IMAGE_SIZE, IMAGE_SIZE)
        )
        if limit is None:
            log_unusual_count(f"{folder / part}'s folders", len(images), STANDARD_COUNTS[part], log)
        sets.append(images)
    origin = f"{settings.source} {settings.split} from the images in {folder}"
    images = [part.images for part in sets]
    pixels = images[0] if len(images) == 1 else torch.cat(images)  # one part stays memory-mapped
    return ImageSet(pixels, torch.cat([part.labels for part in sets]), sets[0].class_names, origin).first(limit)
