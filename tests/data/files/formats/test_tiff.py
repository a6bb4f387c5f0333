"""TIFFs with more bits or bands than Pillow keeps."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from wgan_cli.data.containers.container import NotAnImage
from wgan_cli.data.files.decoding import decode, read_header
from wgan_cli.data.files.formats import tiff
from wgan_cli.errors import WganError
from wgan_cli.recipe.data_settings import DataSettings

RANDOM = np.random.default_rng(0)


def encoded(values: np.ndarray, photometric: str = "minisblack", **options) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, values, photometric=photometric, **options)
    return file.getvalue()


def decoded(content: bytes, channels: int, **settings) -> np.ndarray:
    """Decode all images to (n, channels, H, W) from 0 to 65535."""
    width, height = read_header(content).size
    settings = DataSettings(**{"range": (0, 65535), **settings})
    return decode(content, (height, width), channels, settings, "x", deep=True).pixels.astype(int) + 32768


@pytest.mark.parametrize(("order", "compression"), [("<", None), (">", None), ("<", "zlib"), (">", "lzw")])
@pytest.mark.parametrize("planes", ["contig", "separate"])
@pytest.mark.parametrize("channels", [2, 3, 4, 5, 16])
def test_bands(channels, planes, order, compression):
    for kind, factor in (("u1", 257), ("u2", 1)):
        values = RANDOM.integers(0, np.iinfo(kind).max + 1, (12, 20, channels)).astype(kind)
        laid = values if planes == "contig" else values.transpose(2, 0, 1)
        options = {"planarconfig": planes, "byteorder": order, "compression": compression}
        content = encoded(laid, extrasamples=["unspecified"] * (channels - 1), **options)
        header = read_header(content)
        assert (header.size, header.channels, header.frames, header.alpha) == ((20, 12), channels, 1, False)
        assert header.deep == (kind == "u2") and header.bands == (channels != 3)
        assert np.array_equal(decoded(content, channels)[0], values.transpose(2, 0, 1) * np.int64(factor))
        for other in {1, 3, 5} - {channels} if channels != 3 else {2, 5}:
            with pytest.raises(NotAnImage, match=f"{channels} bands"):
                decoded(content, other)


@pytest.mark.parametrize("extra", ["unassalpha", "assocalpha"])
@pytest.mark.parametrize("bands", [1, 3])
def test_sixteen_bits_with_alpha(bands, extra):
    values = np.full((8, 8, bands + 1), 40000, np.uint16)
    values[:4, :, -1] = 65535
    values[4:, :, -1] = 13107 if extra == "unassalpha" else 50000
    content = encoded(values, "rgb" if bands == 3 else "minisblack", extrasamples=[extra], planarconfig="contig")
    header = read_header(content)
    assert (header.channels, header.alpha, header.deep) == (bands, True, True)
    share = values[4, 0, -1] / 65535
    color = 40000 if extra == "unassalpha" else 40000 / share
    rgba = decoded(content, 4)[0]
    assert rgba[:, 0, 0].tolist() == [40000] * 3 + [65535] and rgba[3, 5, 0] == values[4, 0, -1]
    assert np.abs(rgba[:3, 5, 0] - color).max() <= 1
    for background, level in (("white", 65535), ("black", 0)):
        flat = decoded(content, bands, background=background)[0]
        assert np.abs(flat[:, 5, 0] - (share * color + (1 - share) * level)).max() <= 1
        assert (flat[:, 0, 0] == 40000).all()


def test_sixteen_bit_color_keeps_every_level():
    values = RANDOM.permutation(np.arange(3 * 128 * 128, dtype=np.uint16)).reshape(128, 128, 3)
    assert np.array_equal(decoded(encoded(values, "rgb"), 3)[0], values.transpose(2, 0, 1))


def test_floats_and_pages():
    pages = RANDOM.uniform(-1, 1, (3, 8, 12, 5)).astype(np.float32)
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for page in pages:
            writer.write(page, photometric="minisblack", planarconfig="contig")
        writer.write(pages[0][::2, ::2], photometric="minisblack", planarconfig="contig", subfiletype=1)  # a thumbnail
    assert read_header(file.getvalue()).frames == 3
    found = decoded(file.getvalue(), 5, range=(-1, 1))
    assert np.abs(found - (pages.transpose(0, 3, 1, 2) + 1) / 2 * 65535).max() < 0.6
    assert len(decoded(file.getvalue(), 5, range=(-1, 1), frames="first")) == 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(orientation):
    corners = np.zeros((8, 12, 3), np.uint16)
    corners[:4, :4], corners[:4, -4:], corners[-4:, :4] = (65535, 0, 0), (0, 65535, 0), (0, 0, 65535)
    tag = (tiff._ORIENTATION, "H", 1, orientation, True)
    content = encoded(corners, "rgb", extratags=[tag])
    exif = Image.Exif()
    exif[tiff._ORIENTATION] = orientation
    file = io.BytesIO()
    Image.fromarray((corners // 257).astype(np.uint8)).save(file, "PNG", exif=exif)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(file)))
    assert read_header(content).size == upright.shape[1::-1]
    assert np.array_equal(decoded(content, 3)[0] // 257, upright.transpose(2, 0, 1))


def test_white_is_zero():
    values = RANDOM.integers(0, 65536, (8, 8, 2)).astype(np.uint16)
    content = encoded(values, "miniswhite", extrasamples=["unspecified"], planarconfig="contig")
    assert np.array_equal(decoded(content, 2)[0], 65535 - values.astype(int).transpose(2, 0, 1))
    gray = values[..., 0].astype(int)
    for order in "<>":
        content = encoded(values[..., 0], "miniswhite", byteorder=order)
        assert np.array_equal(decoded(content, 1)[0, 0], 65535 - gray)
        content = encoded((gray / 65535).astype(np.float32), "miniswhite", byteorder=order)
        assert np.array_equal(decoded(content, 1, range=(0, 1))[0, 0], gray), "floats have no greatest value"


def test_pillow_reads_what_it_keeps(monkeypatch):
    monkeypatch.setattr(tiff, "open_tiff", None)
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F"):
        file = io.BytesIO()
        Image.new(mode, (8, 8)).save(file, "TIFF")
        assert read_header(file.getvalue()).mode == mode


def test_too_many_bands_and_damage():
    with pytest.raises(NotAnImage, match="17 bands"):
        read_header(encoded(np.zeros((8, 8, 17), np.uint8), planarconfig="contig"))
    whole = encoded(RANDOM.integers(0, 256, (64, 64, 5), np.uint8), planarconfig="contig")
    for content in (whole[:2000], whole[:100], whole[:9]):
        with pytest.raises(NotAnImage):
            decode(content, (8, 8), 5, DataSettings(), "x")


def test_without_tifffile(monkeypatch):
    monkeypatch.setitem(sys.modules, "tifffile", None)
    with pytest.raises(WganError) as caught:
        read_header(encoded(np.zeros((8, 8, 3), np.uint16), "rgb"))
    assert "wgan[tiff]" in caught.value.hint
    with pytest.raises(NotAnImage, match="wgan.tiff"):
        read_header(encoded(np.zeros((8, 8, 5), np.uint8), planarconfig="contig"))
