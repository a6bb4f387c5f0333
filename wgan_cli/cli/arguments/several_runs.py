"""Checks of commands that take several runs."""

import shlex
from collections.abc import Iterable
from pathlib import Path

from wgan_cli.errors import WganError
from wgan_cli.runs.run_dir import is_run, runs_inside
from wgan_cli.utils.format import count_of


def refuse_folder_of_runs(paths: Iterable[Path], command: str) -> None:
    """Raise a WganError for a folder of runs among the paths, with the command for the runs in it."""
    for path in paths:
        if not is_run(path) and (inside := runs_inside(path)):
            pattern = f"{shlex.quote(str(path))}/*"
            raise WganError(f"{path} is a folder of {count_of(len(inside), 'run')}", f"wgan {command} {pattern}")
