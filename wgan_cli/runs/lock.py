"""Lock on a run folder: one process trains a run at a time."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from filelock import FileLock, Timeout

from wgan_cli.errors import WganError
from wgan_cli.runs.run_dir import RunDir
from wgan_cli.utils.files import writing

_SECONDS = 0.2  # `wgan inspect` holds the lock for the moment that it takes to test it


@contextmanager
def only_trainer(run: RunDir) -> Iterator[None]:
    """Hold the run's lock inside the block. The system releases it when the process ends, however it ends.

    The file with the process's number stays behind if the process is killed or the block raises: the run failed.

    Raises: WganError naming the process that holds it.
    """
    lock = FileLock(run.lock_file, timeout=_SECONDS, poll_interval=0.01)
    with writing(run.lock_file):
        try:
            lock.acquire()
        except Timeout:
            raise _in_use(run) from None
        except NotImplementedError:
            pass  # a file system without locks
    try:
        with suppress(OSError):  # the lock works even if the disk is full
            run.pid_file.write_text(str(os.getpid()), encoding="ascii")
        yield
        with suppress(OSError):
            run.pid_file.unlink(missing_ok=True)
    finally:
        lock.release()


def refuse_second_trainer(run: RunDir) -> None:
    """Raise what `only_trainer` would, without creating or changing a file."""
    if trainer_of(run) is not None:
        raise _in_use(run)


def trainer_of(run: RunDir) -> int | None:
    """Return the process that trains the run now (0 if its number is unknown), or None."""
    if not run.lock_file.is_file():
        return None
    try:
        with FileLock(run.lock_file, timeout=0):
            return None
    except Timeout:
        return _pid(run)
    except (OSError, NotImplementedError):  # a folder in which only its owner can train
        return None


def _in_use(run: RunDir) -> WganError:
    pid = _pid(run)
    return WganError(
        f"{run.path} is already being trained by process {pid or '(number unknown)'}",
        f"wait until it ends, or stop it with `kill {pid or 'PID'}`: it saves first",
    )


def _pid(run: RunDir) -> int:
    with suppress(OSError, ValueError):
        return int(run.pid_file.read_text(encoding="ascii")[:20])
    return 0
