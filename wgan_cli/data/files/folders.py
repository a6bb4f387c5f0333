"""Folders of image files, and detection of a path's container type: folder, .zip or .tar."""

from __future__ import annotations

import os
import stat
import zipfile
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from wgan_cli.data.files.archives import TarContainer, ZipContainer, is_tar
from wgan_cli.data.files.container import MAX_BYTES, Container, Entry, is_hidden
from wgan_cli.errors import WganError, describe_os_error

_ARCHIVE_MAGIC = (b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00")  # .zip and compressed files


def open_container(path: Path) -> Container:
    """Open a folder, .zip or .tar (also compressed), recognized by content, not by name.

    Raises: WganError if the path is missing or none of them.
    """
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            return FolderContainer(path)
        if stat.S_ISREG(mode):
            if is_tar(path):  # first: a .tar may end with a .zip, and zipfile looks at the end only
                return TarContainer(path)
            if zipfile.is_zipfile(path):
                return ZipContainer(path)
            with open(path, "rb") as file:
                if file.read(6).startswith(_ARCHIVE_MAGIC):
                    raise WganError(f"{path} is not an archive of files, or is damaged", "create or copy it again")
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a null byte in the name
        raise WganError(
            f"there is no folder or archive {path}",
            "use --set data.path=FOLDER; relative paths start at the current directory",
        ) from None
    except OSError as error:
        raise WganError(f"cannot read {path}: {describe_os_error(error)}", "make it readable") from None
    raise WganError(f"{path} is not a folder, .zip or .tar", "give a folder of images or an archive of one")


class FolderContainer(Container):
    """A folder and its subfolders. A file reached twice through links counts once, under its own name if it has one."""

    def fingerprint(self) -> list:
        # A single string: JSON takes ten times as long for a list of lists, noticeable with 60,000 files.
        return ["\0".join(f"{entry.name}\0{entry.size}\0{entry.mtime_ns}" for entry in self.entries())]

    def _list(self) -> tuple[list[Entry], list[str]]:
        walk = _Walk()
        real = os.path.realpath(self.path)
        walk.seen.add(real)
        walk.descend("", real)
        while walk.links:  # only now, so that linked files inside the folder keep their own name and class
            walk.follow(*walk.links.popleft())
        return walk.entries, walk.folders

    def _read(self, entry: Entry) -> bytes:
        with open(entry.handle, "rb") as file:
            return file.read(MAX_BYTES)

    def _open(self, entry: Entry) -> BinaryIO:
        return open(entry.handle, "rb")


@dataclass
class _Walk:
    """Files and top-level folders found so far, and the links still to follow."""

    entries: list[Entry] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    links: deque[tuple[str, str]] = field(default_factory=deque)
    seen: set[str] = field(default_factory=set)

    def descend(self, prefix: str, real: str) -> None:
        """Add everything below the real folder `real`, naming each file prefix + name."""
        pending = [(prefix, real)]  # no recursion: folders may nest deeper than Python's limit
        while pending:
            prefix, real = pending.pop()
            for item in _scandir(real):
                name = prefix + item.name
                if is_hidden(item.name) or item.path in self.seen:
                    continue
                if item.is_symlink():
                    self.links.append((name, os.path.realpath(item.path)))
                    continue
                self.seen.add(item.path)
                if item.is_dir():
                    self.folders += [] if prefix else [name]
                    pending.append((f"{name}/", item.path))
                elif item.is_file():  # no pipes or devices
                    try:
                        status = item.stat()
                    except FileNotFoundError:  # deleted meanwhile
                        continue
                    self.entries.append(Entry(name, status.st_size, status.st_mtime_ns, item.path))

    def follow(self, name: str, real: str) -> None:
        """Add what a link points to, unless it was seen before."""
        if real in self.seen:
            return
        self.seen.add(real)
        try:
            status = os.stat(real)
        except OSError:  # a dangling or circular link
            return
        if stat.S_ISDIR(status.st_mode):
            self.folders += [] if "/" in name else [name]
            self.descend(f"{name}/", real)
        elif stat.S_ISREG(status.st_mode):
            self.entries.append(Entry(name, status.st_size, status.st_mtime_ns, real))


def _scandir(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as items:
            return sorted(items, key=lambda item: item.name)
    except OSError as error:
        raise WganError(f"cannot read {folder}: {describe_os_error(error)}", "make the folder readable") from None
