"""Image files in a .zip or .tar, read in place by names that are never used as paths."""

from __future__ import annotations

import os
import re
import shutil
import stat
import tarfile
import tempfile
import threading
import zipfile
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from wgan_cli.data.files.container import Container, Entry, NotAnImage, is_hidden
from wgan_cli.errors import ExitStatus, WganError, describe_os_error


class _Archive(Container):
    """Files of an archive, by names that are never used as paths."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.archive: Any = None
        self.lock = threading.Lock()  # an archive has one file position

    def close(self) -> None:
        if self.archive is not None:
            self.archive.close()

    def _list(self) -> tuple[list[Entry], list[str]]:
        try:
            changed = os.stat(self.path).st_mtime_ns
            # A name that comes twice is a file that was replaced: the last one counts, as in unpacking.
            found = {name: (size, place) for name, size, place in self._members() if name}
        except OSError as error:
            raise WganError(f"cannot read {self.path}: {describe_os_error(error)}", "copy it again") from None
        except WganError:
            raise
        except Exception as error:  # zipfile and tarfile leave broken bytes to whichever line stumbles over them
            raise WganError(
                f"{self.path} is a damaged archive: {error or type(error).__name__}", "make or copy it again"
            ) from None
        top = _common_folder(found)
        shown = {name[len(top) :]: info for name, info in found.items() if name != top}
        files = {name: info for name, info in shown.items() if not name.endswith("/")}
        folders = {name.partition("/")[0] for name in shown if "/" in name}
        return [Entry(name, size, changed, place) for name, (size, place) in files.items()], sorted(folders)

    @abstractmethod
    def _members(self) -> Iterator[tuple[str, int, Any]]:
        """Safe name, size in bytes and place of each; a folder's name ends in a slash."""


class ZipContainer(_Archive):
    """A .zip, read in place."""

    def _members(self) -> Iterator[tuple[str, int, Any]]:
        self.archive = zipfile.ZipFile(self.path)
        for info in self.archive.infolist():
            if not stat.S_ISLNK(info.external_attr >> 16):
                # Some programs on Windows write backslashes.
                yield safe_name(info.filename.replace("\\", "/")), info.file_size, info

    def _read(self, entry: Entry) -> bytes:
        with self.lock:
            return self.archive.read(entry.place)


class TarContainer(_Archive):
    """A .tar, plain or compressed. Only regular files count: no links, no devices."""

    def _members(self) -> Iterator[tuple[str, int, Any]]:
        self.archive = _plain_tar(self.path)
        for info in tar_members(self.archive):
            if info.isfile() or info.isdir():
                yield safe_name(info.name) + "/" * info.isdir(), info.size, info

    def _read(self, entry: Entry) -> bytes:
        with self.lock, self.archive.extractfile(entry.place) as file:
            content = file.read(entry.size)
        if len(content) != entry.size:
            raise NotAnImage("cut short")
        return content


def is_tar(path: Path) -> bool:
    """Whether a file is a .tar, plain or compressed."""
    try:
        return tarfile.is_tarfile(path)
    except OSError as error:
        if error.errno is not None:
            raise
        return False  # gzip's word for broken bytes
    except Exception:  # that of the other formats
        return False


def tar_members(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """What a plain .tar holds, in order, by its headers alone. Raises: ValueError where it is broken or cut short."""
    last = -1
    for info in archive:
        if info.size < 0 or info.offset <= last:  # else a wrong size leads back, and round for ever
            raise ValueError("a size in it is wrong")
        last = info.offset
        yield info
    # tarfile takes a broken header for the end, and a missing end too; the real end is a block of zeros.
    archive.fileobj.seek(archive.offset)
    if archive.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise ValueError("it is cut short, or broken in the middle")


def _plain_tar(path: Path) -> tarfile.TarFile:
    """An open .tar; a compressed one is first unpacked into a nameless file, for it can only be read in order."""
    try:
        return tarfile.open(path, "r:")
    except tarfile.ReadError:
        packed = tarfile.open(path, "r:*").fileobj  # noqa: SIM115 - closed below
    try:
        plain = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the archive
        packed.seek(0)
    except OSError as error:
        raise WganError(f"cannot unpack {path}: {describe_os_error(error)}", "set $TMPDIR to another folder") from None
    try:
        shutil.copyfileobj(packed, plain, 1 << 20)
    except OSError as error:
        if error.errno is None:  # gzip's word for broken bytes
            raise ValueError(str(error)) from None
        raise WganError(
            f"cannot unpack {path} to {tempfile.gettempdir()}: {describe_os_error(error)}",
            "set $TMPDIR to a folder with more space, or unpack it yourself",
            ExitStatus.FAILED,
        ) from None
    finally:
        packed.close()
    plain.seek(0)
    return tarfile.open(fileobj=plain, mode="r:")


def safe_name(name: str) -> str:
    """An archive's name without what would lead out of it: `/`, `..`, drives; "" for hidden files.

    >>> safe_name("C:/photos/../cat/1.jpg")
    'photos/cat/1.jpg'
    """
    parts = [part for part in re.sub(r"^[A-Za-z]:", "", name).split("/") if part not in ("", ".", "..")]
    if any(is_hidden(part) for part in parts):
        return ""
    return "/".join(parts) + "/" * (name.endswith("/") and bool(parts))


def _common_folder(names: Iterable[str]) -> str:
    """The one folder at the top that holds all, with its slash, or ""; it is the archive's name and no class."""
    tops = {first + slash for first, slash, _ in (name.partition("/") for name in names)}
    return tops.pop() if len(tops) == 1 and all(top.endswith("/") for top in tops) else ""
