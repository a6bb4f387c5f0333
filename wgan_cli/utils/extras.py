"""Packages that only some features need, and their progress bars."""

import importlib
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from typing import Any

from wgan_cli.errors import WganError


def import_extra(package: str, extra: str, what: str) -> Any:
    """Import an optional package. Raises: WganError saying what needs it and which extra of wgan installs it."""
    try:
        return importlib.import_module(package)
    except ImportError:
        name = package.partition(".")[0]
        raise WganError(f"{what} needs {name}, which is not installed", f"pip install 'wgan[{extra}]'") from None


@contextmanager
def quiet_without_terminal() -> Iterator[None]:
    """Suppress the progress bars that packages draw on any stderr, unless it is a terminal."""
    if sys.stderr and sys.stderr.isatty():
        yield
    else:
        with redirect_stderr(io.StringIO()):
            yield
