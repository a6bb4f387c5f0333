"""Decoding of image files of every mode, orientation and shape, and of broken bytes."""

from __future__ import annotations

import io
import struct
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from wgan_cli.data.containers.container import NotAnImage
from wgan_cli.data.files.decoding import decode, decode_first, quiet_pillow, read_header
from wgan_cli.data.fit import contained_size, crop_box
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.utils import image_formats

SIZE = 12


def encoded(image: Image.Image, form: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def pixels(content: bytes, channels: int, size: int = SIZE, name: str = "x.png", **settings) -> np.ndarray:
    chosen = DataSettings(**{"range": "dtype", **settings})
    found = decode_first(content, (size, size), channels, chosen, name).pixels[0]
    assert found.shape == (channels, size, size) and found.dtype == np.uint8
    return found


def plain(mode: str, color) -> Image.Image:
    return Image.new(mode, (SIZE, SIZE), color)


def palette_of_one(red: int, green: int, blue: int) -> Image.Image:
    image = plain("P", 1)
    image.putpalette([0, 0, 0, red, green, blue])
    return image


def of_values(value: float, kind: str) -> Image.Image:
    return Image.fromarray(np.full((SIZE, SIZE), value, kind))


def cmyk(red: int, green: int, blue: int) -> Image.Image:
    return plain("CMYK", (255 - red, 255 - green, 255 - blue, 0))


# content, Pillow's mode, whether it has colors, RGBA value (gray by ITU-R 601's weights)
EVERY_MODE = {
    "1": (encoded(plain("1", 1)), "1", False, (255, 255, 255, 255)),
    "1 tiff": (encoded(plain("1", 1), "TIFF"), "1", False, (255, 255, 255, 255)),
    "L": (encoded(plain("L", 77)), "L", False, (77, 77, 77, 255)),
    "L jpeg": (encoded(plain("L", 77), "JPEG"), "L", False, (77, 77, 77, 255)),
    "L with a transparent gray": (encoded(plain("L", 77), transparency=77), "L", False, (77, 77, 77, 0)),
    "LA": (encoded(plain("LA", (200, 51))), "LA", False, (200, 200, 200, 51)),
    "P": (encoded(palette_of_one(10, 200, 30)), "P", True, (10, 200, 30, 255)),
    "P gif": (encoded(palette_of_one(10, 200, 30), "GIF"), "P", True, (10, 200, 30, 255)),
    "P of grays": (encoded(palette_of_one(50, 50, 50)), "P", False, (50, 50, 50, 255)),
    "P transparent": (encoded(palette_of_one(10, 200, 30), transparency=1), "P", True, (10, 200, 30, 0)),
    "P half": (encoded(palette_of_one(10, 200, 30), transparency=bytes([0, 51])), "P", True, (10, 200, 30, 51)),
    "RGB": (encoded(plain("RGB", (10, 200, 30))), "RGB", True, (10, 200, 30, 255)),
    "RGB bmp": (encoded(plain("RGB", (10, 200, 30)), "BMP"), "RGB", True, (10, 200, 30, 255)),
    "RGB ppm": (encoded(plain("RGB", (10, 200, 30)), "PPM"), "RGB", True, (10, 200, 30, 255)),
    "RGB tga": (encoded(plain("RGB", (10, 200, 30)), "TGA"), "RGB", True, (10, 200, 30, 255)),
    "RGB webp": (encoded(plain("RGB", (10, 200, 30)), "WEBP", lossless=True), "RGB", True, (10, 200, 30, 255)),
    "RGB with one transparent": (
        encoded(plain("RGB", (10, 200, 30)), transparency=(10, 200, 30)), "RGB", True, (10, 200, 30, 0),
    ),
    "RGBA": (encoded(plain("RGBA", (10, 200, 30, 51))), "RGBA", True, (10, 200, 30, 51)),
    "CMYK tiff": (encoded(cmyk(10, 200, 30), "TIFF"), "CMYK", True, (10, 200, 30, 255)),
    "I;16": (encoded(of_values(200 * 257, np.uint16)), "I;16", False, (200, 200, 200, 255)),
    "I;16 tiff": (encoded(of_values(200 * 257, np.uint16), "TIFF"), "I;16", False, (200, 200, 200, 255)),
    "I": (encoded(of_values(200 * 257, np.int32), "TIFF"), "I", False, (200, 200, 200, 255)),
    "I below zero": (encoded(of_values(-5, np.int32), "TIFF"), "I", False, (0, 0, 0, 255)),
    "F to 1": (encoded(of_values(0.4, np.float32), "TIFF"), "F", False, (102, 102, 102, 255)),
    "F to 255": (encoded(of_values(102.0, np.float32), "TIFF"), "F", False, (102, 102, 102, 255)),
    "F not a number": (encoded(of_values(np.nan, np.float32), "TIFF"), "F", False, (0, 0, 0, 255)),
}  # fmt: skip


@pytest.mark.parametrize("key", EVERY_MODE)
def test_every_mode(key):
    content, mode, color, (red, green, blue, alpha) = EVERY_MODE[key]
    header = read_header(content)
    assert (header.size, header.channels) == ((SIZE, SIZE), 3 if color else 1)
    assert header.mode == mode or (key == "I;16" and header.mode == "I")  # older Pillows
    with_alpha = pixels(content, 4)
    assert (with_alpha == np.array([red, green, blue, alpha]).reshape(4, 1, 1)).all(), with_alpha[:, 0, 0]
    opaque, luma = alpha / 255, [0.299, 0.587, 0.114]
    for background, level in {"white": 255, "black": 0}.items():
        seen = np.array([red, green, blue]) * opaque + level * (1 - opaque)
        assert np.abs(pixels(content, 3, background=background) - seen.reshape(3, 1, 1)).max() <= 1
        assert np.abs(pixels(content, 1, background=background) - seen @ luma).max() <= 1
    assert (pixels(content, 3) == pixels(content, 3, background="white")).all()
    assert header.alpha or alpha == 255
    assert decode(content, (SIZE, SIZE), 3, DataSettings(range="dtype"), "x.png").transparent == (alpha < 255)


@pytest.mark.parametrize("mode", ["RGB", "CMYK", "YCbCr"])
def test_jpeg_modes(mode):
    content = encoded(plain("RGB", (10, 200, 30)).convert(mode), "JPEG", quality=100)
    assert np.abs(pixels(content, 3).astype(int) - np.array([10, 200, 30]).reshape(3, 1, 1)).max() <= 6


def test_sixteen_bits():
    ramp = Image.fromarray(np.linspace(0, 65535, SIZE * SIZE).astype(np.uint16).reshape(SIZE, SIZE))
    found = pixels(encoded(ramp), 1)[0]
    assert np.abs(found - np.linspace(0, 255, SIZE * SIZE).reshape(SIZE, SIZE)).max() <= 1


def test_floats_beyond_any_range():
    values = np.full((SIZE, SIZE), 5e6, np.float32)
    values[0, 0] = 1e7
    found = pixels(encoded(Image.fromarray(values), "TIFF"), 1)
    assert found[0, 0, 0] == 255 and abs(int(found[0, 5, 5]) - 128) <= 1


# Orientation

CORNERS = np.zeros((8, 16, 3), np.uint8)
CORNERS[:4, :4], CORNERS[:4, -4:], CORNERS[-4:, :4] = (255, 0, 0), (0, 255, 0), (0, 0, 255)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(form, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(Image.fromarray(CORNERS), form, exif=exif, **({"quality": 100} if form == "JPEG" else {}))
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content))))
    found = decode(content, (16, 16), 3, DataSettings(fit="pad"), "x")
    assert found.sizes == (upright.shape[1::-1],)
    assert np.abs(found.pixels[0].astype(int) - pixels(encoded(Image.fromarray(upright)), 3, 16, fit="pad")).max() < 9
    if form != "TIFF":  # whose header older Pillows leave as it lies in the file
        assert read_header(content).size == upright.shape[1::-1]


