"""A run's sample grids of some epochs or steps, side by side with captions."""

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from wgan_cli.errors import WganError
from wgan_cli.outputs.animation import Frame, render_frames
from wgan_cli.outputs.frame_files import run_files
from wgan_cli.outputs.grid import open_picture, save_picture
from wgan_cli.runs.metrics_log import read_metrics
from wgan_cli.runs.run_dir import RunDir, step_of
from wgan_cli.utils.files import make_parent
from wgan_cli.utils.format import Log, no_log

GAP = 6  # pixels between grids


def panel_frames(run: RunDir, wanted: str, log: Log = no_log) -> list[Frame]:
    """Return the grids nearest to epochs such as `5,25,50`, or to steps such as `steps:200,400`; captions are exact.

    `log` receives a line about each grid that is the nearest to several of them, and is returned once.

    Raises: WganError for other text, or a run without grids or, for epochs, without records.
    """
    found = re.fullmatch(r"(steps:)?(\d+(?:\.\d+)?(?:,\d+(?:\.\d+)?)*)", wanted.replace(" ", ""))
    if found is None:
        raise WganError(f"--panel {wanted!r:.60} is not a list of epochs", "use --panel 5,25,50 or steps:200,400")
    files = [file.path for file in run_files(run)]
    records = [] if found[1] else [record for record in read_metrics(run.metrics_file) if record.get("epoch")]
    if not found[1] and not records:
        raise WganError(f"{run.path} has no record of its epochs", "use steps: --panel steps:200,400")
    place_of = {file: _epoch(step_of(file), records) if records else step_of(file) for file in files}
    unit, chosen = "epoch" if records else "step", defaultdict[Path, list[str]](list)
    for mark in found[2].split(","):
        chosen[min(files, key=lambda file: abs(place_of[file] - float(mark)))].append(mark)
    for file, marks in chosen.items():
        if len(marks) > 1:
            log(f"note: {unit}s {', '.join(marks)} have the same nearest grid, that of step {step_of(file):,}")
    return [Frame(open_picture(file), f"{unit} {place_of[file]:.3g}") for file in chosen]


def _epoch(step: int, records: Sequence[dict[str, Any]]) -> float:
    """Interpolate the epoch of a step; an epoch's steps may change, with the batch size or the number of images."""
    steps, epochs = ([0, *(record[name] for record in records)] for name in ("step", "epoch"))
    if step > steps[-1]:  # not logged yet
        return epochs[-1] + (step - steps[-1]) * (epochs[-1] - epochs[-2]) / max(1, steps[-1] - steps[-2])
    return float(np.interp(step, steps, epochs))


def save_panel(frames: Sequence[Frame], path: Path, scale: float) -> None:
    """Write frames side by side as one image, in the format of the path's suffix. Raises: WganError."""
    rendered = render_frames(list(frames), scale)
    gap = np.zeros_like(rendered[0][:, :GAP])
    joined = [part for frame in rendered for part in (gap, frame)][1:]
    image = np.atleast_3d(np.concatenate(joined, axis=1))  # (H, W, C)
    make_parent(path)
    save_picture(torch.from_numpy(image).permute(2, 0, 1), path)
