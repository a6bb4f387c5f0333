"""Cache of decoded images: one file per data set, written once and memory-mapped afterwards."""

import errno
import hashlib
import io
import json
import math
import os
import shutil
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from filelock import FileLock, Timeout
from pydantic import TypeAdapter
from torch import Tensor

from wgan_cli.data.files.value_range import Values
from wgan_cli.errors import ExitStatus, WganError, describe_os_error
from wgan_cli.utils.format import Log
from wgan_cli.utils.waiting_lock import acquire, release

VERSION = 6  # increased when decoding changes, so that older entries are ignored
PIXELS = "images.bin"
_READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)


@dataclass(frozen=True)
class DecodedInfo:
    """Facts about decoded images; stored next to the pixels."""

    shape: tuple[int, int, int, int]  # (N, C, H, W)
    class_names: tuple[str, ...] = ()
    bad: tuple[tuple[str, str], ...] = ()  # (name, reason) of the files left out
    not_now: tuple[str, ...] = ()  # names of those files among them that may be usable later
    empty_classes: tuple[str, ...] = ()  # classes left out because they have no usable image
    loose: int = 0  # number of images without a class next to others with one
    alike: bool = False  # all images are identical
    stacks: tuple[int, int] = (0, 0)  # number of files with several images, and of the images in them
    transparent: int = 0  # number of images composited onto the background
    non_finite: int = 0  # number of images with NaN or infinite values
    clipped: float = 0.0  # share of the values of all images outside of a range that the settings gave
    other_aspect: int = 0  # number of images whose aspect ratio isn't that of `shape`
    other_aspect_size: tuple[int, int] = (0, 0)  # the most frequent (width, height) among them
    values: Values | None = None  # of images with more than 8 bits, if their range was found automatically
    deep: bool = False  # stored as int16, because an image has more than 8 bits, instead of uint8
    bands: bool = False  # the channels are bands of their own, not gray, RGB and alpha
    notes: tuple[str, ...] = ()  # where classes come from and what is left out
    checksum: int = 0  # CRC-32 of the labels

    @property
    def dtype(self) -> type[np.generic]:
        """Type of the pixels."""
        return np.int16 if self.deep else np.uint8


@dataclass(frozen=True)
class DecodedImages:
    """Images (N, C, H, W) uint8 or int16, memory-mapped and read-only, and their labels (N,) int64."""

    images: Tensor
    labels: Tensor
    info: DecodedInfo


#: Writes all images to a file; returns their labels and the facts.
Decode = Callable[[BinaryIO], tuple[Sequence[int], DecodedInfo]]


def cache_folder(data_root: Path) -> Path:
    """Return the cache's folder; it is hidden, so that a folder of images can be the data root as well."""
    return data_root / ".packs"


def cache_key(location: list, content: list) -> str:
    """Return an entry's name `LOCATION-CONTENT`; of entries with the same location, the cache keeps the newest.

    Args:
        location: Where the images are, and the settings for decoding them.
        content: Fingerprint of the files.
    """
    parts = (json.dumps([VERSION, part]).encode() for part in (location, content))
    return "-".join(hashlib.sha256(part).hexdigest()[:20] for part in parts)


def open_entry(cache: Path, key: str) -> DecodedImages | None:
    """Open an entry of the cache; None if it is missing or damaged."""
    folder = cache / key
    try:
        info = TypeAdapter(DecodedInfo).validate_json((folder / "pack.json").read_bytes())
        labels = np.load(folder / "labels.npy", allow_pickle=False)
        size = np.dtype(info.dtype).itemsize * math.prod(info.shape)
        complete = (folder / PIXELS).stat().st_size == size
        if not complete or labels.shape != info.shape[:1] or zlib.crc32(labels.tobytes()) != info.checksum:
            return None
        # Copy-on-write, because torch requires writable memory.
        images = torch.from_numpy(np.memmap(folder / PIXELS, info.dtype, mode="c", shape=info.shape))
        return DecodedImages(images, torch.from_numpy(labels), info)
    except (OSError, ValueError, EOFError):
        return None


def remove_entry(cache: Path, key: str) -> None:
    """Remove an entry; processes that have it mapped keep it until they end."""
    _remove(cache / key)


def add_entry(cache: Path, key: str, decode: Decode, max_bytes: int, log: Log) -> DecodedImages:
    """Decode images into an entry of the cache, unless another process has just done so, and open it.

    The entry is written to a hidden folder and renamed, so an interruption leaves none. Processes that need the same
    entry wait for the first one. If the cache is read-only, the images are decoded into memory.

    Args:
        max_bytes: About as much as `decode` writes if all files are usable.
    Raises: WganError if the disk is full, and everything that `decode` raises.
    """
    lock = None
    try:
        cache.mkdir(parents=True, exist_ok=True)
        lock = acquire(cache / f".{key}.lock", "decoding the same images", log)
        return open_entry(cache, key) or _write_entry(cache, key, decode, max_bytes)
    except OSError as error:
        if lock is None and error.errno in _READ_ONLY:
            log(f"cannot write the decoded-image cache to {cache} ({describe_os_error(error)}); each run decodes again")
            buffer = io.BytesIO()
            labels, info = decode(buffer)
            pixels = np.frombuffer(buffer.getbuffer(), info.dtype).reshape(info.shape)
            return DecodedImages(torch.from_numpy(pixels), torch.tensor(labels, dtype=torch.int64), info)
        raise WganError(
            f"cannot write decoded images to {cache}: {describe_os_error(error)}",
            "free some space, use fewer images with data.limit, or name another folder with --data-root or $WGAN_DATA",
            ExitStatus.FAILED,
        ) from error
    finally:
        if lock is not None:
            release(lock)


def _write_entry(cache: Path, key: str, decode: Decode, max_bytes: int) -> DecodedImages:
    # Unfinished entries of processes that were killed: the system released their locks.
    for unfinished in {path.with_suffix("") for path in cache.glob(".*-*")} - {cache / f".{key}"}:
        lock = FileLock(f"{unfinished}.lock")
        with suppress(OSError, Timeout):
            lock.acquire(timeout=0)
            shutil.rmtree(unfinished, ignore_errors=True)
            release(lock)
    free = shutil.disk_usage(cache).free
    if free < max_bytes:
        raise OSError(errno.ENOSPC, f"{max_bytes / 1e6:,.0f} MB are needed and {free / 1e6:,.0f} MB are free")
    temporary = cache / f".{key}"
    _remove(temporary)  # of a process that was killed
    try:
        temporary.mkdir()
        _write_files(temporary, decode)
        _remove(cache / key)  # a damaged entry
        os.rename(temporary, cache / key)
    finally:
        _remove(temporary)
    for outdated in cache.glob(f"{key.partition('-')[0]}-*"):  # same location and settings, but the files changed
        if outdated.name != key:
            _remove(outdated)  # processes that have it mapped keep it until they end
    if (found := open_entry(cache, key)) is None:
        raise OSError(errno.EIO, "the files just written cannot be read")
    return found


def _write_files(folder: Path, decode: Decode) -> None:
    with open(folder / PIXELS, "wb", buffering=1 << 20) as file:
        labels, info = decode(file)
        file.flush()
        os.fsync(file.fileno())
    labels = np.asarray(labels, np.int64)
    np.save(folder / "labels.npy", labels)
    facts = {**asdict(info), "checksum": zlib.crc32(labels.tobytes())}
    (folder / "pack.json").write_text(json.dumps(facts), encoding="utf-8")


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
    shutil.rmtree(path, ignore_errors=True)
