"""One trainer in a run folder: a lock that the system releases when its process ends, however it ends."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from wgan_cli.errors import WganError
from wgan_cli.runs.run_dir import RunDir
from wgan_cli.utils.files import writing

_HELD = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)  # every other failure: a file system without locks
_PID_BYTES = 20
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)  # a run folder from somewhere must not choose which file is emptied


@contextmanager
def only_trainer(run: RunDir) -> Iterator[None]:
    """Hold the run's lock inside the block. The file stays, for a process that waits for it may have opened it.

    Raises: WganError naming the process that holds it.
    """
    with writing(run.lock_file):
        file = os.open(run.lock_file, os.O_RDWR | os.O_CREAT | _NO_LINK, 0o644)
    try:
        if not _lock_patiently(file):
            raise _refused(run, _pid(file))
        with suppress(OSError):  # a full disk: the lock holds all the same
            os.ftruncate(file, 0)
            os.lseek(file, 0, os.SEEK_SET)
            os.write(file, str(os.getpid()).encode())
        yield
    finally:
        os.close(file)


def refuse_second_trainer(run: RunDir) -> None:
    """Raise what `only_trainer` would, without making or changing a file."""
    pid = trainer_of(run)
    if pid is not None:
        raise _refused(run, pid)


def trainer_of(run: RunDir) -> int | None:
    """The process that trains the run now, 0 where it is unknown, or None."""
    try:
        file = os.open(run.lock_file, os.O_RDWR)
    except OSError:  # none yet, or a folder that only its owner can train in
        return None
    try:
        return None if _lock(file) else _pid(file)
    finally:
        os.close(file)


def _refused(run: RunDir, pid: int) -> WganError:
    return WganError(
        f"{run.path} is being trained already, by process {pid or 'of unknown number'}",
        f"wait for its end, or stop it with `kill {pid or 'PID'}`: it saves before it stops",
    )


def _pid(file: int) -> int:
    with suppress(OSError, ValueError):
        os.lseek(file, 0, os.SEEK_SET)
        return int(os.read(file, _PID_BYTES))
    return 0


def _lock_patiently(file: int) -> bool:
    for _ in range(20):  # `wgan inspect` holds it too for as long as it takes to ask
        if _lock(file):
            return True
        time.sleep(0.01)
    return False


def _lock(file: int) -> bool:
    """Take the lock of an open file; False where another process holds it."""
    try:
        try:
            import fcntl
        except ImportError:  # Windows: a byte far behind the number, which others must be able to read
            import msvcrt

            os.lseek(file, 1 << 20, os.SEEK_SET)
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in _HELD
    return True
