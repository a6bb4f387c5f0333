"""Common interface of image folders and archives: files with names, sizes and contents."""

import errno
import io
import os
from abc import abstractmethod
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

from wgan_cli.errors import describe_os_error
from wgan_cli.utils.format import printable

MAX_BYTES = 300_000_000  # more than the largest image that Pillow opens; keeps videos out of memory
SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini", "__macosx"})  # hidden by the systems that create them


class NotAnImage(ValueError):
    """Raised for a file that can't be used as an image; the text is the reason."""


class NotNow(NotAnImage):
    """Raised if the reason isn't the file, so that it may pass: permissions, a failing drive, a missing package."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in a container."""

    name: str  # path inside the container, with forward slashes and without `..`
    size: int  # bytes
    mtime_ns: int
    handle: Any = None  # what the container needs to find the file

    @property
    def class_name(self) -> str | None:
        """Top-level folder of the file, or None for a file outside of all folders."""
        first, slash, _ = self.name.partition("/")
        return first if slash else None


class Container(AbstractContextManager["Container"]):
    """Files that can be listed and read, by several threads at once. Opened lazily.

    Args:
        path: As the user gave it, for messages.
        file: The file on disk, if `path` names a part of it.

    Attributes:
        class_order: order of the folders that are classes, if it isn't that of their names; known after `entries`.
        notes: where classes come from and what is left out; known after `entries`.
    """

    has_columns = False  # `data.labels` is a column, chosen when it is opened

    def __init__(self, path: Path, file: Path | None = None) -> None:
        self.path, self.file = path, file or path
        self.class_order: tuple[str, ...] = ()
        self.notes: tuple[str, ...] = ()

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:  # noqa: B027  (folders have nothing to close)
        """Close the archive's file."""

    def entries(self) -> list[Entry]:
        """Return all files except hidden ones, sorted by name. Raises: WganError if the container can't be read."""
        return self._sorted[0]

    def folders(self) -> list[str]:
        """Return the names of all top-level folders, including empty ones, sorted."""
        return self._sorted[1]

    def name_for_messages(self, entry: Entry) -> str:
        """Return the name of an entry, printable on one line."""
        return printable(entry.name)

    def inner_name(self, entry: Entry) -> str:
        """Return the name of an entry that doesn't depend on where the container is."""
        return entry.name

    def location(self) -> object:
        """Return what identifies the container in the cache."""
        return os.path.realpath(self.path)

    def fingerprint(self) -> list:
        """Return values that change when any file changes. Doesn't open archives."""
        status = os.stat(self.file)
        return [status.st_size, status.st_mtime_ns]

    def read(self, entry: Entry) -> bytes:
        """Return a file's content. Raises: NotAnImage if it can't be read or is too large for an image."""
        if not 0 <= entry.size <= MAX_BYTES:
            raise NotAnImage(f"too large: {entry.size:,} bytes")
        return self._guarded(self._read, entry)

    def open(self, entry: Entry) -> BinaryIO:
        """Open a file to read its header, without reading all of it where possible. Raises: NotAnImage."""
        return self._guarded(self._open, entry)

    @staticmethod
    def _guarded(read: Callable[[Entry], Any], entry: Entry) -> Any:
        try:
            return read(entry)
        except (NotAnImage, MemoryError):
            raise
        except Exception as error:  # for broken archives, zipfile and tarfile raise a dozen types
            raise unreadable(error) from None

    @cached_property
    def _sorted(self) -> tuple[list[Entry], list[str]]:
        entries, folders = self._list()
        return sorted(entries, key=lambda entry: entry.name), sorted(folders)

    @abstractmethod
    def _list(self) -> tuple[Iterable[Entry], Iterable[str]]:
        """Return all files and the top-level folders, in any order."""

    @abstractmethod
    def _read(self, entry: Entry) -> bytes: ...

    def _open(self, entry: Entry) -> BinaryIO:
        return io.BytesIO(self.read(entry))


def unreadable(error: Exception) -> NotAnImage:
    """Return what to raise for an error in reading a file: NotNow if it is the system's, not the file's."""
    if not isinstance(error, OSError):
        return NotAnImage(f"unreadable: {error or type(error).__name__}")
    # Pillow's and gzip's errors have no number, and a damaged file may point to before its beginning.
    kind = NotAnImage if error.errno in (None, errno.EINVAL) else NotNow
    return kind(f"unreadable: {describe_os_error(error)}")


def is_hidden(name: str) -> bool:
    """Return True for dot files and files that operating systems create."""
    return name.startswith(".") or name.lower() in SYSTEM_FILES
