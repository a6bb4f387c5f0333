"""Grids and image files, pixel by pixel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.utils import make_grid

from wgan_cli.errors import WganError
from wgan_cli.outputs.grid import grid_tensor, near_square, open_picture, picture_format, save_picture
from wgan_cli.utils.image_formats import WRITABLE


def noise(*shape: int) -> torch.Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(("count", "columns"), [(6, 3), (5, 3), (4, 1), (2, 5)])
def test_grid_equals_torchvision(channels, count, columns):
    images = noise(count, channels, 4, 5)
    assert torch.equal(grid_tensor(images, columns), make_grid(images, nrow=columns, padding=2))
    assert torch.equal(grid_tensor(images[:1], 1), make_grid(images[:1]))


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGBA")])
@pytest.mark.parametrize("ending", [".png", ".tiff", ".PNG"])
def test_lossless_formats(tmp_path, channels, mode, ending):
    image = noise(channels, 6, 5)
    save_picture(image, tmp_path / f"picture{ending}")
    with Image.open(tmp_path / f"picture{ending}") as picture:
        assert (picture.mode, picture.size) == (mode, (5, 6))
        read = np.asarray(picture)
    np.testing.assert_array_equal(read.reshape(6, 5, channels), image.permute(1, 2, 0).numpy())


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(("ending", "form"), [(".jpg", "JPEG"), (".jpeg", "JPEG"), (".webp", "WEBP")])
def test_lossy_formats(tmp_path, channels, ending, form):
    image = torch.full((channels, 16, 16), 200, dtype=torch.uint8)
    image[3:] = 255
    save_picture(image, tmp_path / f"picture{ending}")
    with Image.open(tmp_path / f"picture{ending}") as picture:
        assert (picture.format, picture.size) == (form, (16, 16))
        assert abs(np.asarray(picture.convert("RGB")).astype(int) - 200).max() <= 2


def half_clear() -> torch.Tensor:
    """Red on the left, and red hidden by alpha on the right."""
    image = torch.zeros(4, 16, 16, dtype=torch.uint8)
    image[0], image[3, :, :8] = 200, 255
    return image


@pytest.mark.parametrize("ending", [*WRITABLE])
def test_hidden_colors_stay_hidden(tmp_path, ending):
    save_picture(half_clear(), tmp_path / f"picture{ending}")
    shown = np.asarray(open_picture(tmp_path / f"picture{ending}")).astype(int)
    assert np.abs(shown[8, 2] - (200, 0, 0)).max() < 9 and shown[8, 13].min() > 246
    if ending in (".jpg", ".jpeg", ".bmp"):
        with Image.open(tmp_path / f"picture{ending}") as picture:
            assert picture.mode == "RGB"


@pytest.mark.parametrize("name", ["picture", "picture.txt", "picture.", ".png", "picture.png.gz"])
def test_unknown_suffix(name):
    with pytest.raises(WganError, match="image format|no suffix") as caught:
        picture_format(Path(name))
    assert ".png" in caught.value.hint


def test_every_accepted_suffix_is_writable(tmp_path):
    for suffix in WRITABLE:
        save_picture(noise(3, 16, 16), tmp_path / f"picture{suffix}")
        with Image.open(tmp_path / f"picture{suffix}") as picture:
            assert picture.size == (16, 16), suffix


def test_near_square():
    for count in (*range(1, 50), 99_999, 100_000):
        columns = near_square(count)
        assert (columns - 1) ** 2 < count <= columns**2
