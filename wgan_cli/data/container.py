"""Image files in a folder, a .zip or a .tar: which there are, of which class, and their bytes."""

from __future__ import annotations

import io
import os
import re
import shutil
import stat
import tarfile
import tempfile
import threading
import zipfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from wgan_cli.errors import ExitStatus, WganError, why_file_failed

MOST_BYTES = 300_000_000  # more than the largest picture that Pillow opens; a film is not read into memory
_BEGINNINGS = (b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00")  # of .zip and of compressed files
SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini", "__macosx"})  # hidden where they come from


class NotAnImage(ValueError):
    """A file that cannot be used, with the reason in a few words."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file. name: below the container, with forward slashes and without `..`. size in bytes, changed in ns.

    place: where its container finds it.
    """

    name: str
    size: int
    changed: int
    place: Any = None

    @property
    def class_name(self) -> str | None:
        """The first folder of the name, or None for a file that lies flat."""
        first, slash, _ = self.name.partition("/")
        return first if slash else None


class Container:
    """Files that can be listed and read, by several threads at once. Nothing is read before it is asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._listed: tuple[list[Entry], list[str]] | None = None

    def __enter__(self) -> Container:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of an archive's file."""

    def entries(self) -> list[Entry]:
        """All files but hidden ones, sorted by name. Raises: WganError where the container cannot be read."""
        return self._listing()[0]

    def folders(self) -> list[str]:
        """Names of all folders at the top, also of empty ones, sorted."""
        return self._listing()[1]

    def fingerprint(self) -> list:
        """What changes when any file changes; for an archive, found without opening it."""
        status = os.stat(self.path)
        return [status.st_size, status.st_mtime_ns]

    def read(self, entry: Entry) -> bytes:
        """A file's bytes. Raises: NotAnImage where it cannot be read, or is too large for an image."""
        if not 0 <= entry.size <= MOST_BYTES:
            raise NotAnImage(f"{entry.size:,} bytes are too many")
        return self._reading(self._read, entry)

    def open(self, entry: Entry) -> BinaryIO:
        """A file to read the beginning of, without reading it all where that is possible. Raises: NotAnImage."""
        return self._reading(self._open, entry)

    @staticmethod
    def _reading(read: Callable[[Entry], Any], entry: Entry) -> Any:
        try:
            return read(entry)
        except NotAnImage:
            raise
        except OSError as error:
            raise NotAnImage(f"cannot be read: {why_file_failed(error)}") from None
        except Exception as error:  # broken archives raise whatever the line that stumbles raises
            raise NotAnImage(f"cannot be read: {error or type(error).__name__}") from None

    def _listing(self) -> tuple[list[Entry], list[str]]:
        if self._listed is None:
            entries, folders = self._list()
            self._listed = sorted(entries, key=lambda entry: entry.name), sorted(folders)
        return self._listed

    def _list(self) -> tuple[Iterable[Entry], Iterable[str]]:
        raise NotImplementedError

    def _read(self, entry: Entry) -> bytes:
        raise NotImplementedError

    def _open(self, entry: Entry) -> BinaryIO:
        return io.BytesIO(self.read(entry))


def open_container(path: Path) -> Container:
    """A folder, .zip or .tar (also compressed), told apart by what it is and not by its name.

    Raises: WganError where it is missing or none of them.
    """
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            return FolderContainer(path)
        if stat.S_ISREG(status.st_mode):
            # A .tar first: it may hold a .zip at its end, where a .zip is known by its end.
            for recognised, kind in ((_is_tar, TarContainer), (zipfile.is_zipfile, ZipContainer)):
                if recognised(path):
                    return kind(path)
            with open(path, "rb") as file:
                if file.read(6).startswith(_BEGINNINGS):
                    raise WganError(f"{path} is a damaged archive, or none of files", "make or copy it again")
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a name with a zero byte
        raise WganError(
            f"there is no folder or archive {path}", "check `data.path`; it starts from the folder where you run wgan"
        ) from None
    except OSError as error:
        raise WganError(f"cannot read {path}: {why_file_failed(error)}", "make it readable") from None
    raise WganError(f"{path} is no folder, .zip or .tar", "give a folder of images, or an archive of one")


class FolderContainer(Container):
    """A folder and all below it. What is reached twice, through links, counts once, by its own name if it has one."""

    def fingerprint(self) -> list:
        # One string: a list of lists takes ten times as long to write down, which 60,000 files make felt.
        return ["\0".join(f"{entry.name}\0{entry.size}\0{entry.changed}" for entry in self.entries())]

    def _list(self) -> tuple[list[Entry], list[str]]:
        entries, folders = [], []
        real = os.path.realpath(self.path)
        seen = {real}
        # Links wait until all that is really there is known, so that a file keeps its own name and class.
        links: deque[tuple[str, str]] = deque()
        self._walk("", real, seen, links, entries, folders)
        while links:
            name, real = links.popleft()
            if real in seen:
                continue
            seen.add(real)
            try:
                status = os.stat(real)
            except OSError:  # a link to nothing, or to itself
                continue
            if stat.S_ISDIR(status.st_mode):
                folders += [name] if "/" not in name else []
                self._walk(f"{name}/", real, seen, links, entries, folders)
            elif stat.S_ISREG(status.st_mode):
                entries.append(Entry(name, status.st_size, status.st_mtime_ns, real))
        return entries, folders

    def _walk(
        self, prefix: str, real: str, seen: set[str], links: deque, entries: list[Entry], folders: list[str]
    ) -> None:
        """Add all below the real folder `real`, whose files are named prefix + name."""
        waiting = [(prefix, real)]  # no recursion: folders may nest deeper than Python allows
        while waiting:
            prefix, real = waiting.pop()
            for item in _scanned(real):
                if _is_hidden(item.name):
                    continue
                name = prefix + item.name
                if item.is_symlink():
                    links.append((name, os.path.realpath(item.path)))
                    continue
                if item.path in seen:
                    continue
                seen.add(item.path)
                if item.is_dir():
                    folders += [name] if not prefix else []
                    waiting.append((f"{name}/", item.path))
                elif item.is_file():  # neither a pipe nor a device
                    try:
                        status = item.stat()
                    except FileNotFoundError:  # deleted a moment ago
                        continue
                    entries.append(Entry(name, status.st_size, status.st_mtime_ns, item.path))

    def _read(self, entry: Entry) -> bytes:
        with open(entry.place, "rb") as file:
            return file.read(MOST_BYTES)

    def _open(self, entry: Entry) -> BinaryIO:
        return open(entry.place, "rb")


def _scanned(folder: str) -> list[os.DirEntry]:
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda item: item.name)
    except OSError as error:
        raise WganError(f"cannot read {folder}: {why_file_failed(error)}", "make the folder readable") from None


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
            raise WganError(f"cannot read {self.path}: {why_file_failed(error)}", "copy it again") from None
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

    def _members(self) -> Iterator[tuple[str, int, Any]]:
        """Safe name, size in bytes and place of each; a folder's name ends in a slash."""
        raise NotImplementedError


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
        last = -1
        for info in self.archive:
            if info.size < 0 or info.offset <= last:  # else a wrong size leads back, and round for ever
                raise ValueError("a size in it is wrong")
            last = info.offset
            if info.isfile() or info.isdir():
                yield safe_name(info.name) + "/" * info.isdir(), info.size, info
        # tarfile takes a broken header for the end, and a missing end too; the real end is a block of zeros.
        self.archive.fileobj.seek(self.archive.offset)
        if self.archive.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise ValueError("it is cut short, or broken in the middle")

    def _read(self, entry: Entry) -> bytes:
        with self.lock, self.archive.extractfile(entry.place) as file:
            content = file.read(entry.size)
        if len(content) != entry.size:
            raise NotAnImage("cut short")
        return content


def _is_tar(path: Path) -> bool:
    try:
        return tarfile.is_tarfile(path)
    except OSError as error:
        if error.errno is not None:
            raise
        return False  # gzip's word for broken bytes
    except Exception:  # that of the other formats
        return False


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
        raise WganError(f"cannot unpack {path}: {why_file_failed(error)}", "set $TMPDIR to another folder") from None
    try:
        shutil.copyfileobj(packed, plain, 1 << 20)
    except OSError as error:
        if error.errno is None:  # gzip's word for broken bytes
            raise ValueError(str(error)) from None
        raise WganError(
            f"cannot unpack {path} to {tempfile.gettempdir()}: {why_file_failed(error)}",
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
    if any(_is_hidden(part) for part in parts):
        return ""
    return "/".join(parts) + "/" * (name.endswith("/") and bool(parts))


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in SYSTEM_FILES


def _common_folder(names: Iterable[str]) -> str:
    """The one folder at the top that holds all, with its slash, or ""; it is the archive's name and no class."""
    tops = {first + slash for first, slash, _ in (name.partition("/") for name in names)}
    return tops.pop() if len(tops) == 1 and all(top.endswith("/") for top in tops) else ""
