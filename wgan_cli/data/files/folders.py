"""Image files in a folder, and which kind of container a path is: a folder, a .zip or a .tar."""

from __future__ import annotations

import os
import stat
import zipfile
from collections import deque
from pathlib import Path
from typing import BinaryIO

from wgan_cli.data.files.archives import TarContainer, ZipContainer, is_tar
from wgan_cli.data.files.container import MOST_BYTES, Container, Entry, is_hidden
from wgan_cli.errors import WganError, describe_os_error

_BEGINNINGS = (b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00")  # of .zip and of compressed files


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
            for recognised, kind in ((is_tar, TarContainer), (zipfile.is_zipfile, ZipContainer)):
                if recognised(path):
                    return kind(path)
            with open(path, "rb") as file:
                if file.read(6).startswith(_BEGINNINGS):
                    raise WganError(f"{path} is a damaged archive, or none of files", "make or copy it again")
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a name with a zero byte
        raise WganError(
            f"there is no folder or archive {path}",
            "give --set data.path=FOLDER; a path starts from the folder where you run wgan",
        ) from None
    except OSError as error:
        raise WganError(f"cannot read {path}: {describe_os_error(error)}", "make it readable") from None
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
                if is_hidden(item.name):
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
        raise WganError(f"cannot read {folder}: {describe_os_error(error)}", "make the folder readable") from None
