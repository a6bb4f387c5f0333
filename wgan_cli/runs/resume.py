"""Find the run and the checkpoint to resume from; rewind a run to an earlier step, without deleting a file."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from wgan_cli.errors import ExitStatus, WganError
from wgan_cli.runs.checkpoint import Checkpoint, load_checkpoint
from wgan_cli.runs.checkpoint_zip import Damaged, Refused
from wgan_cli.runs.lock import trainer_of
from wgan_cli.runs.metrics_log import MetricsLog
from wgan_cli.runs.run_dir import RunDir, is_run, numbered, open_run, step_of
from wgan_cli.runs.tensorboard import rewind_events
from wgan_cli.utils.files import UNFINISHED, writing


@dataclass(frozen=True)
class ResumePoint:
    """Checkpoint to resume from."""

    checkpoint: Checkpoint | None  # None if the run stopped before its first
    damaged: dict[Path, str]  # newer files that could not be read, with the reason
    files: tuple[Path, ...]  # all checkpoint files of the run

    @property
    def processes(self) -> int | None:
        """The number of processes that wrote the checkpoint, if there is one."""
        if self.checkpoint is None:
            return None
        saved = (self.checkpoint.training or {}).get("processes", 1)  # not saved for one
        return saved if type(saved) is int and saved > 0 else 1


class Finished(Exception):
    """Raised instead of resuming a run whose steps are all done; nothing of it has changed."""

    status = ExitStatus.DONE  # of the processes that wait for the main one

    def __init__(self, run: RunDir, step: int, steps: int) -> None:
        done = f"{step:,} of {steps:,} steps are done" if step <= steps else f"{step:,} steps are more than {steps:,}"
        super().__init__(f"{run.path} is finished: {done}")
        self.run, self.step = run, step


def remove_unstarted_run(path: Path) -> None:
    """Remove what a run left whose process was killed before it wrote recipe.yaml: empty folders, environment.json.

    A folder with any other content stays, and so does one that cannot be removed, such as a mount point, or whose
    process is still starting.
    """
    run = RunDir(path)
    if is_run(path) or not path.is_dir() or path.is_symlink() or trainer_of(run) is not None:
        return
    folders, files = {run.samples, run.checkpoints}, {run.lock_file, run.pid_file}
    with suppress(OSError):
        found = set(path.iterdir())
        files |= {file for file in found if file.name.endswith(UNFINISHED)}
        if folders <= found:  # they are created first; alone, environment.json may be another program's
            files.add(run.environment_file)
        if not found <= folders | files or any(any(folder.iterdir()) for folder in found & folders):
            return
        for folder in found & folders:
            folder.rmdir()
        for file in found & files:
            file.unlink()
        path.rmdir()


def run_to_resume(path: Path) -> RunDir:
    """Return the run of a run folder or of a file in its checkpoints/. Raises: WganError if `path` is neither."""
    # A path may start inside the folder, or be a symlink.
    for place in map(Path, (path, os.path.abspath(path), os.path.realpath(path))):
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
    """Return the checkpoint at `path` if that is a file, else the newest of the run that isn't damaged.

    Raises: WganError if all are damaged, or an intact one can't be read here and now.
    """
    files = tuple(run.checkpoint_files())
    if path.is_file():
        return ResumePoint(load_checkpoint(path), {}, files)
    damaged: dict[Path, str] = {}
    for file in reversed(files):
        try:
            return ResumePoint(load_checkpoint(file), damaged, files)
        except WganError as error:
            if not isinstance(error.__cause__, Damaged | Refused):  # the next attempt may read it
                raise
            damaged[file] = error.message
    if damaged:
        raise WganError(
            f"no checkpoint of {run.path} can be read; the newest: {next(iter(damaged.values()))}",
            f"train again: wgan train --recipe {run.recipe_file}",
        )
    return ResumePoint(None, {}, files)


def set_aside(run: RunDir, file: Path, mark: str = "") -> Path:
    """Move a file of a run to the same place below set-aside/, adding `mark` to its name, and return its new path."""
    place = run.set_aside / file.relative_to(run.path)
    with writing(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        targets = (place.with_name(f"{place.stem}{mark}{end}{place.suffix}") for end in numbered())
        target = next(each for each in targets if not each.exists())
        os.replace(file, target)
    return target


def rewind(run: RunDir, step: int) -> bool:
    """Set aside everything recorded after `step`; return True if that included a checkpoint.

    The newest checkpoint goes first, so a process killed at any moment leaves a run that can be rewound again.
    """
    late = [file for file in reversed(run.checkpoint_files()) if step_of(file) > step]
    for file in [*late, *(file for file in run.sample_files() if step_of(file) > step)]:
        set_aside(run, file)
    MetricsLog(run.metrics_file).rewind(step, run.set_aside / run.metrics_file.name)
    rewind_events(run.tensorboard, step, run.set_aside / run.tensorboard.name)
    return bool(late)
