"""Image files in .zip and .tar archives, read in place. Member names are never used as file system paths."""

import os
import re
import shutil
import stat
import tarfile
import tempfile
import threading
import zipfile
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from wgan_cli.data.containers.container import Container, Entry, NotAnImage, is_hidden
from wgan_cli.errors import ExitStatus, WganError, describe_os_error
from wgan_cli.utils.format import printable

MAX_NAMED = 10  # folders in a hint


class _Archive(Container):
    """Archive whose members are read in place."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.archive: Any = None
        self.lock = threading.Lock()  # an archive has a single file position

    def close(self) -> None:
        if self.archive is not None:
            self.archive.close()

    def _list(self) -> tuple[list[Entry], list[str]]:
        try:
            mtime_ns = os.stat(self.path).st_mtime_ns
            # For a name that occurs twice, the last member counts, as in unpacking.
            members = {name: (size, handle) for name, size, handle in self._members() if name}
        except OSError as error:
            raise WganError(f"cannot read {self.path}: {describe_os_error(error)}", "copy it again") from None
        except WganError:
            raise
        except Exception as error:  # zipfile and tarfile raise a dozen types for broken bytes
            reason = error or type(error).__name__
            raise WganError(f"{self.path} is a damaged archive: {reason}", "create or copy it again") from None
        tops = {first + slash for first, slash, _ in (name.partition("/") for name in members)}
        root = tops.pop() if len(tops) == 1 and all(top.endswith("/") for top in tops) else ""  # it isn't a class
        inner = {name[len(root) :]: member for name, member in members.items() if name != root}
        entries = [Entry(name, size, mtime_ns, handle) for name, (size, handle) in inner.items() if name[-1] != "/"]
        return entries, sorted({name.partition("/")[0] for name in inner if "/" in name})

    @abstractmethod
    def _members(self) -> Iterator[tuple[str, int, Any]]:
        """Yield each member's safe name (folders end in a slash), size in bytes and handle."""


class ZipContainer(_Archive):
    """Files of a .zip."""

    def _members(self) -> Iterator[tuple[str, int, Any]]:
        self.archive = zipfile.ZipFile(self.path)
        for info in self.archive.infolist():
            if not stat.S_ISLNK(info.external_attr >> 16):  # some Windows programs write backslashes
                yield safe_name(info.filename.replace("\\", "/")), info.file_size, info

    def _read(self, entry: Entry) -> bytes:
        with self.lock:
            return self.archive.read(entry.handle)


class TarContainer(_Archive):
    """Regular files of a .tar, plain or compressed; links and devices are ignored."""

    def _members(self) -> Iterator[tuple[str, int, Any]]:
        self.archive = _uncompressed_tar(self.path)
        for info in tar_members(self.archive):
            if info.isfile() or info.isdir():
                yield safe_name(info.name + "/" * info.isdir()), info.size, info

    def _read(self, entry: Entry) -> bytes:
        with self.lock, self.archive.extractfile(entry.handle) as file:
            content = file.read(entry.size)
        if len(content) != entry.size:
            raise NotAnImage("truncated")
        return content


class ArchiveFolder(Container):
    """A folder in an archive, given by a path such as photos.zip/train."""

    def __init__(self, path: Path, archive: Container) -> None:
        super().__init__(path, archive.path)
        self.archive = archive

    def close(self) -> None:
        self.archive.close()

    def _list(self) -> tuple[list[Entry], list[str]]:
        prefix = f"{self.path.relative_to(self.archive.path).as_posix()}/"
        inside = [entry for entry in self.archive.entries() if entry.name.startswith(prefix)]
        if not inside:
            known = ", ".join(map(printable, self.archive.folders()[:MAX_NAMED])) or "none"
            raise WganError(f"{self.archive.path} has no folder {prefix[:-1]}", f"top-level folders in it: {known}")
        entries = [replace(entry, name=entry.name.removeprefix(prefix)) for entry in inside]
        return entries, sorted({entry.name.partition("/")[0] for entry in entries if "/" in entry.name})

    def _read(self, entry: Entry) -> bytes:
        return self.archive._read(entry)


def is_tar(path: Path) -> bool:
    """Return True for a .tar file, plain or compressed."""
    try:
        return tarfile.is_tarfile(path)
    except OSError as error:
        if error.errno is not None:
            raise
        return False  # gzip's error for broken bytes
    except Exception:  # the other formats' errors
        return False


def tar_members(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield the members of an uncompressed .tar in order, reading headers only.

    Raises: ValueError if the archive is damaged or truncated.
    """
    last = -1
    for info in archive:
        if info.size < 0 or info.offset <= last:  # a bad size may point backwards and loop forever
            raise ValueError("a member has an invalid size")
        last = info.offset
        yield info
    # tarfile stops silently at a broken header and at a missing end; a complete archive ends with a block of zeros.
    file: Any = archive.fileobj
    file.seek(archive.offset)
    if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise ValueError("truncated, or broken in the middle")


def _uncompressed_tar(path: Path) -> tarfile.TarFile:
    """Open a .tar for random access; a compressed one is unpacked to an anonymous temporary file first."""
    try:
        return tarfile.open(path, "r:")
    except tarfile.ReadError:
        packed: Any = tarfile.open(path, "r:*").fileobj  # noqa: SIM115 - closed below
    try:
        plain = tempfile.TemporaryFile()  # noqa: SIM115 - stays open as long as the archive
        packed.seek(0)
        shutil.copyfileobj(packed, plain, 1 << 20)
    except OSError as error:
        if error.errno is None:  # gzip's error for broken bytes
            raise ValueError(str(error)) from None
        raise WganError(
            f"cannot unpack {path} to $TMPDIR: {describe_os_error(error)}",
            "set $TMPDIR to a folder with more space, or unpack the archive yourself",
            ExitStatus.FAILED,
        ) from None
    finally:
        packed.close()
    plain.seek(0)
    return tarfile.open(fileobj=plain, mode="r:")


def safe_name(name: str) -> str:
    """Return a member's name without leading slashes, drives and `..`, or "" for hidden files.

    >>> safe_name("C:/photos/../cat/1.jpg")
    'photos/cat/1.jpg'
    """
    parts = [part for part in re.sub(r"^[A-Za-z]:", "", name).split("/") if part not in ("", ".", "..")]
    if any(is_hidden(part) for part in parts):
        return ""
    return "/".join(parts) + "/" * (name.endswith("/") and bool(parts))
