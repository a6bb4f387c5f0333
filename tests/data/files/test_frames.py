"""Files with several images: pages of TIFFs, frames of animations."""

from __future__ import annotations

import io
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from wgan_cli.data.containers.container import NotAnImage
from wgan_cli.data.files.decoding import decode, quiet_pillow, read_header
from wgan_cli.recipe.data_settings import DataSettings

SIZE = 8
LEVELS = (10, 120, 250)


def gray(level: int) -> Image.Image:
    return Image.new("L", (SIZE, SIZE), level)


def saved(images: list[Image.Image], form: str, **options) -> bytes:
    file = io.BytesIO()
    images[0].save(file, form, save_all=True, append_images=images[1:], **options)
    return file.getvalue()


STACKS = {
    "TIFF": saved([gray(level) for level in LEVELS], "TIFF"),
    "TIFF compressed": saved([gray(level) for level in LEVELS], "TIFF", compression="tiff_lzw"),
    "GIF": saved([gray(level) for level in LEVELS], "GIF", duration=100),
    "WEBP": saved([gray(level).convert("RGB") for level in LEVELS], "WEBP", lossless=True),
    "APNG": saved([gray(level) for level in LEVELS], "PNG"),
    "APNG after a still": saved([gray(77), *map(gray, LEVELS)], "PNG", default_image=True),
}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("form", STACKS)
def test_each_frame_is_an_image(form, channels):
    content = STACKS[form]
    assert read_header(content).frames == read_header(io.BytesIO(content)).frames == 3
    found = decode(content, (SIZE, SIZE), channels, DataSettings(), "x")
    assert found.pixels.shape == (3, channels, SIZE, SIZE) and found.frames == 3
    assert found.sizes == ((SIZE, SIZE),) * 3 and found.transparent == 0
    assert (found.pixels == np.array(LEVELS).reshape(3, 1, 1, 1)).all(), found.pixels[:, 0, 0, 0]


@pytest.mark.parametrize("form", STACKS)
def test_first_frame(form):
    found = decode(STACKS[form], (SIZE, SIZE), 1, DataSettings(frames="first"), "x")
    assert found.frames == 3 and found.pixels.shape == (1, 1, SIZE, SIZE)
    assert (found.pixels == (77 if "still" in form else 10)).all()


def test_pages_of_different_modes_and_sizes():
    pages = [gray(50), Image.new("RGBA", (20, 10), (255, 0, 0, 0)), Image.new("RGB", (10, 20), (0, 90, 0))]
    header = read_header(saved(pages, "TIFF"))
    assert (header.frames, header.channels, header.mode) == (3, 3, "L")
    found = decode(saved(pages, "TIFF"), (SIZE, SIZE), 3, DataSettings(), "x")
    assert found.pixels[:, :, 4, 4].tolist() == [[50] * 3, [255] * 3, [0, 90, 0]]
    assert found.sizes == ((SIZE, SIZE), (20, 10), (10, 20)) and found.transparent == 1


def test_color_in_a_later_frame():
    fades_in = [gray(0), Image.new("RGB", (SIZE, SIZE), (0, 200, 0))]
    for content in (saved(fades_in, "GIF"), saved(fades_in, "TIFF")):
        assert read_header(content).channels == 3
        found = decode(content, (SIZE, SIZE), 3, DataSettings(), "x")
        assert found.pixels[:, :, 0, 0].tolist() == [[0, 0, 0], [0, 200, 0]]
    for form in ("GIF", "TIFF", "TIFF compressed"):
        assert read_header(STACKS[form]).channels == 1


@pytest.mark.parametrize(
    ("pages", "used"), [([(40, 0), (41, 1), (42, 4), (43, 2)], [40, 43]), ([(41, 1), (40, 0)], [40]), ([(41, 1)], [41])]
)
def test_thumbnails_and_masks_of_a_tiff_are_no_pages(pages, used):
    file = io.BytesIO()
    with TiffImagePlugin.AppendingTiffWriter(file, new=True) as writer:
        for level, kind in pages:
            tags = TiffImagePlugin.ImageFileDirectory_v2()
            tags[254] = kind
            gray(level).save(writer, "TIFF", tiffinfo=tags)
            writer.newFrame()
    found = decode(file.getvalue(), (SIZE, SIZE), 1, DataSettings(), "x")
    assert found.pixels[:, 0, 0, 0].tolist() == used and found.frames == len(used)
    first = decode(file.getvalue(), (SIZE, SIZE), 1, DataSettings(frames="first"), "x")
    assert first.pixels[:, 0, 0, 0].tolist() == used[:1]


def test_the_size_of_a_tiff_is_not_that_of_its_thumbnail():
    file = io.BytesIO()
    with TiffImagePlugin.AppendingTiffWriter(file, new=True) as writer:
        for size, kind in ((4, 1), (SIZE, 0)):
            tags = TiffImagePlugin.ImageFileDirectory_v2()
            tags[254] = kind
            gray(9).resize((size, size)).save(writer, "TIFF", tiffinfo=tags)
            writer.newFrame()
    assert read_header(file.getvalue()).size == (SIZE, SIZE)


def test_second_image_of_a_camera_file_is_not_used():
    content = saved([gray(99), gray(10)], "MPO")
    assert read_header(content).frames == 1
    assert len(decode(content, (SIZE, SIZE), 1, DataSettings(), "x").pixels) == 1


def test_animation_with_transparent_frames():
    """Frames that cover a part of the picture are shown on what is below them, and finally on the background."""
    clear = Image.new("RGBA", (SIZE, SIZE), (0, 0, 0, 0))
    half = clear.copy()
    half.paste((200, 0, 0, 255), (0, 0, SIZE // 2, SIZE))
    for form in ("GIF", "WEBP", "PNG"):
        options = {"lossless": True} if form == "WEBP" else {}
        found = decode(saved([half, clear.copy()], form, disposal=2, **options), (SIZE, SIZE), 3, DataSettings(), "x")
        left, right = found.pixels[:, :, 0, 0].tolist(), found.pixels[:, :, 0, -1].tolist()
        assert (left, right) == ([[200, 0, 0], [255] * 3], [[255] * 3] * 2), form
        assert found.transparent == 2


@pytest.mark.parametrize("form", STACKS)
def test_truncated_stack(form):
    content = STACKS[form]
    for cut in range(0, len(content), 13):
        for read in (read_header, lambda content: decode(content, (SIZE, SIZE), 1, DataSettings(), "x")):
            with suppress(NotAnImage), quiet_pillow():
                read(content[:cut])
