"""A user's images through a translator, as `wgan sample --translate` would send them."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from wgan_cli.errors import WganError
from wgan_cli.explore import html_parts
from wgan_cli.explore.session import Studio
from wgan_cli.explore.translation_session import MOST_FILES, Desk


@pytest.fixture
def photos(tmp_path):
    """Three images of all kinds and a file that is none."""
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.linear_gradient("L").save(folder / "a.png")
    Image.new("RGB", (40, 20), "red").save(folder / "b.jpg")
    Image.new("RGBA", (10, 30), (1, 200, 3, 90)).save(folder / "c.webp")
    (folder / "d.png").write_text("no image")
    return folder


def test_translations_are_those_of_wgan_sample(wgan, source, translating_run, photos):
    desk = Desk(source(translating_run.path))
    files = sorted(photos.glob("[abc]*"))
    for to in "ab":
        made = desk.translate(files, to)
        words = ("--translate", photos, "--to", to, "--out", f"{to}/", "--device", "cpu")
        assert wgan("sample", "--ckpt", translating_run.path, *words).status == 0
        for number, name in enumerate("abc"):
            with Image.open(f"{to}/{name}.png") as theirs:
                np.testing.assert_array_equal(np.asarray(theirs), made.images[2 * number + 1, 0].numpy())
    assert made.names == ("a.png", "b.jpg", "c.webp") and made.bad == ()


def test_a_file_that_is_no_image_is_left_out_and_named(source, translating_run, photos):
    made = Desk(source(translating_run.path)).translate(sorted(photos.iterdir()) + [photos / "gone.png"], "b")
    assert len(made.images) == 6 and [words.partition(":")[0] for words in made.bad] == ["d.png", "gone.png"]
    assert "d.png: no image" in html_parts.translations(made)


def test_what_there_is_nothing_to_do_with(source, translating_run, photos):
    desk = Desk(source(translating_run.path))
    for files, to in (([], "b"), ([photos / "a.png"], "c"), ([photos / "a.png"] * (MOST_FILES + 1), "b")):
        with pytest.raises(WganError) as refused:
            desk.translate(files, to)
        assert refused.value.hint
    with pytest.raises(WganError, match="no file is an image"):
        desk.translate([photos / "d.png"], "b")


def test_each_kind_of_generator_has_its_own_page(source, translating_run, tiny_run):
    with pytest.raises(WganError, match="no latent vector"):
        Studio(source(translating_run.path))
    with pytest.raises(WganError, match="makes images from noise"):
        Desk(source(tiny_run.path))
