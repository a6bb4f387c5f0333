"""The run folder: paths of its files, and how it is named and created."""

from __future__ import annotations

import errno
import json
import os
import shlex
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wgan_cli.errors import WganError, describe_os_error, did_you_mean
from wgan_cli.utils.files import UNFINISHED, is_free, open_plain, write_text
from wgan_cli.utils.format import count_of

if TYPE_CHECKING:
    from wgan_cli.recipe import Recipe

STEP_DIGITS = 8
RUNS = Path("runs")  # parent of run folders without --out
_MAX_ENVIRONMENT_BYTES = 1_000_000


@dataclass(unsafe_hash=True)
class RunDir:
    """Paths inside one run folder."""

    path: Path

    def __post_init__(self) -> None:
        self.recipe_file = self.path / "recipe.yaml"
        self.environment_file = self.path / "environment.json"
        self.metrics_file = self.path / "metrics.jsonl"
        self.trackers_file = self.path / "trackers.json"
        self.curves_file = self.path / "curves.png"
        self.report_file = self.path / "report.html"
        self.tensorboard = self.path / "tensorboard"
        self.samples = self.path / "samples"
        self.checkpoints = self.path / "checkpoints"
        self.generator_file = self.path / "G.pth"
        self.best_file = self.path / "G_best.pth"
        self.set_aside = self.path / "set-aside"  # files of later steps than the one it was resumed from
        self.lock_file = self.path / ".lock"
        self.pid_file = self.path / ".pid"  # id of the process that holds the lock

    def sample_file(self, step: int) -> Path:
        """Return the path of the sample grid of a step."""
        return self.samples / f"step_{step:0{STEP_DIGITS}d}.png"

    def checkpoint_file(self, step: int) -> Path:
        """Return the path of the full checkpoint of a step."""
        return self.checkpoints / f"step_{step:0{STEP_DIGITS}d}.pth"

    def checkpoint_files(self) -> list[Path]:
        """Return the full checkpoints, oldest first."""
        return _by_step(self.checkpoints.glob("step_*.pth"))

    def sample_files(self) -> list[Path]:
        """Return the sample grids, oldest first."""
        return _by_step(self.samples.glob("step_*.png"))

    def remove_leftovers(self) -> None:
        """Delete unfinished files of a killed process."""
        for left in self.path.rglob(f".*{UNFINISHED}"):
            left.unlink(missing_ok=True)

    def read_recipe(self) -> Recipe:
        """Return the resolved recipe of the run. Raises: WganError."""
        from wgan_cli.recipe import read_recipe_file

        return read_recipe_file(self.recipe_file)

    def create_subfolders(self) -> None:
        """Create the folders of samples and checkpoints, unless they exist. Raises: WganError if that fails."""
        try:
            self.samples.mkdir(exist_ok=True)
            self.checkpoints.mkdir(exist_ok=True)
        except OSError as error:
            raise _cannot_create(self.path, error) from None

    def newest_step(self) -> int:
        """Return the step of the newest checkpoint, 0 if there is none."""
        return max(map(step_of, self.checkpoint_files()), default=0)

    def read_environment(self) -> dict[str, Any]:
        """Return the content of environment.json, or {} if it can't be read or is something else."""
        try:
            with open_plain(self.environment_file) as file:
                environment = json.loads(file.read(_MAX_ENVIRONMENT_BYTES))
        except (OSError, ValueError, RecursionError):
            return {}
        return environment if isinstance(environment, dict) else {}

    def read_class_counts(self) -> dict[str, int]:
        """Return the number of training images of each class; {} without classes, and for runs of earlier versions."""
        images = self.read_environment().get("images")
        counts = images.get("classes") if isinstance(images, dict) else None
        known = counts.items() if isinstance(counts, dict) else ()
        return {name: count for name, count in known if type(count) is int}

    def write_description(self, recipe: Recipe, environment: dict[str, Any]) -> None:
        """Write environment.json, then recipe.yaml, which can be trained again as it is.

        recipe.yaml makes the folder a run: one that is killed in between can't be resumed without the origin of its
        weights. A resumed run keeps its first environment and lists the later ones under `resumed`, with their images
        if these have changed.
        """
        from wgan_cli.recipe.yaml import dump_yaml

        if first := self.read_environment():
            listed = first.get("resumed")
            resumed = listed if isinstance(listed, list) else []
            known = [each["images"] for each in (first, *resumed) if isinstance(each, dict) and "images" in each]
            if known and environment.get("images") == known[-1]:  # thousands of classes fill the file
                environment = {name: value for name, value in environment.items() if name != "images"}
            environment = {**first, "resumed": [*resumed, environment]}
        command = str(environment.get("command", ""))
        command = " ".join(command.encode("utf-8", "replace").decode().split())  # paths may hold undecodable bytes
        header = f"# {command}\n# Every setting of this run; `wgan train --recipe` takes this file.\n"
        write_text(self.environment_file, json.dumps(environment, indent=2) + "\n")
        write_text(self.recipe_file, header + dump_yaml(recipe.as_dict()))


def step_of(file: Path) -> int:
    """Return the step in the file name of a checkpoint or sample grid."""
    return int(file.stem.removeprefix("step_"))


