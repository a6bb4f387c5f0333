"""Whole files or none: everything is written beside its place and moved there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from wgan_cli.errors import ExitStatus, WganError, why_file_failed

UNFINISHED = ".part"  # the end of a file's name until it is whole


@contextmanager
def writing(what: Path) -> Iterator[None]:
    """Turn a failure of the file system inside the block into an error that names `what` and the repair."""
    try:
        yield
    except OSError as error:
        raise WganError(
            f"cannot write {what}: {why_file_failed(error)}",
            "free space or choose another place with --out; what was written before is whole",
            ExitStatus.FAILED,
        ) from error


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let `write` fill a file, then move it to `path` in one step; a reader sees the old file or the new one.

    Raises: WganError (status FAILED) where the file system refuses; the old file is then untouched.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}{UNFINISHED}")
    with writing(path):
        try:
            with open(beside, "wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, path)
        except BaseException:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
            raise


def make_parent(path: Path) -> None:
    """Make the folder that a file is to lie in."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file in one step, UTF-8."""
    write_atomically(path, lambda file: file.write(text.encode("utf-8")))
