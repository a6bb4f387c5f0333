"""SVHN and STL-10: arrays in torchvision's files, downloaded if missing."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from wgan_cli.data.dataset import ImageSet
from wgan_cli.data.sources.download import download_set, log_unusual_count, parts_of
from wgan_cli.errors import WganError, describe_os_error
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.utils.extras import import_extra
from wgan_cli.utils.format import Log


class ArraySet(NamedTuple):
    """Set of arrays in files, one part after the other."""

    files: Mapping[str, tuple[str, ...]]  # of each part, relative to the data root
    counts: Mapping[str, int]  # of the standard images
    class_names: tuple[str, ...]
    read: Callable[..., tuple[np.ndarray, np.ndarray]]  # the files of a part -> (N, C, H, W) uint8, labels (N,)
    download: Callable[[Sequence[str]], dict[str, Any]]  # parts -> arguments of `download_set`


def _read_svhn(file: Path) -> tuple[np.ndarray, np.ndarray]:
    content = import_extra("scipy.io", "data", "svhn").loadmat(file)
    return content["X"].transpose(3, 2, 0, 1), content["y"].reshape(-1) % 10  # 10 is the digit 0


def _download_svhn(parts: Sequence[str]) -> dict[str, Any]:
    from torchvision.datasets import SVHN

    import_extra("scipy.io", "data", "svhn")  # torchvision reads what it downloads
    archives = {name: md5 for _, name, md5 in (SVHN.split_list[part] for part in parts)}
    return {
        "files": list(archives),
        "archives": archives,
        "download": lambda root: [SVHN(root, part, download=True) for part in parts],
    }


def _read_stl10(images: Path, labels: Path | None = None) -> tuple[np.ndarray, np.ndarray]:
    pixels = np.fromfile(images, np.uint8).reshape(-1, 3, 96, 96).transpose(0, 1, 3, 2)  # stored by columns
    return pixels, np.zeros(len(pixels)) if labels is None else np.fromfile(labels, np.uint8) - 1.0


def _download_stl10(parts: Sequence[str]) -> dict[str, Any]:
    from torchvision.datasets import STL10

    files: Any = (*STL10.train_list, *STL10.test_list)
    return {
        "files": [f"{STL10.base_folder}/{name}" for name, _ in files],
        "archives": {STL10.filename: STL10.tgz_md5},
        "download": lambda root: STL10(root, download=True),
    }


_STL10 = {part: (f"stl10_binary/{part}_X.bin", f"stl10_binary/{part}_y.bin") for part in ("train", "test")}
SETS = {
    "svhn": ArraySet(
        files={"train": ("train_32x32.mat",), "test": ("test_32x32.mat",)},
        counts={"train": 73_257, "test": 26_032},
        class_names=tuple("0123456789"),
        read=_read_svhn,
        download=_download_svhn,
    ),
    "stl10": ArraySet(
        files=_STL10,
        counts={"train": 5_000, "test": 8_000},
        class_names=("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck"),
        read=_read_stl10,
        download=_download_stl10,
    ),
    "stl10_unlabeled": ArraySet(
        files={"train": ("stl10_binary/unlabeled_X.bin",), "test": _STL10["test"][:1]},
        counts={"train": 100_000, "test": 8_000},
        class_names=(),
        read=_read_stl10,
        download=_download_stl10,
    ),
}


def load(settings: DataSettings, data_root: Path, log: Log) -> ImageSet:
    """Load a set (N, C, H, W) from torchvision's files in `data_root` or the network."""
    own, parts = SETS[settings.source], parts_of(settings.split)
    if not all(os.path.isfile(data_root / file) for part in parts for file in own.files[part]):
        wanted = own.download(parts)
        manually = f"put {' and '.join(wanted['archives'])} into {data_root}"
        download_set(settings.source, data_root, **wanted, manually=manually, log=log)
    read = [_read(own, [data_root / file for file in own.files[part]]) for part in parts]
    for part, (_, labels) in zip(parts, read, strict=True):
        log_unusual_count(f"{settings.source}'s {part} files", len(labels), own.counts[part], log)
    images, labels = (torch.cat(each) for each in zip(*read, strict=True))
    return ImageSet(images, labels, own.class_names, f"{settings.source} {settings.split} from {data_root}")


def _read(own: ArraySet, files: Sequence[Path]) -> tuple[torch.Tensor, torch.Tensor]:
    try:
        images, labels = own.read(*files)
        if len(images) != len(labels) or not 0 <= labels.min() <= labels.max() < max(1, len(own.class_names)):
            raise ValueError
        return torch.from_numpy(np.ascontiguousarray(images)), torch.from_numpy(labels.astype(np.int64))
    except WganError:
        raise
    except Exception as error:  # scipy raises many types for broken files, OSError without a number among them
        if isinstance(error, OSError) and error.errno is not None:
            raise WganError(f"cannot read {files[0]}: {describe_os_error(error)}", "make the file readable") from error
        names = " or ".join(map(str, files))
        raise WganError(f"{names} is truncated or damaged", "delete it and run again to download it") from error