@pytest.mark.parametrize("exif", [b"", b"Exif\0\0", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff", b"rubbish" * 9])
@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_broken_exif_data_is_ignored(form, exif):
    with quiet_pillow():
        assert pixels(encoded(plain("RGB", (0, 0, 0)), form, exif=exif), 3).max() == 0


# Shapes


def striped(width: int, height: int) -> Image.Image:
    """Give every column its own red, every row its own green."""
    across, down = np.meshgrid(np.arange(width), np.arange(height))
    return Image.fromarray(np.stack([across, down, np.zeros_like(across)], axis=2).astype(np.uint8))


@pytest.mark.parametrize(("width", "height"), [(12, 12), (20, 12), (12, 20), (13, 12), (12, 13)])
def test_crop_keeps_the_center_sharp(width, height):
    found = pixels(encoded(striped(width, height)), 3)
    left, top = (width - 12) // 2, (height - 12) // 2
    assert found[0, 0].tolist() == list(range(left, left + 12))
    assert found[1, :, 0].tolist() == list(range(top, top + 12))


def test_random_crop_depends_on_the_name():
    content = encoded(striped(60, 12))
    places = {name: int(pixels(content, 3, fit="random_crop", name=name)[0, 0, 0]) for name in map(str, range(30))}
    assert len(set(places.values())) > 10 and min(places.values()) >= 0 and max(places.values()) <= 48
    again = {name: int(pixels(content, 3, fit="random_crop", name=name)[0, 0, 0]) for name in places}
    assert again == places
    pixels(content, 3, fit="random_crop", name="\udc80 no text.png")


def test_pad_adds_black_borders():
    white = Image.new("RGB", (24, 8), "white")
    found = pixels(encoded(white), 3, fit="pad")
    assert (found[:, 4:8] == 255).all() and (found[:, :4] == 0).all() and (found[:, 8:] == 0).all()
    assert (pixels(encoded(white), 4, fit="pad")[3, 0] == 0).all(), "transparent where there is a fourth channel"


def test_padding_of_transparent_images_has_the_background():
    clear = encoded(Image.new("RGBA", (24, 8), (200, 0, 0, 0)))
    for channels in (1, 3):
        assert (pixels(clear, channels, fit="pad") == 255).all()
    for channel, level in enumerate((255, 128, 0)):
        assert (pixels(clear, 3, fit="pad", background=(255, 128, 0))[channel] == level).all()


def test_stretch_fills_the_square():
    left_black = Image.fromarray(np.repeat([[0] * 12 + [255] * 12], 6, axis=0).astype(np.uint8))
    found = pixels(encoded(left_black), 1, fit="stretch")[0]
    assert (found[:, :5] < 10).all() and (found[:, 7:] > 245).all()


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch", "random_crop"])
@pytest.mark.parametrize("size", [(16, 24), (24, 16), (20, 20)])
@pytest.mark.parametrize("orientation", [1, 6])
def test_rectangles(fit, size, orientation):
    """Red grows to the right and green downwards, as far as the part of a 300x200 photo that `fit` keeps reaches."""
    (height, width), name = size, "photo.jpg"
    across, down = np.meshgrid(np.linspace(0, 255, 300), np.linspace(0, 255, 200))
    photo = Image.fromarray(np.stack([across, down, np.full_like(across, 255)], 2).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    lying = photo.transpose(Image.Transpose.ROTATE_90) if orientation == 6 else photo
    content = encoded(lying, "JPEG", quality=98, subsampling=0, exif=exif)
    found = decode(content, size, 3, DataSettings(fit=fit), name).pixels[0].astype(int)
    assert found.shape == (3, height, width)
    left, top, right, bottom = 0, 0, 300, 200
    if "crop" in fit:
        left, top, right, bottom = crop_box(300, 200, size, fit, name)
    if fit == "pad":
        wide, high = contained_size(300, 200, size)
        x, y = (width - wide) // 2, (height - high) // 2
        outside = found.copy()
        found = found[:, y : y + high, x : x + wide].copy()
        outside[:, y : y + high, x : x + wide] = 0
        assert outside.max() == 0
    _, height, width = found.shape
    reds = 255 / 300 * (left + (right - left) * (np.arange(width) + 0.5) / width)
    greens = 255 / 200 * (top + (bottom - top) * (np.arange(height) + 0.5) / height)
    assert np.abs(found[0] - reds).max() < 6 and np.abs(found[1] - greens[:, None]).max() < 6
    assert found[2].min() > 249


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch", "random_crop"])
@pytest.mark.parametrize("size", [(1, 1), (1, 400), (400, 1), (3, 5), (11, 13), (300, 200)])
def test_extreme_shapes(fit, size):
    found = pixels(encoded(Image.new("L", size, 99)), 1, fit=fit)
    assert found[0, 5, 5] == 99


def test_jpeg_draft_mode_is_accurate():
    across = np.linspace(0, 255, 640)[None].repeat(480, axis=0).astype(np.uint8)
    content = encoded(Image.fromarray(across), "JPEG", quality=95)
    whole = Image.open(io.BytesIO(content)).crop((80, 0, 560, 480)).resize((SIZE, SIZE), Image.Resampling.LANCZOS)
    assert np.abs(pixels(content, 1)[0].astype(int) - np.asarray(whole)).max() <= 3


# Unusable files


def png_header(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    size, checksum = struct.pack(">I", 13), struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + size + header + checksum + struct.pack(">I", 0) + b"IDAT"


@pytest.mark.parametrize("content", [b"", b"words", b"%PDF-1.4", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"])
def test_other_files(content):
    for read in (read_header, lambda content: pixels(content, 3)):
        with pytest.raises(NotAnImage, match="not an image"):
            read(content)


@pytest.mark.parametrize("brand", [b"heic", b"mif1"])
def test_heic(brand):
    content = b"\0\0\0\x18ftyp" + brand + b"\0\0\0\0mif1heic" + bytes(40)
    for source in (content, io.BytesIO(content)):
        with pytest.raises(NotAnImage, match="HEIC isn.t supported: save it as JPEG"):
            read_header(source)


@pytest.mark.parametrize("size", [(10_000, 10_000), (20_000, 20_000), (2**31 - 1, 2**31 - 1)])
def test_pixel_limit_is_checked_in_the_header(size):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with pytest.raises(NotAnImage, match="limit of 89,478,485"):
            read_header(png_header(*size))
        with pytest.raises(NotAnImage, match="limit of 89,478,485"):
            pixels(png_header(*size), 3)


def test_pixel_limit_is_pillows(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", SIZE * SIZE)
    assert pixels(encoded(plain("L", 1)), 1).max() == 1
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", SIZE * SIZE - 1)
    with quiet_pillow(), pytest.raises(NotAnImage, match="limit"):
        pixels(encoded(plain("L", 1)), 1)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert pixels(encoded(plain("L", 1)), 1).max() == 1


NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("share", [0.02, 0.9])
def test_truncated_file(form, share):
    content = encoded(NOISE, form)
    with quiet_pillow(), pytest.raises(NotAnImage):
        pixels(content[: int(share * len(content))], 3)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "TGA"])
@pytest.mark.parametrize("examples", [10, pytest.param(300, marks=pytest.mark.slow)])
def test_corrupted_file(form, examples):
    @settings(max_examples=examples)
    @given(data=st.data())
    def corrupted(data):
        content = bytearray(encoded(NOISE, form))
        head = st.integers(0, 64) | st.integers(0, len(content) - 1)
        for _ in range(data.draw(st.integers(1, 5))):
            content[min(data.draw(head), len(content) - 1)] = data.draw(st.integers(0, 255))
        cut = data.draw(st.none() | st.integers(0, len(content)))
        for read in (read_header, lambda content: pixels(content, 3)):
            try:
                with quiet_pillow():
                    read(bytes(content[:cut]))
            except NotAnImage as reason:
                assert str(reason)

    corrupted()


def test_pillow_without_a_format(monkeypatch):
    image_formats.readable_formats.cache_clear()
    monkeypatch.setattr(image_formats, "READABLE", ("NO SUCH FORMAT", "PNG"))
    assert pixels(encoded(plain("L", 7)), 1).max() == 7
    image_formats.readable_formats.cache_clear()
