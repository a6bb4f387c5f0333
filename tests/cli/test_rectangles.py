"""Images that aren't square, from files to samples, animations and exports."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from wgan_cli.runs.checkpoint import load_checkpoint

SIZE = ("--set", "model.critic.channels=[4]", "--set", "model.generator.channels=[8]")


@pytest.fixture
def photos(tmp_path):
    (tmp_path / "photos").mkdir()
    for number in range(12):
        Image.new("RGB", (30, 10), (20 * number, 0, 255)).save(tmp_path / f"photos/{number}.png")
    return "photos"


def test_from_files_to_samples(photos, wgan, tiny_options, quick_onnx):
    """16 rows and 24 columns everywhere."""
    tiny = (
        "--recipe",
        "folder_dcgan",
        "--data",
        photos,
        *tiny_options,
        *SIZE,
        "--device",
        "cpu",
        "--data-root",
        "root",
    )
    started = wgan("train", *tiny, "--image-size", "16x24", "--steps", 6, "--stop-after", 3, "--out", "run")
    assert started.status == 0 and "16x24x3" in started.stderr, started.stderr
    assert "center 15x10" in started.stderr
    resumed = wgan("train", "--resume", "run", "--device", "cpu", "--data-root", "root")
    assert resumed.status == 0 and load_checkpoint("run/G.pth").step == 6, resumed.stderr
    for word in ("run", "run/G.pth"):
        assert json.loads(wgan("inspect", word, "--json").stdout)["recipe"]["data"]["image_size"] == [16, 24]

    assert wgan("sample", "run", "-n", 6, "--rows", 2, "--out", "grid.png").status == 0
    assert Image.open("grid.png").size == (3 * 26 + 2, 2 * 18 + 2)
    assert wgan("sample", "run", "-n", 2, "--out", "each/").status == 0
    assert Image.open("each/00000.png").size == (24, 16)
    assert wgan("sample", "run", "-n", 2, "--out", "all.npy").status == 0
    assert np.load("all.npy").shape == (2, 16, 24, 3)

    assert wgan("gif", "run/G.pth", "--out", "walk.gif", "--max-frames", 4).status == 0
    with Image.open("walk.gif") as animation:
        assert animation.width / animation.height == pytest.approx(24 / 16, rel=0.1)
    exported = wgan("export", "run", "--out", "model/")
    assert exported.status == 0, exported.stderr
    assert json.loads(Path("model/config.json").read_text())["image"]["width"] == 24


def test_a_folder_keeps_its_shape(photos, wgan, tiny_options):
    result = wgan("train", photos, *tiny_options, "--dry-run", "--data-root", "root")
    assert result.status == 0 and "data.image_size=8x32" in result.stderr and "8x32x3" in result.stderr, result.stderr


@pytest.mark.parametrize("given", ["16x24x3", "16,24", "16*24", "x24", "big", "4x16", "16x1000"])
def test_wrong_sizes(wgan, given):
    result = wgan("train", "--image-size", given, "--dry-run")
    assert (
        result.status == 2
        and "--image-size" in result.error
        and ("48x64" in result.hint or "for example" in result.hint)
    )
