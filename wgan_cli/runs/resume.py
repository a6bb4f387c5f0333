"""Find the run and the checkpoint to resume from."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from wgan_cli.errors import WganError
from wgan_cli.runs.checkpoint import Checkpoint, load_checkpoint
from wgan_cli.runs.run_dir import RunDir, is_run, open_run


@dataclass(frozen=True)
class ResumePoint:
    """Checkpoint to resume from.

    checkpoint: None if the run stopped before its first. damaged: newer files that could not be read, with the reason.
    files: all checkpoint files of the run.
    """

    checkpoint: Checkpoint | None
    damaged: dict[Path, str]
    files: tuple[Path, ...]


def run_to_resume(path: Path) -> RunDir:
    """Return the run of a run folder or of a file in its checkpoints/. Raises: WganError if `path` is neither."""
    for place in map(
        Path, (path, os.path.abspath(path), os.path.realpath(path))
    ):  # also from inside the folder and through a symlink
        run = RunDir(place.parent.parent)
        if place.suffix == ".pth" and place.parent.name == "checkpoints" and is_run(run.path):
            if not path.exists():
                there = ", ".join(file.name for file in run.checkpoint_files()) or "none"
                raise WganError(f"there is no checkpoint {path}", f"{run.checkpoints} holds: {there}")
            return run
    if path.is_file():
        raise WganError(
            f"{path} is not a run folder, nor a file of a run's checkpoints/",
            "give a folder created by `wgan train`, or RUN/checkpoints/step_....pth",
        )
    return open_run(path)


def resume_point(run: RunDir, path: Path) -> ResumePoint:
    """Return the checkpoint at `path` if that is a file, else the newest readable one of the run.

    Raises: WganError if there are checkpoints but none can be read.
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
