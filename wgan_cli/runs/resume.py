"""From what a user names to the run and the checkpoint to continue from."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from wgan_cli.errors import WganError
from wgan_cli.runs.checkpoint import Checkpoint, load_checkpoint
from wgan_cli.runs.run_dir import RunDir, is_run, open_run


@dataclass(frozen=True)
class ResumePoint:
    """Where a run goes on.

    checkpoint: None before its first. damaged: newer ones that could not be read, and why. files: all there were.
    """

    checkpoint: Checkpoint | None
    damaged: dict[Path, str]
    files: tuple[Path, ...]


def run_to_resume(path: Path) -> RunDir:
    """The run of a run folder, or of a file of its checkpoints/.

    Raises: WganError where it is neither.
    """
    folder = _folder_of_checkpoint(path)
    if folder is not None:
        run = RunDir(folder)
        if not path.exists():
            there = ", ".join(file.name for file in run.checkpoint_files()) or "none"
            raise WganError(f"there is no checkpoint {path}", f"{run.checkpoints} holds: {there}")
        return run
    if path.is_file():
        raise WganError(
            f"{path} is not a run folder, nor a file of a run's checkpoints/",
            "give a folder that `wgan train` made, or RUN/checkpoints/step_....pth",
        )
    return open_run(path)


def _folder_of_checkpoint(path: Path) -> Path | None:
    """The run folder RUN of RUN/checkpoints/FILE.pth, also from inside it and through a link."""
    for place in (path, Path(os.path.abspath(path)), Path(os.path.realpath(path))):
        if place.suffix == ".pth" and place.parent.name == "checkpoints" and is_run(place.parent.parent):
            return place.parent.parent
    return None


def resume_point(run: RunDir, path: Path) -> ResumePoint:
    """The checkpoint that was named, or the newest of the run that can be read.

    Raises: WganError where none can.
    """
    files = tuple(run.checkpoint_files())
    if path.is_file():
        return ResumePoint(load_checkpoint(path), {}, files)
    damaged: dict[Path, WganError] = {}
    for file in reversed(files):
        try:
            found = load_checkpoint(file)
        except WganError as error:
            damaged[file] = error
        else:
            return ResumePoint(found, {file: error.message for file, error in damaged.items()}, files)
    if damaged:
        newest = next(iter(damaged.values()))
        raise WganError(
            f"no checkpoint of {run.path} can be read; the newest: {newest.message}",
            f"train again: wgan train --recipe {run.recipe_file}",
        )
    return ResumePoint(None, {}, files)
