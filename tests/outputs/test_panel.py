"""Sample grids of some epochs, side by side."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from wgan_cli.errors import WganError
from wgan_cli.outputs.panel import GAP, panel_frames, save_panel
from wgan_cli.runs.metrics_log import read_metrics
from wgan_cli.runs.run_dir import RunDir


def test_panel_holds_the_nearest_grids(tiny_run, tmp_path):
    """Grids of steps 0, 6 and 12; twelve steps of 8 images."""
    epochs = read_metrics(tiny_run.metrics_file)[-1]["epoch"]
    frames = panel_frames(tiny_run, f"0,{0.6 * epochs},{epochs}")
    assert [frame.label for frame in frames] == ["epoch 0", f"epoch {epochs / 2:.3g}", f"epoch {epochs:.3g}"]
    frames = panel_frames(tiny_run, "steps:1, 11")
    assert [frame.label for frame in frames] == ["step 0", "step 12"]
    save_panel(frames, tmp_path / "panel.png", 1)
    panel, grids = np.asarray(Image.open(tmp_path / "panel.png")), [np.asarray(frame.picture) for frame in frames]
    height, width = grids[0].shape[:2]
    assert panel.shape[1] == 2 * width + GAP
    for i, grid in enumerate(grids):
        left = i * (width + GAP)
        np.testing.assert_array_equal(panel[:height, left : left + width], grid)


def test_epochs_of_changing_length(tiny_run, tmp_path):
    """Steps of another batch size after step 6; grids of steps 0, 6 and 12."""
    run = RunDir(Path(shutil.copytree(tiny_run.path, tmp_path / "run")))
    records = [{"step": 6, "epoch": 1.0}, {"step": 8, "epoch": 5.0}, {"step": 10, "epoch": 9.0}]
    run.metrics_file.write_text("".join(json.dumps(record) + "\n" for record in records))
    frames = panel_frames(run, "1,6,13")
    assert [frame.label for frame in frames] == ["epoch 1", "epoch 13"]
    run.metrics_file.write_text("".join(json.dumps(record) + "\n" for record in records[1:]))
    assert [frame.label for frame in panel_frames(run, "4")] == ["epoch 3.75"]


def test_one_grid_for_several_steps_is_told(tiny_run):
    told = []
    (frame,) = panel_frames(tiny_run, "steps:5,7", told.append)
    assert frame.label == "step 6" and len(told) == 1 and "steps 5, 7" in told[0]


@pytest.mark.parametrize("wanted", ["", "five", "5,,6", "-1", "steps:"])
def test_other_lists_are_refused(tiny_run, wanted):
    with pytest.raises(WganError, match="list of epochs"):
        panel_frames(tiny_run, wanted)
