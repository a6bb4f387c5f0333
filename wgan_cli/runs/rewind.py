"""Rewind a run to an earlier step: later files are moved to set-aside/, never deleted."""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path

from wgan_cli.runs.metrics_log import MetricsLog
from wgan_cli.runs.run_dir import RunDir, step_of
from wgan_cli.runs.tensorboard import rewind_events
from wgan_cli.utils.files import writing


def set_aside(run: RunDir, file: Path, mark: str = "") -> Path:
    """Move a file of a run to the same place below set-aside/, adding `mark` to its name, and return its new path."""
    place = run.set_aside / file.relative_to(run.path)
    with writing(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        for number in count(1):
            target = place.with_name(f"{place.stem}{mark}{'' if number == 1 else f'-{number}'}{place.suffix}")
            if not target.exists():
                os.replace(file, target)
                return target
    raise AssertionError("count never ends")


def rewind(run: RunDir, step: int) -> bool:
    """Set aside all that was recorded after `step`; return True if there was a checkpoint among it.

    The newest checkpoint goes first, so a process killed at any moment leaves a run that can be rewound again.
    """
    late = [file for file in reversed(run.checkpoint_files()) if step_of(file) > step]
    for file in [*late, *(file for file in run.sample_files() if step_of(file) > step)]:
        set_aside(run, file)
    MetricsLog(run.metrics_file).rewind(step, run.set_aside / run.metrics_file.name)
    rewind_events(run.tensorboard, step, run.set_aside / run.tensorboard.name)
    return bool(late)
