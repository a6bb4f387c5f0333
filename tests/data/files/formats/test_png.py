"""PNGs with 16 bits in each of several channels."""

from __future__ import annotations

import io
import sys

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageOps

from wgan_cli.data.files.decoding import decode, read_header
from wgan_cli.errors import WganError
from wgan_cli.recipe.data_settings import DataSettings

RANDOM = np.random.default_rng(0)


def decoded(content: bytes, channels: int, deep: bool = True, **settings) -> np.ndarray:
    width, height = read_header(content).size
    settings = DataSettings(**{"range": (0, 65535), **settings})
    return decode(content, (height, width), channels, settings, "x", deep).pixels[0].astype(int) + 32768 * deep


def test_color_keeps_every_level():
    values = RANDOM.permutation(np.arange(3 * 128 * 128, dtype=np.uint16)).reshape(128, 128, 3)
    content = imagecodecs.png_encode(values)
    header = read_header(content)
    assert (header.size, header.channels, header.alpha, header.deep) == ((128, 128), 3, False, True)
    assert np.array_equal(decoded(content, 3), values.transpose(2, 0, 1))
    assert np.abs(decoded(content, 3, deep=False) - values.transpose(2, 0, 1) / 257).max() <= 0.5


@pytest.mark.parametrize("bands", [1, 3])
def test_alpha(bands):
    values = np.full((8, 12, bands + 1), 40000, np.uint16)
    values[..., -1] = 13107  # a fifth
    content = imagecodecs.png_encode(values)
    header = read_header(content)
    assert (header.channels, header.alpha, header.deep) == (bands, True, True)
    assert decoded(content, 4)[:, 0, 0].tolist() == [40000] * 3 + [13107]
    assert (decoded(content, bands, background="black") == 8000).all()
    assert (decoded(content, bands) == 8000 + round(0.8 * 65535)).all()


def test_without_imagecodecs(monkeypatch):
    color, gray = (imagecodecs.png_encode(np.zeros(shape, np.uint16)) for shape in ((8, 8, 3), (8, 8)))
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with pytest.raises(WganError) as caught:
        read_header(color)
    assert "wgan[tiff]" in caught.value.hint
    assert read_header(gray).deep, "Pillow reads gray"


@pytest.mark.parametrize("orientation", [1, 3, 6, 7])
def test_exif_orientation(orientation):
    corners = np.zeros((8, 12, 3), np.uint8)
    corners[:4, :4], corners[:4, -4:], corners[-4:, :4] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    Image.fromarray(corners).save(file, "PNG", exif=exif)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(file)))
    plain, deep = file.getvalue(), imagecodecs.png_encode(corners.astype(np.uint16) * 257)
    start = plain.index(b"eXIf") - 4
    chunk = plain[start : start + 12 + int.from_bytes(plain[start : start + 4], "big")]
    content = deep[:33] + chunk + deep[33:]  # after the header
    assert read_header(content).size == upright.shape[1::-1]
    assert np.array_equal(decoded(content, 3) // 257, upright.transpose(2, 0, 1))
