"""A run as it goes on: what it has written last, read again only when something is new."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wgan_cli.outputs.summary import inspect_run
from wgan_cli.report.facts import Told, told_by_records
from wgan_cli.report.pictures import Frame, read_frames
from wgan_cli.runs.lock import trainer_of
from wgan_cli.runs.run_dir import RunDir, open_run

ENDED = ("finished", "stopped early")


@dataclass(frozen=True)
class Mark:
    """By what a run's folder is known to hold nothing new."""

    records: int  # bytes
    grid: str
    has_generator: bool
    trains: bool


@dataclass(frozen=True)
class Seen:
    """A run at one moment. frame: its last grid, or None where none can be read. over: nothing more will come."""

    mark: Mark
    told: Told
    frame: Frame | None
    over: bool


def mark_of(run: RunDir) -> Mark:
    """Cheap, for it is asked for every few seconds."""
    try:
        records = run.metrics_file.stat().st_size
    except OSError:
        records = 0
    grids = run.sample_files()
    return Mark(records, grids[-1].name if grids else "", has_generator(run), trainer_of(run) is not None)


def look(path: Path, known: Mark | None = None) -> Seen | None:
    """The run now; None where nothing is new. Raises: WganError where it is no run any more, or cannot be read."""
    run = open_run(path)
    mark = mark_of(run)  # before the rest is read, so that what comes meanwhile is new the next time
    if mark == known:
        return None
    facts = inspect_run(path)
    frames = read_frames(run.sample_files()[-1:], lambda text: None)
    told = told_by_records(path.resolve().name, facts)
    return Seen(mark, told, frames[-1] if frames else None, facts.state in ENDED)


def has_generator(run: RunDir) -> bool:
    """Whether the run has one to draw with."""
    return run.best_file.is_file() or run.generator_file.is_file()
