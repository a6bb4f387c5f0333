"""From training images of 16 bits and several bands to samples in the same values."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from wgan_cli.data import load_images
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.runs.checkpoint import load_checkpoint
from wgan_cli.utils.pixels import to_16_bits

SIZE = 28
IMAGES = np.random.default_rng(0).integers(0, 4096, (70, SIZE, SIZE, 5)).astype(np.uint16)
CHANGES = ("--set", "data={source: folder, path: photos}", "--set", "steps=4")


@pytest.fixture
def photos(tmp_path):
    (tmp_path / "photos").mkdir()
    for number, image in enumerate(IMAGES):
        tifffile.imwrite(tmp_path / f"photos/{number:02}.tif", image, photometric="minisblack", planarconfig="contig")


def test_five_bands_from_training_to_samples(wgan, tiny_options, photos, tmp_path):
    trained = wgan("train", "--recipe", "mnist_dcgan", *tiny_options, *CHANGES, "--data-root", "root", "--out", "run")
    assert trained.status == 0, trained.stderr
    assert trained.stderr.count("5 bands; pictures show 1, 2, 3") == 1
    checkpoint = load_checkpoint(tmp_path / "run/G.pth")
    data = checkpoint.recipe.data
    assert (checkpoint.image.channels, data.preview_channels) == (5, (1, 2, 3))
    assert isinstance(data, DataSettings) and data.range == (0, 4095)
    with Image.open(tmp_path / "run/samples/step_00000004.png") as grid:
        assert grid.mode == "RGB"
    resumed = wgan("train", "--resume", "run", "--steps", "6", "--set", "data.preview_channels=4", "--quiet")
    assert resumed.status == 0, resumed.stderr

    assert wgan("sample", "run", "-n", 9, "--out", "new/", "--depth", "16").status == 0
    made = [tifffile.imread(tmp_path / f"new/{number:05}.tif") for number in range(9)]
    assert all(each.shape == (SIZE, SIZE, 5) and each.dtype == np.uint16 and each.max() <= 4095 for each in made)
    for name, depth in (("new.npz", "float"), ("grid.png", "8")):
        assert wgan("sample", "run", "-n", 9, "--out", name, "--depth", depth).status == 0
    floats = np.load(tmp_path / "new.npz")["images"]
    assert floats.dtype == np.float32 and np.abs(floats - np.stack(made)).max() <= 0.51
    grid = np.asarray(Image.open(tmp_path / "grid.png"))
    assert np.abs(grid[2:30, 2:30, 0] - floats[0, ..., 3] / 4095 * 255).max() <= 0.51, "the fourth band"
    found = load_images(DataSettings(source="folder", path="new", range=(0, 4095)), tmp_path, lambda text: None)
    back = to_16_bits(found.images.index_select(0, torch.arange(9))).permute(0, 2, 3, 1).numpy() / 65535 * 4095
    assert np.abs(back - np.stack(made)).max() <= 0.05, "samples are training images with the same values"


def test_other_bands_are_named(wgan, tiny_options, photos, tmp_path):
    tifffile.imwrite(tmp_path / "photos/four.tif", IMAGES[0, ..., :4], photometric="minisblack", planarconfig="contig")
    Image.new("RGB", (SIZE, SIZE)).save(tmp_path / "photos/rgb.png")
    trained = wgan("train", "--recipe", "mnist_dcgan", *tiny_options, *CHANGES, "--data-root", "root")
    assert trained.status == 2 and "four.tif (4 bands" in trained.stderr and "rgb.png (RGB" in trained.stderr
    wrong = wgan("train", "--recipe", "mnist_dcgan", *tiny_options, *CHANGES, "--set", "data.channels=3")
    assert wrong.status == 2 and "5 bands, not data.channels=3" in wrong.stderr
