"""The page's HTML: exact pixels, and nothing that a run or a file says is more than words."""

from __future__ import annotations

import base64
import io
import re
from types import SimpleNamespace

import numpy as np
import torch
from PIL import Image

from wgan_cli.explore import html_parts
from wgan_cli.explore.session import View
from wgan_cli.explore.translation_session import Translated

EVIL = '"><script>alert(1)</script>'


def pictures(html: str, kind: str = "png") -> list[np.ndarray]:
    found = re.findall(rf"src=\"data:image/{kind};base64,([^\"]+)\"", html)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(each)))) for each in found]


def test_the_grid_holds_the_images_to_the_pixel():
    images = torch.randint(0, 256, (5, 3, 8, 8), dtype=torch.uint8)
    html = html_parts.grid(images, View(seed=4, count=5), (), None)
    for picture, image in zip(pictures(html), images, strict=True):
        np.testing.assert_array_equal(picture, image.permute(1, 2, 0).numpy())
    assert 'data-across="3"' in html and "Seed 4, 5 images" in html
    assert html.count('tabindex="0"') == 1  # one stop of the Tab key; arrow keys go on


def test_class_names_and_file_names_are_words():
    images = torch.zeros(2, 1, 8, 8, dtype=torch.uint8)
    made = Translated((EVIL,), images, (EVIL,))
    for html in (
        html_parts.grid(images, View(count=2), (EVIL,), [0, 0]),
        html_parts.translations(made),
        html_parts.notice(EVIL),
    ):
        assert "<script" not in html and "&lt;script" in html


def test_what_a_walk_says_of_classes():
    images = torch.zeros(48, 1, 8, 8, dtype=torch.uint8)
    assert "class" not in html_parts.walk(images, 3, 9, keeps_class=False).replace("class=", "")
    html = html_parts.walk(images, 3, 9, keeps_class=True)
    assert "The class stays" in html and 'download="walk_3_9.gif"' in html and "image 3 to image 9" in html


def test_small_images_keep_their_pixels_and_large_ones_are_shown_as_they_are():
    assert [html_parts.shown_side(size) for size in (28, 32, 64, 128)] == [112, 128, 128, 128]
    assert [html_parts.sharpness(size) for size in (28, 64, 128)] == ["sharp", "sharp", "smooth"]


def test_the_head_names_the_file_and_the_step(source, tiny_run):
    made = SimpleNamespace(generator=source(tiny_run.path).generator, file=EVIL, words="step 12 of tiny")
    html = html_parts.head(made)
    assert "<script" not in html and "step 12 of tiny, images of 28x28x1" in html and "wgan_gp · dcgan" in html
