"""Forms of output: grid, single files, array."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from wgan_cli.errors import WganError
from wgan_cli.outputs.grid import grid_tensor
from wgan_cli.outputs.save_images import MAX_IN_GRID, folder_names, save_images


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def noise(count: int, channels: int = 3, size: int = 8) -> torch.Tensor:
    random = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, channels, size, size), dtype=torch.uint8, generator=random)


def batches(images: torch.Tensor) -> Iterator[torch.Tensor]:
    return iter(images.split(4))


def never() -> Iterator[torch.Tensor]:
    raise AssertionError("nothing may be computed that cannot be written")
    yield


def read(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


@pytest.mark.parametrize(("where", "make"), [("new/", False), ("deep/new/", False), ("there", True), ("there/", True)])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_folder_gets_single_images(where, make, channels):
    if make:
        Path(where).mkdir()
    images = noise(6, channels)
    assert save_images(batches(images), 6, where) == Path(where)
    assert sorted(os.listdir(where)) == [f"{number:05d}.png" for number in range(6)]
    for number, image in enumerate(images):
        shown = read(Path(where, f"{number:05d}.png")).reshape(8, 8, channels)
        np.testing.assert_array_equal(shown, image.permute(1, 2, 0))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_enlarged_by_whole_pixels(channels):
    images = noise(6, channels)
    for scale, folder in ((1, "plain/"), (3, "large/")):
        save_images(batches(images), 6, folder, scale=scale)
        save_images(batches(images), 6, f"{folder}grid.png", scale=scale)
    for name in ("00004.png", "grid.png"):
        plain, large = read(Path("plain", name)), read(Path("large", name))
        np.testing.assert_array_equal(large, plain.repeat(3, 0).repeat(3, 1))
    with pytest.raises(WganError, match="--scale enlarges pictures, and images.npz is an array"):
        save_images(never(), 6, "images.npz", scale=2)


@pytest.mark.parametrize("where", ["images.npy", "images.npz", "images.NPZ", "new/folder/images.npy"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_array_holds_every_pixel(where, channels):
    images = noise(6, channels)
    path = save_images(batches(images), 6, where)
    loaded = np.load(path, allow_pickle=False)
    array = loaded["images"] if path.suffix.lower() == ".npz" else loaded
    assert (array.shape, array.dtype) == ((6, 8, 8, channels), np.uint8)
    np.testing.assert_array_equal(array, images.permute(0, 2, 3, 1))


@pytest.mark.parametrize("where", ["images.npy", "images.png"])
def test_arrays_and_grids_must_fit_into_memory(here, monkeypatch, where):
    monkeypatch.setattr("wgan_cli.utils.machine.free_memory", lambda device: 2000)
    with pytest.raises(WganError, match=f"6 images in {where} need") as caught:
        save_images(chain([noise(4)], never()), 6, where)
    assert "--out images/" in caught.value.hint and os.listdir(here) == []


@pytest.mark.parametrize(("columns", "used"), [(None, 3), (2, 2), (6, 6)])
def test_image_file_is_a_grid(columns, used):
    images = noise(6)
    save_images(batches(images), 6, "new/grid.png", columns=columns)
    np.testing.assert_array_equal(read(Path("new/grid.png")), grid_tensor(images, used).permute(1, 2, 0))


@pytest.mark.parametrize(
    ("where", "count", "message"),
    [
        ("images", 6, "no suffix"),
        ("new/images.mp3", 6, "image format"),
        ("grid.png", MAX_IN_GRID + 1, "10,001 images do not fit into a grid"),
    ],
)
def test_unsupported_path_fails_first(here, where, count, message):
    with pytest.raises(WganError, match=message):
        save_images(never(), count, where)
    assert os.listdir(here) == []


@pytest.mark.parametrize("where", ["wide.webp", "wide.jpg"])
def test_grid_too_large_for_its_format(here, where):
    with pytest.raises(WganError) as caught:
        save_images(batches(noise(2600, 1, 24)), 2600, where, columns=2600)  # 67,602 pixels wide
    assert where in caught.value.message
    assert "free space" not in caught.value.hint
    assert os.listdir(here) == []


def test_folder_names():
    names = folder_names(("T-shirt/top", "a:b", "a?b", "..", "", "Cat", "cat", "nul\0"))
    assert names[0] == "T-shirt-top"
    assert len({name.lower() for name in names}) == 8
    assert not any(letter in name for name in names for letter in '/\\:*?"<>|\0')
    assert all(name and not name.startswith(".") for name in names)
    assert len({name.lower() for name in folder_names(("a- 2", "a/", "a:", "a- 2", "A-", "a- 3"))}) == 6