def _by_step(files: Iterable[Path]) -> list[Path]:
    """Sort files by step, ignoring other files in the folder."""
    return sorted((file for file in files if file.stem.removeprefix("step_").isdecimal()), key=step_of)


def is_run(path: Path) -> bool:
    """Return True if `path` is a run folder."""
    return os.path.isfile(path / "recipe.yaml")  # unlike Path, False for a folder that may not be entered


def runs_inside(path: Path) -> list[Path]:
    """Return the run folders in a folder, sorted; [] if `path` is none."""
    return sorted(file.parent for file in path.glob("*/recipe.yaml")) if os.path.isdir(path) else []


def similar_run_hint(path: Path) -> str:
    """Return "did you mean `runs/x`? " for a run inside a folder, or of a similar path; "" if there is none."""
    if inside := runs_inside(path):
        return f"did you mean `{inside[0]}`? "
    return did_you_mean(str(path), (str(file.parent) for file in RUNS.glob("*/recipe.yaml")))


def run_around(file: Path) -> RunDir | None:
    """Return the run that a file is in, directly or one folder below, such as a checkpoint."""
    folders = (file.parent, Path(os.path.normpath(file.parent / os.pardir)))
    return next((RunDir(folder) for folder in folders if is_run(folder)), None)


#: Files of a folder written by `wgan export`.
EXPORTED_TENSORS, EXPORTED_CRITIC, EXPORTED_CONFIG = "model.safetensors", "critic.safetensors", "config.json"
PUSHED_RECIPE = "recipe.yaml"  # only on the Hub: a folder with it would be taken for a run


def is_exported(path: Path) -> bool:
    """Return True if `path` is a folder written by `wgan export`."""
    return (path / EXPORTED_CONFIG).is_file() and (path / EXPORTED_TENSORS).is_file()


def open_run(path: str | Path) -> RunDir:
    """Return an existing run folder. Raises: WganError if `path` is not one."""
    from wgan_cli.runs.pretrained import pretrained_names, source_title  # it imports this module

    path = Path(path)
    if (title := source_title(path)) in pretrained_names() and not path.is_dir():
        hint = f"{similar_run_hint(Path(title))}train it to get one: wgan train {title}"
        raise WganError(f"{title} is a generator that comes with wgan, without the run that trained it", hint)
    if not path.exists():
        raise WganError(
            f"there is no run folder {path}",
            f"{similar_run_hint(path) or 'check the path; '}`wgan runs` lists the runs in runs/",
        )
    if not is_run(path):
        raise not_a_run(path, f"{similar_run_hint(path)}give a folder created by `wgan train`")
    return RunDir(path)


def not_a_run(path: Path, hint: str) -> WganError:
    """Return the error for a path that is no run folder, but perhaps a folder of runs."""
    if inside := runs_inside(path):
        message = f"{path} is a folder of {count_of(len(inside), 'run')}"
        example, folder = shlex.quote(str(inside[0])), shlex.quote(str(path))
        return WganError(message, f"name one of them, such as {example}; `wgan runs {folder}` lists them")
    return WganError(f"{path} is not a run folder: it holds no recipe.yaml", hint)


def numbered() -> Iterator[str]:
    """Yield endings of names until one is free: "", "-2", "-3"..."""
    return chain([""], (f"-{number}" for number in count(2)))


def create_run(path: Path | None, name: str) -> RunDir:
    """Create a run folder: `path`, or the first free one of runs/NAME, runs/NAME-2...

    Raises: WganError if `path` exists and is not an empty folder, or the file system refuses.
    """
    run = RunDir(create_folder(path, name))
    run.create_subfolders()
    return run


def create_folder(path: Path | None, name: str) -> Path:
    """Create and return the folder of `create_run`, without anything in it."""
    if path is not None:
        check_free(path)
    candidates = [path] if path else (RUNS / f"{name}{end}" for end in numbered())
    return next(each for each in candidates if _make(each) or path)


def check_free(path: Path, resumes: bool = True) -> None:
    """Raise a WganError unless `path` is free or an empty folder, with a writable parent.

    Args:
        resumes: the command could continue a run there.
    """
    if not is_free(path):
        name, found = shlex.quote(str(path)), resumes and is_run(path)
        hint = f"continue it with --resume {name}, or" if found else "existing paths are never overwritten;"
        raise WganError(f"{path} already exists", f"{hint} choose another --out")
    above = next(folder for folder in Path(os.path.abspath(path)).parents if os.path.lexists(folder))
    if not above.is_dir():
        raise _cannot_create(path, OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)))
    if not os.access(above, os.W_OK | os.X_OK):
        read_only = hasattr(os, "statvfs") and os.statvfs(above).f_flag & os.ST_RDONLY  # not on Windows
        code = errno.EROFS if read_only else errno.EACCES
        raise _cannot_create(path, OSError(code, os.strerror(code)))


def _make(path: Path) -> bool:
    """Create a folder and its parents; return False if it exists already."""
    try:
        with suppress(FileExistsError):  # a file in place of a parent: mkdir below reports it
            path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir()
    except FileExistsError:
        return False
    except OSError as error:
        raise _cannot_create(path, error) from None
    return True


def _cannot_create(path: Path, error: OSError) -> WganError:
    return WganError(
        f"cannot create the run folder {path}: {describe_os_error(error)}", "choose another place with --out"
    )
