"""Runs of a folder at a glance, from their smallest files: a thousand take a second."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from wgan_cli.recipe.scores import LOGGED, main_score
from wgan_cli.runs.lock import trainer_of
from wgan_cli.runs.run_dir import RunDir, is_run

State = Literal["running", "finished", "failed", "stopped", "new"]
_TAIL = 65_536  # bytes of metrics.jsonl that hold the last records
_SEARCHED = 4 << 20  # bytes of it that are searched for scores, if those have none
DEFAULT_KEEP = 2  # that of a recipe, whose schema takes long to import
_SCORED = re.compile(rf'"(?:{"|".join(LOGGED)})":'.encode())
_SETTING = re.compile(rb"^(name|steps|keep): '?([^'\n]*)'?$", re.MULTILINE)


@dataclass(frozen=True)
class RunSummary:
    """A run: where it is and how far it got.

    Attributes:
        score: the main score of its last evaluation, by name, if any.
        bytes: size of all its files.
        sample: its latest sample grid.
    """

    path: str
    recipe: str
    state: State
    step: int
    steps: int
    minutes: float
    score: tuple[str, float] | None
    bytes: int
    sample: str | None


def find_runs(folder: Path) -> Iterator[RunDir]:
    """Yield the run folders directly inside a folder, or the folder itself if it is one, sorted by name."""
    if is_run(folder):
        yield RunDir(folder)
    elif folder.is_dir():
        yield from (RunDir(path) for path in sorted(folder.iterdir()) if is_run(path))


def summarize(run: RunDir) -> RunSummary:
    """Read the summary of a run; unreadable files count as empty."""
    settings = _settings(run)
    records = _last_records(run.metrics_file, _TAIL)
    last = records[-1] if records else {}
    step, steps = max(_whole(last.get("step")), run.newest_step()), _whole(settings.get("steps"))
    scores = _last_scores(records) or _last_scores(_last_records(run.metrics_file, _SEARCHED, _SCORED))
    main = main_score(scores)
    samples = run.sample_files()
    seconds = last.get("seconds")
    return RunSummary(
        path=str(run.path),
        recipe=settings.get("name", ""),
        state=state_of(run, step, steps),
        step=step,
        steps=steps,
        minutes=seconds / 60 if isinstance(seconds, int | float) else 0.0,
        score=None if main is None else (main, scores[main]),
        bytes=sum(map(_size, _files(run.path))),
        sample=str(samples[-1]) if samples else None,
    )


def state_of(run: RunDir, step: int, steps: int) -> State:
    """Return the state of a run that has logged `step` of `steps`; failed: ended by an error, or killed."""
    if trainer_of(run) is not None:
        return "running"
    ended_early = run.pid_file.is_file()
    if 0 < steps <= step and not (ended_early and run.newest_step() < steps):  # logged, and not saved
        return "finished"
    if ended_early:
        return "failed"
    return "stopped" if step else "new"


def superfluous_checkpoints(run: RunDir) -> list[Path]:
    """Return the checkpoints that were set aside and, of a finished run, all but the last one.

    If its recipe asks for more than the default number of checkpoints, it keeps them. An unfinished run keeps all of
    its checkpoints: it may have to roll back to an older one. G.pth and G_best.pth always stay.
    """
    state = summarize(run).state
    if state == "running":
        return []
    set_aside = sorted(run.set_aside.rglob("*.pth")) if run.set_aside.is_dir() else []
    keep = _settings(run).get("keep", "")
    if state != "finished" or keep == "all":
        return set_aside
    wanted = _whole(keep) if _whole(keep) > DEFAULT_KEEP else 1
    return [*run.checkpoint_files()[:-wanted], *set_aside]


def _settings(run: RunDir) -> dict[str, str]:
    """Return some settings of the recipe, as written."""
    with suppress(OSError), open(run.recipe_file, "rb") as file:
        found = _SETTING.findall(file.read(_TAIL))
        return {name.decode(): value.decode("utf-8", "replace") for name, value in found}
    return {}


def _last_scores(records: list[dict[str, Any]]) -> dict[str, float]:
    scored = next((record for record in reversed(records) if record.keys() & set(LOGGED)), {})
    return {name: value for name, value in scored.items() if name in LOGGED and isinstance(value, float)}


def _last_records(file: Path, size: int, pattern: re.Pattern[bytes] | None = None) -> list[dict[str, Any]]:
    """Return the records in the last bytes of a file, of which the lines match a pattern."""
    with suppress(OSError), open(file, "rb") as content:
        content.seek(max(0, content.seek(0, os.SEEK_END) - size))
        found = []
        for line in content.read().splitlines():
            if pattern is not None and not pattern.search(line):
                continue
            with suppress(ValueError):
                if isinstance(record := json.loads(line), dict):
                    found.append(record)
        return found
    return []


def _whole(value: object) -> int:
    with suppress(TypeError, ValueError, OverflowError):
        return int(value)  # type: ignore[call-overload]
    return 0


def _files(folder: Path) -> Iterator[os.DirEntry[str]]:
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _files(Path(entry.path))
            else:
                yield entry


def _size(entry: os.DirEntry[str]) -> int:
    """Return the bytes of a file, 0 if it is gone by now."""
    with suppress(OSError):
        return entry.stat(follow_symlinks=False).st_size
    return 0
