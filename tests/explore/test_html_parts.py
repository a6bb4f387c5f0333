"""HTML of the page: exact pixels, and escaped names."""

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


def pictures(html: str) -> list[np.ndarray]:
    found = re.findall(r"src=\"data:image/png;base64,([^\"]+)\"", html)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(each)))) for each in found]


def test_grid_is_lossless():
    images = torch.randint(0, 256, (5, 3, 8, 8), dtype=torch.uint8)
    html = html_parts.grid(images, View(seed=4, count=5), (), None)
    for picture, image in zip(pictures(html), images, strict=True):
        np.testing.assert_array_equal(picture, image.permute(1, 2, 0).numpy())
    assert 'data-across="3"' in html and "Seed 4, 5 images" in html and 'download="seed_4.png"' in html
    assert html.count('tabindex="0"') == 1  # one Tab stop; arrow keys move within the grid


def test_names_are_escaped(source, tiny_run):
    images = torch.zeros(2, 1, 8, 8, dtype=torch.uint8)
    title = SimpleNamespace(generator=source(tiny_run.path).generator, file=EVIL, description="step 12 of tiny")
    for html in (
        html_parts.grid(images, View(count=2), (EVIL,), [0, 0]),
        html_parts.translations(Translated((EVIL,), images, (EVIL,))),
        html_parts.notice(EVIL, EVIL),
        html_parts.head(title),
    ):
        assert "<script" not in html and "&lt;script" in html
    assert "step 12 of tiny, images of 28x28x1" in html and "wgan_gp · dcgan" in html


def test_walk_names_its_class():
    images = torch.zeros(48, 1, 8, 8, dtype=torch.uint8)
    assert "class" not in html_parts.walk(images, 3, 9, keeps_class=False).replace("class=", "")
    html = html_parts.walk(images, 3, 9, keeps_class=True)
    assert "The class" in html and 'download="walk_3_9.gif"' in html and "image 3 to image 9" in html


def test_small_images_are_enlarged_sharply():
    assert [html_parts.shown_side(size) for size in (28, 32, 64, 128)] == [112, 128, 128, 128]
    assert [html_parts.sharpness(size) for size in (28, 64, 128)] == ["sharp", "sharp", "smooth"]
