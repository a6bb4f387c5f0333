"""Fixed transforms of image sets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from wgan_cli.data import load_data, native_shape
from wgan_cli.data.sources.arrays import image_set
from wgan_cli.data.transforms import color, gray, invert, thicken, transformed
from wgan_cli.errors import WganError
from wgan_cli.evaluation.real_images import real_images
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.utils.format import no_log
from wgan_cli.utils.pixels import as_uint8, to_16_bits

IMAGES = torch.randint(0, 256, (3, 1, 6, 6), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_invert():
    assert torch.equal(invert(IMAGES), 255 - IMAGES) and torch.equal(invert(invert(IMAGES)), IMAGES)
    opaque = torch.cat([IMAGES.expand(-1, 3, -1, -1), torch.full((3, 1, 6, 6), 9, dtype=torch.uint8)], 1)
    assert (invert(opaque)[:, 3] == 9).all(), "transparency stays"


def test_four_bands_have_no_transparency():
    images = image_set(torch.full((2, 4, 8, 8), 9, dtype=torch.uint8))
    levels = [
        transformed(replace(images, bands=bands), "invert").images[0, :, 0, 0].tolist() for bands in (False, True)
    ]
    assert levels == [[246, 246, 246, 9], [246] * 4]


def test_thicken_is_the_maximum_of_3x3_pixels():
    thick = thicken(IMAGES)
    for y in range(6):
        for x in range(6):
            around = IMAGES[:, 0, max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]
            assert torch.equal(thick[:, 0, y, x], around.amax((1, 2)))


def test_sixteen_bits_and_bands():
    levels = torch.tensor([0, 1, 500, 65534, 65535, 300])
    images = (levels - 32768).to(torch.int16).view(1, 6, 1, 1).expand(2, 6, 4, 4)
    assert torch.equal(to_16_bits(invert(images))[0, :, 0, 0], 65535 - levels), "all six bands"
    assert torch.equal(to_16_bits(thicken(images))[0, :, 0, 0], levels)
    gray_levels = color(images[:, 2:3]), color(as_uint8(images[:, 2:3]))
    assert torch.equal(*gray_levels) and gray_levels[0].dtype == torch.uint8


def test_gray_and_color():
    assert torch.equal(gray(IMAGES)[:, 2], IMAGES[:, 0])
    colored = color(torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16))
    assert colored.shape == (1, 3, 16, 16) and colored.dtype == torch.uint8
    assert len(colored.flatten(2)[0].T.unique(dim=0)) == 256, "each gray level has its own color"
    assert colored[0, :, 0, 0].tolist() == [24, 16, 96] and colored[0, :, -1, -1].tolist() == [255, 232, 120]


@pytest.mark.parametrize("name", ["invert", "thicken", "grey", "colour"])
def test_native_shape(name):
    settings = DataSettings(source="digits", limit=5, transform=name, image_size=16)
    images = load_data(settings, Path("nowhere"), no_log)
    assert images.shape == native_shape(settings) and images.images.dtype == torch.uint8


def test_color_images_cannot_be_colored(tmp_path):
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (8, 8), "red").save(tmp_path / "photos" / "a.png")
    settings = DataSettings(source="folder", path=str(tmp_path / "photos"), transform="colour")
    for read in (lambda: load_data(settings, tmp_path, no_log), lambda: native_shape(settings)):
        with pytest.raises(WganError, match="`data.transform` is colour.* 3 channels"):
            read()


def test_held_out_images_are_transformed_as_well(tmp_path):
    for part in ("train", "test"):
        (tmp_path / "photos" / part).mkdir(parents=True)
        for shade in (0, 255):
            Image.new("L", (8, 8), shade).save(tmp_path / "photos" / part / f"{shade}.png")
    settings = DataSettings(source="folder", path=str(tmp_path / "photos"), transform="colour")
    held_out = real_images(settings, tmp_path / "root", no_log).held_out
    assert held_out.dataset.images.index_select(0, held_out.indices)[:, :, 0, 0].tolist() == [
        [24, 16, 96],
        [255, 232, 120],
    ]
