"""Safe reading of untrusted files, and atomic writes: a reader sees the old file or the new one, never part of one."""

import errno
import hashlib
import io
import os
import shlex
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from wgan_cli.errors import ExitStatus, WganError, describe_os_error

UNFINISHED = ".part"  # suffix of a file that is still being written
_READ_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def open_plain(path: Path) -> BinaryIO:
    """Open a regular file for reading. Folders, pipes and devices are refused: reading one may block or never end.

    Raises: OSError whose text says what is there instead.
    """
    try:
        descriptor = os.open(path, _READ_FLAGS)
    except ValueError:  # a null byte in the name
        raise OSError(errno.EINVAL, "invalid file name") from None
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    raise OSError(errno.EINVAL, "it is a pipe or a device, not a file")


def check_suffix(path: Path, suffixes: tuple[str, ...], default: str, option: str = "") -> None:
    """Raise a WganError unless a path ends in one of the suffixes, in any case.

    Args:
        default: file name to suggest, such as curves.png; keeps the path's own stem if it has one.
        option: option that the path was given with, such as --out.
    """
    if path.suffix.lower() not in suffixes:
        better = path.parent / f"{path.stem or Path(default).stem}{Path(default).suffix}"
        start = f"{option} " if option else ""
        raise WganError(
            f"{start}{path} does not end in {' or '.join(suffixes)}", f"use {start}{shlex.quote(str(better))}"
        )


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content in hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def is_free(path: str | Path) -> bool:
    """Return True if `path` does not exist or is an empty folder."""
    return not os.path.lexists(path) or (os.path.isdir(path) and not os.listdir(path))


@contextmanager
def writing(target: Path) -> Iterator[None]:
    """Turn an OSError inside the block into a WganError (status FAILED) that names `target` and the fix."""
    try:
        yield
    except OSError as error:
        raise WganError(
            f"cannot write {target}: {describe_os_error(error)}",
            f"{fix_for(error)} or choose another place with --out; earlier files are intact",
            ExitStatus.FAILED,
        ) from error


def fix_for(error: OSError) -> str:
    """Return how to make a file writable after `error`, such as "free space on that disk"."""
    match error.errno:
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return "make the folder writable"
        case errno.ENOTDIR | errno.EISDIR | errno.EEXIST:
            return "move what is in the way"
        case errno.ENOENT:
            return "create the folder again"
        case errno.ENAMETOOLONG:
            return "use a shorter name"
    return "free space on that disk"


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let `write` fill a temporary file, flush it to disk and rename it to `path`.

    Raises: WganError (status FAILED) if the file system refuses; an old file is then unchanged.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}{UNFINISHED}")
    with writing(path):
        failures: list[OSError] = []
        try:
            with io.BufferedWriter(_RecordingFile(temporary, failures)) as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException as error:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            if failures and not isinstance(error, OSError):
                raise failures[0] from error
            raise


class _RecordingFile(io.FileIO):
    """File that records why a write failed, because torch.save replaces the OSError with its own exception."""

    def __init__(self, path: Path, failures: list[OSError]) -> None:
        super().__init__(path, "wb")
        self.failures = failures

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            self.failures.append(error)
            raise


def append_whole(path: Path, data: bytes) -> None:
    """Append all of `data` or nothing: a partial write, as on a full disk, is truncated again. Raises: OSError."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
    try:
        before, left = os.fstat(file).st_size, memoryview(data)
        try:
            while left:
                left = left[os.write(file, left) :]
        except BaseException:
            os.ftruncate(file, before)
            raise
    finally:
        os.close(file)


def make_parent(path: Path) -> None:
    """Create the parent folders of a file. Raises: WganError (status FAILED)."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file atomically."""
    write_atomically(path, lambda file: file.write(text.encode("utf-8")))
