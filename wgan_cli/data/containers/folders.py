"""Folders of image files, and detection of a path's container type: folder, archive or array file."""

import errno
import os
import stat
import zipfile
from collections import deque
from pathlib import Path
from typing import BinaryIO

from wgan_cli.data.containers.archives import ArchiveFolder, TarContainer, ZipContainer, is_tar
from wgan_cli.data.containers.array_file import SUFFIXES, ArrayContainer
from wgan_cli.data.containers.container import MAX_BYTES, Container, Entry, is_hidden
from wgan_cli.errors import WganError, describe_os_error

_ARCHIVE_MAGIC = (b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00")  # .zip and compressed files


def open_container(path: Path) -> Container:
    """Open a folder, .npz, .npy, .zip or .tar (also compressed); archives are recognized by content, not by name."""
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            return FolderContainer(path)
        if stat.S_ISREG(mode):
            if path.suffix.lower() in SUFFIXES:
                return ArrayContainer(path)
            if is_tar(path):  # first: a .tar may end with a .zip, and zipfile looks at the end only
                return TarContainer(path)
            if zipfile.is_zipfile(path):
                return ZipContainer(path)
            with open(path, "rb") as file:
                if file.read(6).startswith(_ARCHIVE_MAGIC):
                    raise WganError(f"{path} is not an archive of files, or is damaged", "create or copy it again")
    except NotADirectoryError:
        if (archive := archive_in(path)) is not None:
            return ArchiveFolder(path, open_container(archive))
        raise _missing(path) from None
    except (FileNotFoundError, ValueError):  # ValueError: a null byte in the name
        raise _missing(path) from None
    except OSError as error:
        raise WganError(f"cannot read {path}: {describe_os_error(error)}", "make it readable") from None
    raise WganError(f"{path} is not a folder, .zip, .tar or .npz", "give a folder of images or an archive of one")


def archive_in(path: Path) -> Path | None:
    """Return the archive in a path such as photos.zip/train, or None."""
    file = next((parent for parent in path.parents if os.path.isfile(parent)), None)
    return file if file is not None and (is_tar(file) or zipfile.is_zipfile(file)) else None


def _missing(path: Path) -> WganError:
    return WganError(
        f"there is no folder or archive {path}",
        "use --set data.path=FOLDER; relative paths start at the current directory",
    )


class FolderContainer(Container):
    """A folder and its subfolders. A file reached twice through links counts once, under its own name if it has one."""

    def fingerprint(self) -> list:
        # A single string: JSON takes ten times as long for a list of lists, noticeable with 60,000 files.
        return ["\0".join(f"{entry.name}\0{entry.size}\0{entry.mtime_ns}" for entry in self.entries())]

    def _list(self) -> tuple[list[Entry], list[str]]:
        entries, folders, seen = [], [], set()
        # No recursion: folders may nest deeper than Python's limit. Links go to the end of the queue, so that linked
        # files inside the folder keep their own name and class.
        pending = deque([("", os.path.realpath(self.path))])
        while pending:
            name, real = pending.popleft()
            if real in seen:
                continue
            seen.add(real)
            try:
                status = os.stat(real)
                if stat.S_ISREG(status.st_mode):  # no pipes or devices
                    entries.append(Entry(name, status.st_size, status.st_mtime_ns, real))
                if not stat.S_ISDIR(status.st_mode):
                    continue
                with os.scandir(real) as items:
                    inner = sorted((item.name, item.path, item.is_symlink()) for item in items)
            except OSError as error:
                if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):  # deleted, or a broken link
                    continue
                raise WganError(f"cannot read {real}: {describe_os_error(error)}", "make it readable") from None
            if name and "/" not in name:
                folders.append(name)
            for base, path, is_link in inner:
                full = f"{name}/{base}" if name else base
                if is_link and not is_hidden(base):
                    pending.append((full, os.path.realpath(path)))
                elif not is_hidden(base):
                    pending.appendleft((full, path))
        return entries, folders

    def _read(self, entry: Entry) -> bytes:
        with open(entry.handle, "rb") as file:
            return file.read(MAX_BYTES)

    def _open(self, entry: Entry) -> BinaryIO:
        return open(entry.handle, "rb")
