"""Snapshots of a run while it trains, read again only if something is new."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from wgan_cli.outputs.summary import inspect_run
from wgan_cli.report.facts import RunReport, report_from_records
from wgan_cli.report.pictures import Frame, read_frames
from wgan_cli.runs.lock import trainer_of
from wgan_cli.runs.run_dir import RunDir, open_run
from wgan_cli.utils.format import no_log

ENDED = ("finished", "stopped early")


class Fingerprint(NamedTuple):
    """Properties of a run's folder that change when something is new. record_bytes: size of metrics.jsonl."""

    record_bytes: int
    grid: str
    has_generator: bool
    is_training: bool


@dataclass(frozen=True)
class Snapshot:
    """A run at one moment. frame: its last readable sample grid, if any; ended: nothing more will come."""

    fingerprint: Fingerprint
    report: RunReport
    frame: Frame | None
    ended: bool


def read_snapshot(path: Path, known: Fingerprint | None = None) -> Snapshot | None:
    """Read a run, or return None if it still has a known fingerprint. Raises: WganError if it cannot be read."""
    run = open_run(path)
    # The fingerprint is taken before the rest, so that changes in between are new the next time.
    record_bytes, grids = 0, run.sample_files()
    with suppress(OSError):
        record_bytes = run.metrics_file.stat().st_size
    newest, is_training = grids[-1].name if grids else "", trainer_of(run) is not None
    fingerprint = Fingerprint(record_bytes, newest, has_generator(run), is_training)
    if fingerprint == known:
        return None
    facts = inspect_run(path)
    frames = read_frames(run.sample_files()[-1:], no_log)
    report = report_from_records(path.resolve().name, facts)
    return Snapshot(fingerprint, report, frames[-1] if frames else None, facts.state in ENDED)


def has_generator(run: RunDir) -> bool:
    """Return True if the run has saved a generator."""
    return run.best_file.is_file() or run.generator_file.is_file()
