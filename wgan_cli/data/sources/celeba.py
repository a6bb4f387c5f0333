"""CelebA: faces in torchvision's archive or the folder unpacked from it, downloaded if both are missing."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from wgan_cli.data.containers.container import Container, Entry
from wgan_cli.data.containers.folders import open_container
from wgan_cli.data.dataset import ImageSet
from wgan_cli.data.files.labelling import FOLDERS
from wgan_cli.data.sources import image_folder
from wgan_cli.data.sources.download import download_set, log_unusual_count, parts_of
from wgan_cli.errors import WganError, describe_os_error
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.utils.extras import import_extra
from wgan_cli.utils.format import Log

COUNTS = {"train": 162_770, "test": 19_962}
PARTITION = "list_eval_partition.txt"  # lines such as `000001.jpg 0`
_CODES = {"train": "0", "test": "2"}  # 1: validation images
SIZE = (64, 64)  # by default; the images have 178x218 pixels


class Subset(Container):
    """Some files of a container, by the last part of their names."""

    def __init__(self, whole: Container, title: str, names: Iterable[str]) -> None:
        super().__init__(whole.path)
        self._whole, self._title, self._names = whole, title, frozenset(names)

    def close(self) -> None:
        self._whole.close()

    def location(self) -> object:
        return [self._whole.location(), self._title]

    def fingerprint(self) -> list:
        return self._whole.fingerprint()

    def _list(self) -> tuple[list[Entry], list[str]]:
        return [entry for entry in self._whole.entries() if os.path.basename(entry.name) in self._names], []

    def _read(self, entry: Entry) -> bytes:
        return self._whole.read(entry)

    def _open(self, entry: Entry) -> BinaryIO:
        return self._whole.open(entry)


def load(settings: DataSettings, data_root: Path, log: Log) -> ImageSet:
    """Load CelebA (N, 3, H, W), 64x64 by default, from `data_root`/celeba, decoding it once into the cache."""
    folder = data_root / "celeba"
    images = next((path for name in ("", ".zip") if os.path.exists(path := folder / f"img_align_celeba{name}")), None)
    if images is None or not os.path.isfile(folder / PARTITION):
        _download(data_root, log)
        images = images or folder / "img_align_celeba.zip"
    parts = parts_of(settings.split)
    names = _names(folder / PARTITION, parts)
    as_folder = {"labels": FOLDERS, "split": "train", "channels": 3, "image_size": settings.image_size or SIZE}
    with Subset(open_container(images), settings.split, names) as container:
        found = image_folder.load_container(container, settings.model_copy(update=as_folder), data_root, log)
    if settings.limit is None:
        log_unusual_count(f"celeba's {settings.split} files", len(found), sum(COUNTS[part] for part in parts), log)
    return found


def _names(file: Path, parts: Iterable[str]) -> list[str]:
    codes = [_CODES[part] for part in parts]
    try:
        rows = [line.split() for line in file.read_text(encoding="ascii").splitlines()]
        return [name for name, code in rows if code in codes]
    except OSError as error:
        raise WganError(f"cannot read {file}: {describe_os_error(error)}", "make the file readable") from None
    except ValueError:
        raise WganError(f"{file} is damaged", "delete it and run again to download it") from None


def _download(data_root: Path, log: Log) -> None:
    from torchvision.datasets import CelebA
    from torchvision.datasets.utils import download_file_from_google_drive

    import_extra("gdown", "data", "downloading celeba")
    wanted = [row for row in CelebA.file_list if row[2] in (PARTITION, "img_align_celeba.zip")]

    def fetch(root: Path) -> None:
        try:
            for number, md5, name in wanted:
                download_file_from_google_drive(number, root / "celeba", name, md5)
        except Exception as error:  # gdown and requests have many types, for example for Google Drive's quota
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise RuntimeError(str(error).strip().partition("\n")[0]) from None

    download_set(
        "celeba",
        data_root,
        files=[f"celeba/{name}" for _, _, name in wanted],
        archives={f"celeba/{name}": md5 for _, md5, name in wanted},
        download=fetch,
        manually=f"put {' and '.join(name for _, _, name in wanted)} into {data_root / 'celeba'}",
        log=log,
    )
