"""Paths of WebDataset shards, expanded from braces or found in a folder."""

from __future__ import annotations

import os
import re
from itertools import islice
from pathlib import Path
from typing import Any

from wgan_cli.errors import WganError

MAX_SHARDS = 100_000


def shard_paths(path: str) -> list[Path]:
    """Expand a path with braces, or list the .tar files of a folder.

    Raises: WganError if there is none, one is missing, or webdataset isn't installed.
    """
    expanded = os.path.expanduser(path)
    if os.path.isdir(expanded):
        found = sorted(Path(expanded).glob("*.tar"))
        if not found:
            raise WganError(f"{expanded} contains no .tar files", "give a folder of shards, or a path with braces")
        return found
    names = _expand_braces(expanded)
    missing = [name for name in names if not os.path.isfile(name)]
    if missing:
        others = f" and {len(missing) - 1:,} others" if len(missing) > 1 else ""
        raise WganError(
            f"`data.path` is {path}: of {len(names):,} shards, {missing[0]}{others} are missing",
            "use the numbers of existing files, as in images-{000..255}.tar; shards must be local files",
        )
    return [Path(name) for name in names]


def _expand_braces(path: str) -> list[str]:
    webdataset_tariterators()
    import braceexpand  # used by webdataset for its own paths

    try:
        ranges = re.findall(r"(-?\d{1,20})\.\.(-?\d+)", path)
        too_many = any(abs(int(last) - int(first)) >= MAX_SHARDS for first, last in ranges)
        names = [] if too_many else list(islice(braceexpand.braceexpand(path), MAX_SHARDS + 1))
    except ValueError as error:
        raise WganError(f"`data.path` is {path}: {error}", "write braces as in images-{000..255}.tar") from None
    if not 0 < len(names) <= MAX_SHARDS:
        raise WganError(f"`data.path` is {path}: more than {MAX_SHARDS:,} shards", "create fewer, larger shards")
    return names


def webdataset_tariterators() -> Any:
    """Import webdataset.tariterators. Raises: WganError if webdataset isn't installed."""
    try:
        from webdataset import tariterators
    except ImportError:
        raise WganError(
            "`data.source: shards` needs webdataset, which is not installed", "pip install 'wgan[shards]'"
        ) from None
    return tariterators
