"""Ranges of images with more than 8 bits."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from wgan_cli.data.files.decoding import decode, deep_values
from wgan_cli.data.files.value_range import RangeUnknown, choose_range, summarize
from wgan_cli.recipe.data_settings import DataSettings


def encoded(values: np.ndarray, form: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(values).save(file, form)
    return file.getvalue()


def ramp(low: float, high: float, kind: str) -> np.ndarray:
    return np.linspace(low, high, 64).reshape(8, 8).astype(kind)


CASES = {
    "8 bits in 16": ("PNG", "u2", (0, 255), (0, 255)),
    "class numbers": ("PNG", "u2", (0, 20), (0, 20)),
    "10 bits": ("PNG", "u2", (3, 1000), (0, 1023)),
    "12 bits": ("PNG", "u2", (0, 4095), (0, 4095)),
    "16 bits": ("TIFF", "u2", (0, 65535), (0, 65535)),
    "16 bits, half used": ("TIFF", "u2", (0, 30000), (0, 65535)),
    "CT with an offset": ("PNG", "u2", (31744, 35839), (31744, 35839)),
    "signed CT": ("TIFF", "i4", (-1024, 3071), (-1024, 3071)),
    "32 bits": ("TIFF", "i4", (0, 200000), (0, 200000)),
    "floats to 1": ("TIFF", "f4", (0.0, 0.9), (0, 1)),
    "signed floats": ("TIFF", "f4", (-0.9, 0.5), (-1, 1)),
    "floats to 255": ("TIFF", "f4", (0.0, 250.0), (0, 255)),
    "floats to 2000": ("TIFF", "f4", (0.0, 2000.0), (0, 2000)),
    "small floats": ("TIFF", "f4", (0.0, 0.03125), (0, 0.03125)),
    "temperatures": ("TIFF", "f4", (250.0, 310.0), (250, 310)),
}


@pytest.mark.parametrize("case", CASES)
def test_range_and_pixels(case):
    form, kind, (least, greatest), (low, high) = CASES[case]
    values = ramp(least, greatest, kind)
    content = encoded(values, form)
    (read,) = deep_values(content, DataSettings())
    assert np.array_equal(read[..., 0], values)
    found = choose_range([summarize(read, 1000)])
    assert found is not None and (found.images, found.least, found.greatest) == (1, values.min(), values.max())
    assert found.range == (low, high)
    settings = DataSettings().with_range(found.range)
    pixels = decode(content, (8, 8), 1, settings, "x").pixels[0, 0]
    expected = (values.astype(float) - low) / (high - low)
    assert np.abs(pixels - 255 * expected).max() <= 0.51
    deep = decode(content, (8, 8), 1, settings, "x", deep=True).pixels[0, 0]
    assert deep.dtype == np.int16 and np.abs(deep + 32768.0 - 65535 * expected).max() <= 0.51


def test_all_images_share_a_range():
    images = [summarize(np.full((4, 4), level, np.uint16), 9) for level in (5, 700, 3000)]
    found = choose_range(images)
    assert found is not None and found.images == 3 and found.range == (0, 4095)
    assert choose_range([]) is None


def test_outliers_are_reported():
    values = np.random.default_rng(0).integers(0, 1000, (100, 100)).astype(np.uint16)
    values[0, 0] = 60000
    found = choose_range([summarize(values, 10**6)])
    assert found is not None and found.range == (0, 65535) and found.suggested is not None
    assert found.suggested[0] < 5 and 990 < found.suggested[1] <= 1000


@pytest.mark.parametrize("level", [0.0, -3.0, 7.5, np.nan, np.inf])
def test_uniform_and_undefined_values(level):
    content = encoded(np.full((8, 8), level, np.float32), "TIFF")
    found = choose_range([summarize(each, 10) for each in deep_values(content, DataSettings())])
    assert found is not None and found.range[0] < found.range[1]
    assert decode(content, (8, 8), 1, DataSettings().with_range(found.range), "x").pixels.shape == (1, 1, 8, 8)


def test_values_outside_are_clipped_and_undefined_ones_black():
    values = np.array([[np.nan, -np.inf, -5, 0], [5, 10, 20, np.inf]], np.float32)
    content = encoded(np.kron(values, np.ones((2, 1), np.float32)), "TIFF")
    pixels = decode(content, (4, 4), 1, DataSettings(range=(0, 10)), "x").pixels[0, 0]
    assert pixels[0].tolist() == [0, 0, 0, 0] and pixels[3].tolist() == [128, 255, 255, 255]


def test_auto_depends_on_the_set():
    with pytest.raises(RangeUnknown):
        decode(encoded(ramp(0, 4095, "u2"), "PNG"), (8, 8), 1, DataSettings(), "x")


@pytest.mark.parametrize("bounds", [[5, 5], [5, 1], [0, float("nan")], [1], "all"])
def test_invalid_ranges(bounds):
    with pytest.raises(ValueError, match="range"):
        DataSettings(range=bounds)
