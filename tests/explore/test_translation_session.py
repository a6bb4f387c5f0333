"""Translations of the user's images equal those of `wgan sample --translate`."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from wgan_cli.errors import WganError
from wgan_cli.explore import html_parts
from wgan_cli.explore.session import SamplingSession
from wgan_cli.explore.translation_session import MAX_FILES, TranslationSession


@pytest.fixture
def photos(tmp_path):
    """Three images of different kinds and a broken file."""
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.linear_gradient("L").save(folder / "a.png")
    Image.new("RGB", (40, 20), "red").save(folder / "b.jpg")
    Image.new("RGBA", (10, 30), (1, 200, 3, 90)).save(folder / "c.webp")
    (folder / "d.png").write_text("no image")
    return folder


def test_translations_equal_wgan_sample(wgan, source, translating_run, photos):
    session = TranslationSession(source(translating_run.path))
    files = sorted(photos.glob("[abc]*"))
    for to in "ab":
        made = session.translate(files, to)
        words = ("--translate", photos, "--to", to, "--out", f"{to}.npy", "--device", "cpu")
        assert wgan("sample", "--ckpt", translating_run.path, *words).status == 0
        np.testing.assert_array_equal(np.load(f"{to}.npy")[..., 0], made.images[1::2, 0].numpy())
    assert made.names == ("a.png", "b.jpg", "c.webp") and made.skipped == ()


def test_deep_images_have_the_same_range(wgan, source, translating_run, tmp_path):
    scan = np.linspace(0, 4000, 784).astype(np.uint16).reshape(28, 28)
    Image.fromarray(scan).save(tmp_path / "scan.png")
    made = TranslationSession(source(translating_run.path)).translate([tmp_path / "scan.png"], "b")
    words = ("--translate", tmp_path / "scan.png", "--to", "b", "--out", "b.npy", "--device", "cpu")
    assert wgan("sample", "--ckpt", translating_run.path, *words).status == 0
    np.testing.assert_array_equal(np.load("b.npy")[..., 0], made.images[1::2, 0].numpy())
    assert made.images[0].max() > 200


def test_unreadable_files_are_skipped(source, translating_run, photos):
    made = TranslationSession(source(translating_run.path)).translate(
        sorted(photos.iterdir()) + [photos / "gone.png"], "b"
    )
    assert len(made.images) == 6 and {words.partition(":")[0] for words in made.skipped} == {"d.png", "gone.png"}
    assert "d.png: not an image" in html_parts.translations(made)


def test_refused_requests(source, translating_run, photos):
    session = TranslationSession(source(translating_run.path))
    for files, to in (([], "b"), ([photos / "a.png"], "c"), ([photos / "a.png"] * (MAX_FILES + 1), "b")):
        with pytest.raises(WganError) as refused:
            session.translate(files, to)
        assert refused.value.hint
    with pytest.raises(WganError, match="no readable image"):
        session.translate([photos / "d.png"], "b")


def test_sessions_refuse_other_generators(source, translating_run, tiny_run):
    with pytest.raises(WganError, match="no latent vector"):
        SamplingSession(source(translating_run.path))
    with pytest.raises(WganError, match="samples from noise"):
        TranslationSession(source(tiny_run.path))
