"""Images written with more than 8 bits, in the range of the training images, and with all bands."""

from __future__ import annotations

from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from wgan_cli.data import load_images
from wgan_cli.errors import WganError
from wgan_cli.outputs.pixel_format import PixelFormat, pixel_format
from wgan_cli.outputs.save_images import save_images
from wgan_cli.recipe.data_settings import DataSettings

UNIT = torch.linspace(-1, 1, 2 * 5 * 8 * 8).view(2, 5, 8, 8)  # as generators make them


def written(folder: Path, where: str, depth: str, images: torch.Tensor = UNIT, **settings) -> Path:
    form = pixel_format(depth, DataSettings(**settings), images.shape[1], where)
    return save_images(iter([images]), len(images), f"{folder}/{where}", form=form, columns=2)


def read(path: Path) -> np.ndarray:
    if path.suffix == ".tif":
        return tifffile.imread(path)
    return imagecodecs.png_decode(path.read_bytes())


RANGES = {
    "8 bits": ("auto", (0, 65535), "u2"),
    "12 bits": ((0, 4095), (0, 4095), "u2"),
    "CT": ((-1024, 3071), (-1024, 3071), "i2"),
    "floats": ((-1, 1), (0, 65535), "u2"),
    "fractions": ((0.5, 1000.5), (0, 65535), "u2"),
    "32 bits": ((0, 100_000), (0, 65535), "u2"),
}


@pytest.mark.parametrize("case", RANGES)
@pytest.mark.parametrize("channels", [1, 3, 4, 5])
def test_sixteen_bits_in_the_range_of_the_images(tmp_path, case, channels):
    chosen, (low, high), kind = RANGES[case]
    images = UNIT[:, :channels]
    wanted = (images.double() + 1) / 2 * (high - low) + low
    folder = written(tmp_path, "single/", "16", images, range=chosen)
    suffix = "png" if kind == "u2" and channels < 5 else "tif"
    for number, image in enumerate(wanted):
        found = read(folder / f"{number:05d}.{suffix}")
        assert found.dtype == np.dtype(kind)
        assert np.abs(found.reshape(8, 8, channels) - image.permute(1, 2, 0).numpy()).max() <= 0.51
    array = np.load(written(tmp_path, "all.npy", "16", images, range=chosen))
    assert array.dtype == np.dtype(kind) and np.abs(array - wanted.permute(0, 2, 3, 1).numpy()).max() <= 0.51


@pytest.mark.parametrize(("chosen", "low", "high"), [("auto", 0, 255), ((-1024, 3071), -1024, 3071), ((-1, 1), -1, 1)])
def test_floats_are_in_the_units_of_the_images(tmp_path, chosen, low, high):
    wanted = ((UNIT + 1) / 2 * (high - low) + low).permute(0, 2, 3, 1).numpy()
    arrays = [np.load(written(tmp_path, "all.npy", "float", range=chosen))]
    arrays.append(np.load(written(tmp_path, "all.npz", "float", range=chosen))["images"])
    folder = written(tmp_path, "single/", "float", range=chosen)
    arrays.append(np.stack([read(folder / f"0000{number}.tif") for number in range(2)]))
    for found in arrays:
        assert found.dtype == np.float32 and np.abs(found - wanted).max() <= 1e-6 * (high - low)


def test_grids(tmp_path):
    gray = read(written(tmp_path, "gray.tif", "16", UNIT[:, :1], range=(-1024, 3071)))
    assert gray.shape == (12, 22) and gray[0, 0] == -1024 == gray.min(), "black between images"
    color = read(written(tmp_path, "color.png", "16", UNIT, preview_channels=[5, 3, 1]))
    assert color.dtype == np.uint16 and color.shape == (12, 22, 3)
    wanted = ((UNIT[0, [4, 2, 0]].double() + 1) / 2 * 65535).permute(1, 2, 0).numpy()
    assert np.abs(color[2:10, 2:10] - wanted).max() <= 0.51
    bands = read(written(tmp_path, "bands.tif", "8", preview_channels=[5, 3, 1]))
    assert bands.dtype == np.uint8 and bands.shape == (12, 22, 5)
    with Image.open(written(tmp_path, "shown.png", "8", preview_channels=2)) as shown:
        assert shown.size == (22, 12) and np.ptp(np.asarray(shown)[2:10, 2:10], axis=2).max() == 0, "one band is gray"


@pytest.mark.parametrize(("channels", "shown"), [(2, (1,)), (4, (1, 2, 3)), (5, (1, 2, 3))])
def test_written_bands_are_training_images(tmp_path, channels, shown):
    made = UNIT[:, :channels]
    folder = written(tmp_path, "single/", "16", made, range=(0, 4095), preview_channels=shown)
    settings = DataSettings(source="folder", path=str(folder), image_size=8, range=(0, 4095))
    images = load_images(settings, tmp_path, lambda text: None)
    assert images.bands and images.preview_channels == shown
    back = (images.images.double() + 32767.5 + 0.5) / 65535 * 4095
    assert (back - (made.double() + 1) / 2 * 4095).abs().max() <= 0.6


@pytest.mark.parametrize(
    ("where", "depth", "chosen"),
    [("x.jpg", "16", "auto"), ("x.webp", "16", "auto"), ("x.bmp", "float", "auto"), ("x.png", "float", "auto")],
)
def test_formats_that_cannot_hold_it(tmp_path, where, depth, chosen):
    with pytest.raises(WganError) as caught:
        written(tmp_path, where, depth, range=chosen)
    assert where in caught.value.message and ".tif" in caught.value.hint and not list(tmp_path.iterdir())


def test_unknown_depth():
    with pytest.raises(WganError, match="--depth"):
        pixel_format("12", DataSettings(), 1, "x.png")


def test_eight_bits_stay_as_they_are(tmp_path):
    pixels = torch.arange(192, dtype=torch.uint8).view(1, 3, 8, 8)
    assert PixelFormat().values(pixels) is pixels
    assert np.array_equal(np.load(written(tmp_path, "x.npy", "8", pixels)), pixels.permute(0, 2, 3, 1).numpy())
