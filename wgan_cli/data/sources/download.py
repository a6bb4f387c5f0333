"""Splits of the public data sets, and downloads with torchvision that leave no partial files when interrupted."""

import os
import shutil
import socket
import ssl
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from http.client import HTTPException
from pathlib import Path
from urllib.error import URLError

from wgan_cli.errors import ExitStatus, WganError, describe_os_error
from wgan_cli.utils.extras import quiet_without_terminal
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
    """Download a data set to a temporary folder and move complete files into place, never replacing existing ones.

    Args:
        files: Files that the set consists of, relative to `data_root`.
        archives: Files to download, relative to `data_root`, with their MD5 sums; existing valid ones are used.
        download: Makes torchvision download and unpack into a folder.
        manually: What to do without a network, for the hint.
    Raises: WganError if it fails.
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
            with ExitStack() as stack:
                stack.callback(socket.setdefaulttimeout, socket.getdefaulttimeout())
                socket.setdefaulttimeout(TIMEOUT)
                stack.enter_context(quiet_without_terminal())
                download(temporary)
            for file in files:
                if not os.path.exists(data_root / file):
                    (data_root / file).parent.mkdir(parents=True, exist_ok=True)
                    os.replace(temporary / file, data_root / file)
    except (RuntimeError, URLError, ConnectionError, TimeoutError, ssl.SSLError, HTTPException) as error:
        raise WganError(
            f"cannot download {source}: {error or type(error).__name__}",
            f"{manually}; --data-root names another folder to look in; "
            "or train the bundled digits: wgan train digits_dcgan",
        ) from error
    except OSError as error:
        raise WganError(
            f"cannot write {source} to {data_root}: {describe_os_error(error)}",
            "choose a writable folder with enough space with --data-root, "
            "or train the bundled digits: wgan train digits_dcgan",
            ExitStatus.FAILED,
        ) from error


def parts_of(split: str) -> tuple[str, ...]:
    """Return the parts that a split consists of: ("train",), ("test",) or both for `all`."""
    return ("train", "test") if split == "all" else (split,)


def log_unusual_count(files: str, count: int, standard: int, log: Log) -> None:
    """Log if a set isn't the one used in papers."""
    if count != standard:
        log(f"{files} contain {count:,} images; the standard set has {standard:,}")
