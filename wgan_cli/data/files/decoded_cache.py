"""Decoded images in one file of the cache: made once, mapped into memory ever after."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import secrets
import shutil
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor

from wgan_cli.errors import ExitStatus, WganError, describe_os_error

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

VERSION = 1  # raised when decoding changes, so that older packs are made anew
ABANDONED_SECONDS = 5 if fcntl else 3600  # a half-made pack that nobody holds and that is older was never finished
READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)
ATTEMPTS = 3


@dataclass(frozen=True)
class Facts:
    """What a pack holds beside pixels.

    shape: (N, C, H, W). class_names: () where there are no classes. bad: (name, reason) of files left out. alike:
    whether all images are the same. checksum: of the labels.
    """

    shape: tuple[int, int, int, int]
    class_names: tuple[str, ...] = ()
    bad: tuple[tuple[str, str], ...] = ()
    empty_classes: tuple[str, ...] = ()
    loose: int = 0
    alike: bool = False
    checksum: int = 0


@dataclass(frozen=True)
class Pack:
    """images: (N, C, H, W) uint8, mapped and not read; never to be written to. labels: (N,) int64."""

    images: Tensor
    labels: Tensor
    facts: Facts


@dataclass
class Rows:
    """Takes the images of a pack one after the other, and what is to be known of them."""

    file: BinaryIO
    shape: tuple[int, int, int]
    labels: list[int] = field(default_factory=list)
    alike: bool = True
    _first: bytes = b""

    def add(self, pixels: np.ndarray, label: int) -> None:
        """Write one image of `shape` (C, H, W), uint8."""
        assert pixels.shape == self.shape and pixels.dtype == np.uint8, (pixels.shape, pixels.dtype)
        content = pixels.tobytes()
        self._first = self._first or content
        self.alike = self.alike and content == self._first
        self.file.write(content)
        self.labels.append(label)

    def facts(self, **more: object) -> Facts:
        """What is known so far, completed by `more`."""
        return Facts(shape=(len(self.labels), *self.shape), alike=self.alike, **more)


def packs_folder(data_root: Path) -> Path:
    """Where packs are kept; hidden, so that a folder of images may be the data root as well."""
    return data_root / ".packs"


def pack_key(place: list, content: list) -> str:
    """A name for a pack: its first half from where the images lie and the settings, its second from the files."""
    return f"{_digest([VERSION, place])}-{_digest([VERSION, content])}"


def _digest(parts: list) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:20]


def open_pack(cache: Path, key: str) -> Pack | None:
    """A whole pack of the cache, or None where there is none or it is damaged."""
    folder = cache / key
    try:
        values = json.loads((folder / "pack.json").read_text(encoding="utf-8"))
        lists = {name: tuple(values[name]) for name in ("shape", "class_names", "empty_classes")}
        facts = Facts(**{**values, **lists, "bad": tuple((name, reason) for name, reason in values["bad"])})
        labels = np.load(folder / "labels.npy", allow_pickle=False)
        count, channels, height, width = facts.shape
        whole = (folder / "images.u8").stat().st_size == count * channels * height * width
        if not whole or labels.shape != (count,) or zlib.crc32(labels.tobytes()) != facts.checksum:
            return None
        # Copy on write: torch wants memory that it may write to, and the file stays as it is.
        images = torch.from_numpy(np.memmap(folder / "images.u8", np.uint8, mode="c", shape=facts.shape))
        return Pack(images, torch.from_numpy(labels), facts)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, OverflowError):
        return None


def cached_pack(
    cache: Path, key: str, build: Callable[[BinaryIO], tuple[Rows, Facts]], most_bytes: int,
    log: Callable[[str], None],
) -> Pack:  # fmt: skip
    """Open a pack of the cache, made first where there is none.

    It is made beside its place and moved there whole, so one that was interrupted is never seen, and of two processes
    that make it at once the first to finish wins. Where the cache may not be written to, the images stay in memory.

    Args:
        build: writes the images to a file; returns their rows and facts. May raise.
        most_bytes: how many it may write.
    Raises: WganError where the disk is full, and whatever `build` raises.
    """
    if (found := open_pack(cache, key)) is not None:
        return found
    try:
        cache.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(cache)
        beside = cache / f".{key[:8]}-{secrets.token_hex(8)}"
        beside.mkdir()
    except OSError as error:
        if error.errno not in READ_ONLY:
            raise _no_room(cache, error) from error
        log(f"decoded images cannot be kept in {cache} ({describe_os_error(error)}), so each run decodes them anew")
        return _in_memory(build)
    try:
        _check_room(cache, most_bytes)
        _write(beside, build)
        return _published(cache, key, beside)
    except OSError as error:
        raise _no_room(cache, error) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def told_now_and_then(
    rows: Iterable, total: int, what: str, log: Callable[[str], None], every: float = 3.0, unit: str = "images"
) -> Iterator:
    """Hand rows on, and say every few seconds how many of them there were."""
    told = time.monotonic()
    for done, row in enumerate(rows):
        if time.monotonic() - told >= every:
            told = time.monotonic()
            log(f"{what}: {done:,} of {total:,} {unit}")
        yield row


def _write(folder: Path, build: Callable[[BinaryIO], tuple[Rows, Facts]]) -> None:
    with open(folder / "images.u8", "wb", buffering=1 << 20) as file:
        if fcntl:
            with suppress(OSError):  # some network drives know no locks
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # until the process ends, however it ends
        rows, facts = build(file)
        file.flush()
        os.fsync(file.fileno())
    labels = np.asarray(rows.labels, np.int64)
    np.save(folder / "labels.npy", labels)
    values = {**asdict(facts), "checksum": zlib.crc32(labels.tobytes())}
    with open(folder / "pack.json", "w", encoding="utf-8") as file:
        json.dump(values, file)
        file.flush()
        os.fsync(file.fileno())


def _published(cache: Path, key: str, beside: Path) -> Pack:
    for _ in range(ATTEMPTS):
        with suppress(OSError):
            os.rename(beside, cache / key)
            _remove_outdated(cache, key)
        if (found := open_pack(cache, key)) is not None:
            return found
        # What lies there is damaged: moved away in one step, for another process may be about to replace it too.
        with suppress(OSError), tempfile.TemporaryDirectory(dir=cache, prefix=".damaged-") as away:
            os.rename(cache / key, Path(away) / key)
    raise OSError(errno.EBUSY, "another process changes it")


def _in_memory(build: Callable[[BinaryIO], tuple[Rows, Facts]]) -> Pack:
    buffer = io.BytesIO()
    rows, facts = build(buffer)
    pixels = np.frombuffer(buffer.getbuffer(), np.uint8).reshape(facts.shape)
    return Pack(torch.from_numpy(pixels), torch.tensor(rows.labels, dtype=torch.int64), facts)


def _check_room(cache: Path, needed: int) -> None:
    free = shutil.disk_usage(cache).free
    if free < needed:
        raise OSError(errno.ENOSPC, f"{needed / 1e6:,.0f} MB are needed and {free / 1e6:,.0f} MB are free")


def _no_room(cache: Path, error: OSError) -> WganError:
    return WganError(
        f"cannot write decoded images to {cache}: {describe_os_error(error)}",
        "free space, take fewer images with data.limit, or name another folder with --data-root or $WGAN_DATA",
        ExitStatus.FAILED,
    )


def _remove_outdated(cache: Path, key: str) -> None:
    """Remove packs of the same place and settings whose files have changed since; nobody would find them again."""
    for other in cache.glob(f"{key.partition('-')[0]}-*"):
        if other.name != key:
            shutil.rmtree(other, ignore_errors=True)  # a process that has it mapped keeps it until it ends


def _remove_abandoned(cache: Path) -> None:
    for half in cache.glob(".*-*"):
        with suppress(OSError):
            if time.time() - half.stat().st_mtime > ABANDONED_SECONDS and not _is_held(half / "images.u8"):
                shutil.rmtree(half, ignore_errors=True)


def _is_held(file: Path) -> bool:
    """Whether a process that lives writes it; the system lets go of the lock of one that was killed."""
    try:
        with open(file, "rb") as opened:
            if fcntl:
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return not fcntl and time.time() - file.stat().st_mtime < ABANDONED_SECONDS
