"""Downloads that an interruption cannot spoil: torchvision fetches and checks, whole files move to their places."""

from __future__ import annotations

import io
import os
import shutil
import socket
import ssl
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, redirect_stderr
from http.client import HTTPException
from pathlib import Path
from urllib.error import URLError

from wgan_cli.errors import ExitStatus, WganError, describe_os_error

SILENCE_LIMIT = 30.0  # seconds a server may stay silent; torchvision itself would wait for ever


def fetch(
    source: str,
    data_root: Path,
    files: Iterable[str],
    archives: Mapping[str, str],
    download: Callable[[Path], object],
    by_hand: str,
    log: Callable[[str], None],
) -> None:
    """Download a set with torchvision into a folder of its own, and move whole files to their places.

    An interruption leaves nothing under a name that is read later; a file that is already there is never replaced.

    Args:
        files: what must be under `data_root` in the end, relative to it.
        archives: what is downloaded, relative to `data_root`, and its MD5; one that lies there whole is taken.
        download: has torchvision download and unpack below the folder it is given.
        by_hand: what a user without a network can do, for the hint.
    Raises: WganError where the network, a checksum or the file system fails.
    """
    from torchvision.datasets.utils import check_integrity

    log(f"{source} is not under {data_root}: downloading with torchvision")
    try:
        data_root.mkdir(parents=True, exist_ok=True)
        # Below data_root, so that moving a file is a rename: there at once, or not at all.
        with tempfile.TemporaryDirectory(prefix=f".{source}-", dir=data_root, ignore_cleanup_errors=True) as beside:
            for archive, md5 in archives.items():
                if not os.path.isfile(data_root / archive):
                    continue
                if not check_integrity(data_root / archive, md5):
                    log(f"{data_root / archive} has a wrong checksum and is not used: delete it")
                else:
                    (Path(beside) / archive).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(data_root / archive, Path(beside) / archive)
            with _silence_is_limited(), _progress_for_terminals_only():
                download(Path(beside))
            for file in files:
                if not os.path.exists(data_root / file):
                    (data_root / file).parent.mkdir(parents=True, exist_ok=True)
                    os.replace(Path(beside) / file, data_root / file)
    except (RuntimeError, URLError, ConnectionError, TimeoutError, ssl.SSLError, HTTPException) as error:
        raise WganError(
            f"cannot download {source}: {error or type(error).__name__}",
            f"{by_hand}, or train the built-in digits with `--recipe digits_dcgan`; "
            "--data-root names another folder to look in",
        ) from error
    except OSError as error:
        raise WganError(
            f"cannot write {source} to {data_root}: {describe_os_error(error)}",
            "choose a folder that has room and that you may write to with --data-root, "
            "or train the built-in digits with `--recipe digits_dcgan`",
            ExitStatus.FAILED,
        ) from error


@contextmanager
def _silence_is_limited() -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SILENCE_LIMIT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _progress_for_terminals_only():
    # torchvision draws a progress bar on stderr wherever that goes.
    return nullcontext() if sys.stderr and sys.stderr.isatty() else redirect_stderr(io.StringIO())
