"""Packages that only some features need."""

import importlib
from typing import Any

from wgan_cli.errors import WganError


def import_extra(package: str, extra: str, what: str) -> Any:
    """Import an optional package. Raises: WganError saying what needs it and which extra of wgan installs it."""
    try:
        return importlib.import_module(package)
    except ImportError:
        name = package.partition(".")[0]
        raise WganError(f"{what} needs {name}, which is not installed", f"pip install 'wgan[{extra}]'") from None
