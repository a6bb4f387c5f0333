"""Folders of image files, and detection of the kind of container at a path."""

import errno
import os
import stat
import zipfile
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from wgan_cli.data.containers.archives import ArchiveFolder, TarContainer, ZipContainer, is_tar
from wgan_cli.data.containers.array_file import SUFFIXES as ARRAY_SUFFIXES
from wgan_cli.data.containers.array_file import ArrayContainer
from wgan_cli.data.containers.container import MAX_BYTES, Container, Entry, NotAnImage, is_hidden
from wgan_cli.data.containers.hdf5_file import HDF5, Hdf5Container
from wgan_cli.data.containers.hub_tables import hub_folder
from wgan_cli.data.containers.several import Several
from wgan_cli.data.containers.table_files import ARROW, PARQUET
from wgan_cli.data.containers.table_files import SUFFIXES as TABLE_SUFFIXES
from wgan_cli.data.containers.tables import TableContainer, holds_tables
from wgan_cli.data.files.labelling import AUTO
from wgan_cli.errors import WganError, describe_os_error
from wgan_cli.utils.format import Log, no_log, printable
from wgan_cli.utils.hub import REMOTE

_NOT_FOUND = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
_ARCHIVE = (b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00")  # first bytes of .zip and compressed files


def open_container(path: Path, labels: str = AUTO, log: Log = no_log) -> Container:
    """Open a folder, an archive, or a file of arrays or a table, which are recognized by content, not by name.

    Args:
        path: May lead into a file, such as photos.zip/train; hf:OWNER/NAME is downloaded.
        labels: `data.labels`, which chooses a column of a table.
    """
    try:
        if str(path).startswith(REMOTE):
            folder = hub_folder(str(path), log)
            return TableContainer(path, folder, FolderContainer(folder).entries(), labels)
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            folder = FolderContainer(path)
            return TableContainer(path, path, folder.entries(), labels) if holds_tables(folder) else folder
        if stat.S_ISREG(mode) and (opened := _open_file(path, path, labels)):
            return opened
    except NotADirectoryError:
        file = next((parent for parent in path.parents if os.path.isfile(parent)), None)
        if file is not None and (opened := _open_file(path, file, labels)):
            return opened
        raise _missing(path) from None
    except (FileNotFoundError, ValueError):  # ValueError: a null byte in the name
        raise _missing(path) from None
    except OSError as error:
        raise WganError(f"cannot read {path}: {describe_os_error(error)}", "make it readable") from None
    raise WganError(
        f"{path} is not a folder, an archive, or a file of images",
        "give a folder of images, an archive of one, or a file such as .npz, .h5 or .parquet",
    )


def open_containers(paths: Sequence[Path], labels: str = AUTO, log: Log = no_log) -> Container:
    """Open one container, or several as one; see `open_container`. Raises: WganError if one is given twice."""
    real = [os.path.realpath(path) for path in paths]
    if twice := next((path for path, own in zip(paths, real, strict=True) if real.count(own) > 1), None):
        raise WganError(f"{twice} is given twice", "give each set of images once")
    opened = [open_container(path, labels, log) for path in paths]
    return opened[0] if len(opened) == 1 else Several(opened)


def _open_file(path: Path, file: Path, labels: str) -> Container | None:
    """Open a file, or the part of it that `path` names; None for another kind of file."""
    kind = kind_of(file)
    if kind is TableContainer:
        status = os.stat(file)
        entry = Entry(file.name, status.st_size, status.st_mtime_ns, file)
        column = None if path == file else path.relative_to(file).as_posix()
        return TableContainer(path, file, [entry], labels, column)
    if kind is Hdf5Container:
        return Hdf5Container(path, file)
    if kind in (TarContainer, ZipContainer) and path != file:
        return ArchiveFolder(path, kind(file))
    return kind(file) if kind and path == file else None


def kind_of(file: Path) -> type[Container] | None:
    """Return the kind of container that a file is, None for other files. Raises: WganError for a damaged archive."""
    if file.suffix.lower() in ARRAY_SUFFIXES:
        return ArrayContainer
    with open(file, "rb") as opened:
        start = opened.read(8)
    if start == HDF5:
        return Hdf5Container
    if start.startswith((PARQUET, ARROW)) or file.suffix.lower() in TABLE_SUFFIXES:
        return TableContainer
    if is_tar(file):  # first: a .tar may end with a .zip, and zipfile looks at the end only
        return TarContainer
    if zipfile.is_zipfile(file):
        return ZipContainer
    if start.startswith(_ARCHIVE):
        raise WganError(f"{file} is not an archive of files, or is damaged", "create or copy it again")
    if file.suffix.lower() in (".h5", ".hdf5"):
        raise WganError(f"{file} is not an HDF5 file, or is damaged", "create or copy it again")
    return None


def _missing(path: Path) -> WganError:
    return WganError(
        f"there is no file or folder {path}",
        "check the path; relative ones start at the current directory; if a run's images have moved: "
        "--set data.path=FOLDER",
    )


class FolderContainer(Container):
    """A folder and its subfolders. A file reached twice through links counts once, under its own name if it has one.

    Broken links are files that can't be read.
    """

    def fingerprint(self) -> list:
        # A single string: JSON takes ten times as long for a list of lists, noticeable with 60,000 files.
        return ["\0".join(f"{entry.name}\0{entry.size}\0{entry.mtime_ns}" for entry in self.entries())]

    def _list(self) -> tuple[list[Entry], list[str]]:
        entries, folders, seen = [], [], set()
        # No recursion: folders may nest deeper than Python's limit. Links go to the end of the queue, so that linked
        # files inside the folder keep their own name and class.
        pending = deque([("", os.path.realpath(self.path), False)])
        while pending:
            name, real, linked = pending.popleft()
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
                if error.errno in _NOT_FOUND:  # deleted, or a broken link
                    seen.discard(real)  # other links to it are broken too
                    entries += [Entry(name, 0, 0, real)] if linked else []
                    continue
                raise WganError(f"cannot read {real}: {describe_os_error(error)}", "make it readable") from None
            if name and "/" not in name:
                folders.append(name)
            for base, path, is_link in inner:
                full = f"{name}/{base}" if name else base
                if is_link and not is_hidden(base):
                    pending.append((full, os.path.realpath(path), True))
                elif not is_hidden(base):
                    pending.appendleft((full, path, False))
        return entries, folders

    def _read(self, entry: Entry) -> bytes:
        with self._open(entry) as file:
            return file.read(MAX_BYTES)

    def _open(self, entry: Entry) -> BinaryIO:
        try:
            return open(entry.handle, "rb")
        except OSError as error:
            if error.errno in _NOT_FOUND and not entry.mtime_ns:
                raise NotAnImage(f"a broken link to {printable(str(entry.handle))}") from None
            raise
