"""Whole files or none: everything is written beside its place and moved there."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from wgan_cli.errors import ExitStatus, WganError, describe_os_error

UNFINISHED = ".part"  # the end of a file's name until it is whole


@contextmanager
def writing(what: Path) -> Iterator[None]:
    """Turn a failure of the file system inside the block into an error that names `what` and the repair."""
    try:
        yield
    except OSError as error:
        raise WganError(
            f"cannot write {what}: {describe_os_error(error)}",
            f"{repair_of(error)} or choose another place with --out; what was written before is whole",
            ExitStatus.FAILED,
        ) from error


def repair_of(error: OSError) -> str:
    """What makes a file writable after a failure: "free space there"."""
    return _REPAIRS.get(error.errno, "free space there")


_REPAIRS = {
    errno.EACCES: "make the folder writable",
    errno.EPERM: "make the folder writable",
    errno.EROFS: "make the folder writable",
    errno.ENOENT: "make the folder again",
    errno.ENOTDIR: "move the file that is in the way",
    errno.EISDIR: "move the folder that is in the way",
    errno.ENAMETOOLONG: "take a shorter name",
}


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let `write` fill a file, then move it to `path` in one step; a reader sees the old file or the new one.

    Raises: WganError (status FAILED) where the file system refuses; the old file is then untouched.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}{UNFINISHED}")
    with writing(path):
        failures: list[OSError] = []
        try:
            with io.BufferedWriter(_Noting(beside, failures)) as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, path)
        except BaseException as error:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
            if failures and not isinstance(error, OSError):
                raise failures[0] from error
            raise


class _Noting(io.FileIO):
    """A file that notes why it failed, for torch.save makes an error of its own out of a full disk."""

    def __init__(self, path: Path, failures: list[OSError]) -> None:
        super().__init__(path, "wb")
        self.failures = failures

    def write(self, data: Any) -> int | None:
        try:
            return super().write(data)
        except OSError as error:
            self.failures.append(error)
            raise


def append_whole(path: Path, data: bytes) -> None:
    """Add bytes to the end of a file, all of them or none: what a full disk cuts short is taken back.

    Raises: OSError.
    """
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
    """Make the folder that a file is to lie in."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file in one step, UTF-8."""
    write_atomically(path, lambda file: file.write(text.encode("utf-8")))
