"""`wgan gif` on images of other programs."""

from pathlib import Path

import numpy as np
import pytest
from helpers.pictures import size
from PIL import Image

from wgan_cli.cli import gif


@pytest.fixture
def shaded(wgan):
    """Write images of one gray level each, and return those of an animation."""

    def write(*names: str, shape: tuple[int, int] = (16, 16)) -> None:
        for name in names:
            Path(name).parent.mkdir(exist_ok=True)
            Image.new("L", shape, 20 * len(list(Path(name).parent.iterdir()))).save(name)

    return write


def shades(path: str) -> list[int]:
    with Image.open(path) as animation:
        found = []
        for number in range(animation.n_frames):
            animation.seek(number)
            found.append(animation.convert("L").getpixel((0, 0)))
    return found


def test_listed_images_and_patterns(wgan, shaded):
    shaded("frames/2.png", "frames/10.png", "frames/-1.5.png")  # 0, 20, 40
    for words, name in ((["frames"], "frames.gif"), (["frames/*.png"], "frames-2.gif")):
        result = wgan("gif", *words)
        assert result.status == 0 and "3 frames, " in result.stderr and f": {name}\n" in result.stderr
        assert shades(name) == [40, 0, 20]
    listed = wgan("gif", "frames/10.png", "frames/-1.5.png", "frames/2.png", "--out", "listed.gif")
    assert listed.status == 0 and shades("listed.gif") == [20, 40, 0]
    assert wgan("gif", "frames", "--match", "*0.png", "--out", "one.gif").status == 0
    assert shades("one.gif") == [20]


def test_series(wgan, shaded):
    shaded("0.png", "1.png", "0-ema.png", "1-ema.png")
    refused = wgan("gif", ".")
    assert refused.status == 2 and "--match '*-ema*'" in refused.hint
    done = wgan("gif", ".", "--match", "*-ema*", "--out", "ema.gif")
    assert done.status == 0 and "2 frames" in done.stderr


def test_size_of_the_file(wgan, shaded, monkeypatch):
    shaded(*(f"frames/{number}.png" for number in range(5)), shape=(60, 40))
    assert wgan("gif", "frames", "--scale", 0.5, "--no-label", "--out", "half.gif").status == 0
    assert size("half.gif") == (30, 20)
    few = wgan("gif", "frames", "--max-frames", 3, "--colors", 4, "--out", "few.gif")
    assert few.status == 0 and "3 of 5 images" in few.stderr
    assert wgan("gif", "frames", "--quality", 50).status == 0
    with Image.open("frames.webp") as animation:
        assert animation.n_frames == 5
    assert "hint:" not in few.stderr
    monkeypatch.setattr(gif, "LARGE", 100)
    Path("my clips").mkdir()
    hint = wgan("gif", "frames", "--out", "my clips/a.gif").stderr.partition("hint: smaller with --scale 0.5")[2]
    assert "--out 'my clips/a.webp' --quality 80" in hint
    assert "hint:" not in wgan("gif", "frames", "--quality", 50, "--force").stderr


def test_shapes(wgan, shaded):
    Image.new("L", (20, 40), 90).save("1.png")
    Image.new("L", (40, 20), 90).save("2.png")
    result = wgan("gif", "1.png", "2.png", "--no-label", "--out", "a.gif")
    assert result.status == 0 and "padded" in result.stderr
    with Image.open("a.gif") as animation:
        assert animation.size == (40, 40)
        assert np.asarray(animation.convert("L")).sum() == 90 * 800


@pytest.mark.parametrize(
    ("words", "named", "hint"),
    [
        (["frames", "--colors", 8, "--out", "a.webp"], "--colors", "a.gif"),
        (["frames", "--quality", 8, "--out", "a.gif"], "--quality", "a.webp"),
        (["frames", "--quality", 8, "--colors", 8], "--colors", ".gif"),
        (["frames", "frames"], "frames is not an image", "several images"),
        (["frames/1.png", "gone.png"], "gone.png does not exist", ""),
        (["frames/*.jpg"], "frames/*.jpg", "frames/*.png"),
        (["text.pth", "--match", "*"], "--match", "--match"),
        (["frames", "--match", "2*"], "'2*'", "*.png (1)"),
        (["frames", "--colors", 1], "--colors", ""),
        ([], "Missing argument", "wgan gif"),
    ],
)
def test_refusals(wgan, shaded, words, named, hint):
    shaded("frames/1.png")
    Path("text.pth").write_text("text")
    result = wgan("gif", *words)
    assert result.status == 2, result.stderr
    assert named in result.error and hint in result.hint
    assert {path.name for path in Path().iterdir()} == {"frames", "text.pth"}
