"""Locks for work that one process does, while others that need its result wait."""

import errno
import os
from contextlib import suppress
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from wgan_cli.utils.format import Log

_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)  # from some network drives


def acquire(path: Path, work: str, log: Log) -> BaseFileLock:
    """Lock a file; log a line if another process is doing the same `work`, and wait for it. Raises: OSError."""
    try:
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            log(f"another process is {work}; waiting for it")
            lock.acquire()
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        lock = SoftFileLock(path)
        lock.acquire()
    return lock


def release(lock: BaseFileLock) -> None:
    """Release a lock and remove its file."""
    with suppress(OSError):
        os.unlink(lock.lock_file)  # while it is held: a process that waits for it notices
    lock.release()
