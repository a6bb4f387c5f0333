"""Downloads with torchvision that leave no partial files when interrupted."""

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
from wgan_cli.utils.format import Log

TIMEOUT = 30.0  # seconds without data from the server; torchvision has no timeout


def download_set(
    source: str,
    data_root: Path,
    *,
    files: Iterable[str],
    archives: Mapping[str, str],
    download: Callable[[Path], object],
    manually: str,
    log: Log,
) -> None:
    """Download a data set to a temporary folder and move complete files into place.

    Existing files are never replaced.

    Args:
        source: Name of the set.
        files: Files that the set consists of, relative to `data_root`.
        archives: Files to download, relative to `data_root`, with their MD5 sums; existing valid ones are used.
        download: Makes torchvision download and unpack into a folder.
        manually: What to do without a network, for the hint.
    Raises: WganError if the network, a checksum or the file system fails.
    """
    from torchvision.datasets.utils import check_integrity

    log(f"{source} is not in {data_root}: downloading it with torchvision")
    try:
        data_root.mkdir(parents=True, exist_ok=True)
        # Inside data_root, so that moving a file is an atomic rename.
        with tempfile.TemporaryDirectory(prefix=f".{source}-", dir=data_root, ignore_cleanup_errors=True) as name:
            temporary = Path(name)
            for archive, md5 in archives.items():
                if not os.path.isfile(data_root / archive):
                    continue
                if check_integrity(os.fspath(data_root / archive), md5):
                    (temporary / archive).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(data_root / archive, temporary / archive)
                else:
                    log(f"{data_root / archive} has a wrong checksum and is not used: delete it")
            with _socket_timeout(), _progress_only_on_terminals():
                download(temporary)
            for file in files:
                if not os.path.exists(data_root / file):
                    (data_root / file).parent.mkdir(parents=True, exist_ok=True)
                    os.replace(temporary / file, data_root / file)
    except (RuntimeError, URLError, ConnectionError, TimeoutError, ssl.SSLError, HTTPException) as error:
        raise WganError(
            f"cannot download {source}: {error or type(error).__name__}",
            f"{manually}, or train the bundled digits with `--recipe digits_dcgan`; "
            "--data-root names another folder to look in",
        ) from error
    except OSError as error:
        raise WganError(
            f"cannot write {source} to {data_root}: {describe_os_error(error)}",
            "choose a writable folder with enough space with --data-root, "
            "or train the bundled digits with `--recipe digits_dcgan`",
            ExitStatus.FAILED,
        ) from error


@contextmanager
def _socket_timeout() -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _progress_only_on_terminals():
    # torchvision draws its progress bar on any stderr.
    return nullcontext() if sys.stderr and sys.stderr.isatty() else redirect_stderr(io.StringIO())
