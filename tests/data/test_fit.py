"""Images brought to the aspect ratio of a size: the same parts of tensors and of files."""

from __future__ import annotations

import io

import imagecodecs
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from wgan_cli.data import ImageSet, load_images
from wgan_cli.data.files.decoding import decode, decode_first
from wgan_cli.data.files.formats.raster import deepened
from wgan_cli.data.fit import contained_size, crop_box, cropped_size, fitted
from wgan_cli.data.loading import load_data, select_images
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.utils.pixels import as_uint8

FITS = ("crop", "random_crop", "pad", "stretch")


def striped(width: int, height: int) -> Tensor:
    """An image (1, 3, H, W) whose columns differ in red and rows in green; blue is 255 everywhere."""
    across = torch.arange(width).expand(height, width)
    down = torch.arange(height)[:, None].expand(height, width)
    return torch.stack([across, down, torch.full_like(across, 255)])[None].to(torch.uint8)


@pytest.mark.parametrize(
    ("image", "size", "cropped", "contained"),
    [
        ((64, 48), (48, 64), (64, 48), (64, 48)),
        ((64, 64), (48, 64), (64, 48), (48, 48)),
        ((64, 48), (64, 48), (36, 48), (48, 36)),
        ((640, 480), (32, 64), (640, 320), (43, 32)),
        ((100, 1), (64, 8), (1, 1), (8, 1)),  # (width, height) and (height, width)
        ((257, 129), (64, 64), (129, 129), (64, 32)),
    ],
)
def test_sizes(image, size, cropped, contained):
    assert cropped_size(*image, size) == cropped and contained_size(*image, size) == contained
    left, top, right, bottom = crop_box(*image, size, "crop", "")
    assert (right - left, bottom - top) == cropped
    assert abs(left - (image[0] - right)) <= 1 and abs(top - (image[1] - bottom)) <= 1


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize(("width", "height"), [(20, 20), (24, 16), (10, 40)])
def test_pixels(fit, width, height):
    """To 8 rows and 16 columns; cropping doesn't mix pixels where it doesn't scale."""
    (found,) = fitted(striped(width, height), (8, 16), fit, first=5)
    assert found.shape == (3, 8, 16) and found.dtype == torch.uint8
    inner_width, inner_height = contained_size(width, height, (8, 16))
    whole = fit in ("pad", "stretch")
    assert int((found[2] == 255).sum()) == (inner_width * inner_height if fit == "pad" else 8 * 16)
    kept = found[:, found[2].amax(1) > 0][:, :, found[2].amax(0) > 0]  # without borders
    if fit == "pad":
        assert kept.shape[1:] == (inner_height, inner_width)
    assert (kept[0].diff(dim=1).int() >= 0).all() and (kept[0].diff(dim=0) == 0).all(), "red grows to the right"
    assert (kept[1].diff(dim=0).int() >= 0).all() and (kept[1].diff(dim=1) == 0).all(), "green grows downwards"
    if whole:
        assert kept[0, 0, 0] <= width / 4 and kept[0, 0, -1] >= width - 1 - width / 4
        assert kept[1, 0, 0] <= height / 4 and kept[1, -1, 0] >= height - 1 - height / 4


def test_crop_is_exact():
    (found,) = fitted(striped(16, 20), (8, 16), "crop")
    assert found[0, 0].tolist() == list(range(16)) and found[1, :, 0].tolist() == list(range(6, 14))
    starts = [int(fitted(striped(16, 40), (8, 16), "random_crop", first)[0, 1, 0, 0]) for first in range(20)]
    assert len(set(starts)) > 8 and 0 <= min(starts) <= max(starts) <= 32


@pytest.mark.parametrize("fit", FITS)
def test_files_and_tensors_agree(fit):
    pixels = (torch.rand(1, 3, 3, 4, generator=torch.Generator().manual_seed(0)) * 255).to(torch.uint8)
    image = pixels.repeat_interleave(10, 2).repeat_interleave(10, 3)  # (1, 3, 30, 40)
    file = io.BytesIO()
    Image.fromarray(image[0].permute(1, 2, 0).numpy()).save(file, "PNG")
    from_file = decode_first(file.getvalue(), (36, 24), 3, DataSettings(fit=fit), "7").pixels[0]
    from_tensor = fitted(image, (36, 24), fit, first=7)[0].numpy()
    assert np.abs(from_file.astype(int) - from_tensor).mean() < 4  # the filters differ


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16])
def test_invisible_colors_stay_invisible(fit, dtype):
    """Red pixels next to transparent green ones: no color in between shows green."""
    image = torch.zeros(1, 4, 32, 48, dtype=torch.uint8)
    image[:, 0, :, ::2] = image[:, 3, :, ::2] = 255
    image[:, 1, :, 1::2] = 255
    stored = image if dtype == torch.uint8 else torch.from_numpy(deepened(image.numpy()))
    given = ImageSet(stored, torch.zeros(1, dtype=torch.int64), (), "given").resized((8, 8), fit)
    file = io.BytesIO()
    file.write(imagecodecs.png_encode(np.ascontiguousarray(image[0].permute(1, 2, 0).numpy() * np.uint16(257))))
    settings = DataSettings(fit=fit, range=(0, 65535))
    from_file = decode(file.getvalue(), (8, 8), 4, settings, "0", deep=True).pixels
    for found in (as_uint8(given.images), as_uint8(torch.from_numpy(from_file))):
        visible = found[0, :, found[0, 3] > 0]
        assert visible.shape[1] > 20 and visible[0].min() >= 254 and visible[1].max() <= 1
        assert found[0, 3].max() < 255
    bands = ImageSet(stored, torch.zeros(1, dtype=torch.int64), (), "given", bands=True).resized((8, 8), fit)
    assert as_uint8(bands.images)[:, 1].max() > 50


def test_sets_in_memory(messages, tmp_path):
    """Digits are cropped to a rectangle as files are, which is reported once; positions don't depend on chunks."""
    settings = DataSettings(source="digits", limit=5, image_size=[8, 16], fit="crop")
    found = load_data(settings, tmp_path, messages.append)
    assert [line for line in messages if "28x28" in line and "center 28x14" in line and "data.fit" in line]
    assert torch.equal(load_images(settings, tmp_path, messages.append).images, found.images) and len(messages) == 1
    whole = load_images(DataSettings(source="digits", limit=5), tmp_path, messages.append)
    assert torch.equal(found.images, whole.resized((8, 16), "crop").images)
    assert torch.equal(fitted(whole.images[:, :, 7:21], (8, 16), "stretch"), found.images)
    parts = [whole.resized((8, 16), "random_crop", chunk=chunk).images for chunk in (2, 5)]
    assert torch.equal(*parts) and not torch.equal(parts[0], found.images)
    given = ImageSet(whole.images[:, :, :24], whole.labels, whole.class_names, "given")
    assert select_images(given, DataSettings(source="given")).shape.size == (24, 28)
