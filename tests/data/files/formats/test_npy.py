"""Images in .npy files."""

from __future__ import annotations

import io

import numpy as np
import pytest

from wgan_cli.data.containers.container import NotAnImage
from wgan_cli.data.files.decoding import decode, read_header
from wgan_cli.recipe.data_settings import DataSettings

RANDOM = np.random.default_rng(0)
TYPES = {
    "u1": (0, 255),
    "u2": (0, 65535),
    "i2": (-1024, 3071),
    "i4": (0, 65535),
    "f2": (0, 1),
    "f4": (-1, 1),
    "f8": (0, 1),
}


def npy(values: np.ndarray, **options) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, values, **options)
    return file.getvalue()


def decoded(content: bytes, channels: int, deep: bool = True, **settings) -> np.ndarray:
    """Decode to (channels, H, W) from 0 to 65535, or 255."""
    width, height = read_header(content).size
    pixels = decode(content, (height, width), channels, DataSettings(**settings), "x", deep).pixels[0]
    return pixels.astype(int) + 32768 * deep


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 16])
def test_every_type_and_number_of_bands(kind, channels):
    low, high = TYPES[kind]
    values = RANDOM.uniform(low, high, (18, 20, channels)).astype(kind)
    for content in (npy(values), npy(np.asfortranarray(values))):
        header = read_header(content)
        assert (header.size, header.channels, header.deep) == ((20, 18), channels, kind != "u1")
        found = decoded(content, channels, range=(low, high))
        wanted = (values.astype(float) - low) / (high - low) * 65535
        assert np.abs(found - wanted.transpose(2, 0, 1)).max() < (0.6 if kind != "f2" else 32)


@pytest.mark.parametrize(
    ("shape", "size", "channels"),
    [((8, 12), (12, 8), 1), ((5, 18, 20), (20, 18), 5), ((18, 20, 5), (5 * 4, 18), 5), ((18, 20, 1), (20, 18), 1)],
)
def test_layouts(shape, size, channels):
    values = RANDOM.integers(0, 256, shape, np.uint8)
    content = npy(values)
    header = read_header(content)
    assert (header.size, header.channels, header.frames) == (size, channels, 1)
    planes = values if shape[0] == channels else values.reshape(size[1], size[0], channels).transpose(2, 0, 1)
    assert np.array_equal(decoded(content, channels, deep=False), planes)
    assert np.array_equal(decoded(content, channels), planes.astype(int) * 257)


def test_gray_and_color_are_converted():
    red = np.zeros((8, 8, 3), np.float32)
    red[..., 0] = 1
    assert decoded(npy(red), 1, range=(0, 1)).max() == round(0.299 * 65535)
    assert decoded(npy(red), 4, range=(0, 1))[:, 0, 0].tolist() == [65535, 0, 0, 65535]
    assert decoded(npy(red[..., 0]), 3, range=(0, 1))[:, 0, 0].tolist() == [65535] * 3
    assert decoded(npy(np.eye(8) > 0), 1).max() == 65535, "booleans are black and white"


@pytest.mark.parametrize(
    "values",
    [
        np.zeros((8, 8), np.complex64), np.zeros((2, 3, 8, 8)), np.zeros((40, 30, 20)), np.zeros(8), np.zeros((0, 8)),
        np.array([["a"]]), np.zeros((8, 8), [("x", "u1")]),
    ],
)  # fmt: skip
def test_other_arrays_are_no_images(values):
    for read in (read_header, lambda content: decode(content, (8, 8), 1, DataSettings(), "x")):
        with pytest.raises(NotAnImage):
            read(npy(values))


def test_nothing_is_executed_and_damage_is_reported():
    pickled = npy(np.array([print], object), allow_pickle=True)
    whole = npy(np.zeros((8, 8), np.uint8))
    for content in (pickled, whole[:-9], whole[:40], whole[:7]):
        with pytest.raises(NotAnImage):
            decode(content, (8, 8), 1, DataSettings(), "x")


def test_huge_arrays_are_refused_by_their_header():
    header = npy(np.zeros((8, 8), np.uint8)).replace(b"(8, 8)", b"(9999999999, 9999)").replace(b" " * 16, b" " * 4)
    with pytest.raises(NotAnImage):
        read_header(header)


@pytest.mark.parametrize(("channels", "bands"), [(3, 5), (5, 3), (2, 1), (1, 2), (4, 2), (3, 4)])
def test_other_numbers_of_bands_are_rejected(channels, bands):
    with pytest.raises(NotAnImage, match=f"{bands} band.*data.channels={channels}"):
        decode(npy(np.zeros((20, 20, bands), np.uint8)), (8, 8), channels, DataSettings(), "x")
