"""What a folder and an archive have in common: files with names, sizes and bytes."""

from __future__ import annotations

import io
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from wgan_cli.errors import describe_os_error

MOST_BYTES = 300_000_000  # more than the largest picture that Pillow opens; a film is not read into memory
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


class Container(ABC):
    """Files that can be listed and read, by several threads at once. Nothing is read before it is asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._listed: tuple[list[Entry], list[str]] | None = None

    def __enter__(self) -> Container:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:  # noqa: B027  (a folder has nothing to close)
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
            raise NotAnImage(f"cannot be read: {describe_os_error(error)}") from None
        except Exception as error:  # broken archives raise whatever the line that stumbles raises
            raise NotAnImage(f"cannot be read: {error or type(error).__name__}") from None

    def _listing(self) -> tuple[list[Entry], list[str]]:
        if self._listed is None:
            entries, folders = self._list()
            self._listed = sorted(entries, key=lambda entry: entry.name), sorted(folders)
        return self._listed

    @abstractmethod
    def _list(self) -> tuple[Iterable[Entry], Iterable[str]]:
        """All files, and the folders at the top, in any order."""

    @abstractmethod
    def _read(self, entry: Entry) -> bytes:
        """A file's bytes."""

    def _open(self, entry: Entry) -> BinaryIO:
        return io.BytesIO(self.read(entry))


def is_hidden(name: str) -> bool:
    """Whether a file or folder belongs to a system and not to its user."""
    return name.startswith(".") or name.lower() in SYSTEM_FILES
