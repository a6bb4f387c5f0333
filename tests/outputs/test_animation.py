"""Animations, read back from their files."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from wgan_cli.errors import WganError
from wgan_cli.outputs.animation import Frame, check_format, load_frames, render_frames, save_animation
from wgan_cli.outputs.frame_files import folder_files
from wgan_cli.utils.format import no_log


def picture(shade: int, size: tuple[int, int] = (24, 16), mode: str = "L") -> Image.Image:
    return Image.new("L", size, shade).convert(mode)


def shades(frames: list[Frame]) -> list[int]:
    return [frame.picture.convert("L").getpixel((0, 0)) for frame in frames]


def different(count: int) -> list[Frame]:
    return [Frame(picture(20 * number)) for number in range(count)]


def read_back(path: Path) -> tuple[list[np.ndarray], list[float]]:
    """Frames as RGB, and how long each is shown in milliseconds."""
    frames, durations = [], []
    with Image.open(path) as animation:
        for number in range(getattr(animation, "n_frames", 1)):
            animation.seek(number)
            animation.load()  # WebP knows a frame's duration only then
            frames.append(np.asarray(animation.convert("RGB")))
            durations.append(animation.info["duration"])
    return frames, durations


@pytest.mark.parametrize("damage", ["text", "cut off", "byte"])
def test_unreadable_image(tmp_path, damage):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "1.png")
    whole = (tmp_path / "1.png").read_bytes()
    bad = {"text": b"hello", "cut off": whole[: len(whole) // 2], "byte": whole[:40] + b"XXXX" + whole[44:]}[damage]
    (tmp_path / "2.png").write_bytes(bad)
    with pytest.raises(WganError, match="2.png is not a readable image"):
        load_frames(folder_files(tmp_path, None, no_log))


def test_first_of_several_frames(tmp_path):
    save_animation(different(3), tmp_path / "1.gif", 8, 0, 1)
    picture(70).save(tmp_path / "2.png")
    said: list[str] = []
    assert shades(load_frames(folder_files(tmp_path, None, no_log), log=said.append)) == [0, 70]
    assert len(said) == 1 and "1 animated image" in said[0]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_any_mode_of_image(tmp_path, mode):
    ending = ".tiff" if mode == "CMYK" else ".png"
    for number in (1, 2):
        image = Image.new("I;16", (8, 8), 30_000) if mode == "I;16" else picture(120, (8, 8), mode)
        image.save(tmp_path / f"{number}{ending}")
    frames = load_frames(folder_files(tmp_path, None, no_log))
    save_animation(frames, tmp_path / "a.gif", fps=8, hold=0, scale=1)
    assert {frame.picture.mode for frame in frames} <= {"L", "RGB"}
    if mode != "1":
        assert abs(shades(frames)[0] - 120) <= 4  # of 65,536 greys 30,000 is the same brightness


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        (np.array([512, 2048, 4095], np.uint16), [32, 128, 255]),
        (np.array([0.25, 0.5, 1], np.float32), [64, 128, 255]),
        (np.array([-1000, 0, 1000], np.float32), [0, 128, 255]),
        (np.array([100, 300, 40000], np.uint16), [0, 1, 156]),
    ],
)
def test_frames_with_more_than_8_bits_share_a_range(tmp_path, levels, expected):
    for number, level in enumerate(levels):
        Image.fromarray(np.full((8, 8), level)).save(tmp_path / f"{number}.tif")
    assert shades(load_frames(folder_files(tmp_path, None, no_log))) == expected
    Image.fromarray(np.full((8, 8), 70, np.uint8)).save(tmp_path / "3.tif")
    assert shades(load_frames(folder_files(tmp_path, None, no_log))) == [*expected, 70]


@pytest.mark.parametrize("form", [".gif", ".webp", ".GIF"])
@pytest.mark.parametrize(("fps", "hold"), [(8, 2.0), (10, 0.0), (20, 0.35), (25, 1.0)])
def test_every_frame_and_its_time(tmp_path, form, fps, hold):
    path = tmp_path / f"a{form}"
    save_animation(different(5), path, fps, hold, scale=1)
    frames, durations = read_back(path)
    assert [int(frame[0, 0, 0]) for frame in frames] == [0, 20, 40, 60, 80]
    # A GIF counts hundredths of a second.
    assert np.abs(np.subtract(durations[:-1], 1000 / fps)).max() < 10
    assert abs(sum(durations[:-1]) - 1000 * (len(durations) - 1) / fps) <= 5
    assert abs(durations[-1] - 1000 * max(hold, 1 / fps)) < 10


@pytest.mark.parametrize("form", [".gif", ".webp"])
def test_equal_frames_loop_and_keep_their_duration(tmp_path, form):
    frames = [Frame(picture(shade)) for shade in (0, 0, 0, 90)]
    save_animation(frames, tmp_path / f"a{form}", fps=10, hold=1, scale=1)
    assert sum(read_back(tmp_path / f"a{form}")[1]) == pytest.approx(1300, abs=20)
    with Image.open(tmp_path / f"a{form}") as animation:
        assert animation.info["loop"] == 0


def test_sizes_modes_and_scale(tmp_path):
    path = tmp_path / "a.gif"
    save_animation(different(1), path, 8, 2, 1)
    with Image.open(path) as animation:
        assert animation.size == (24, 16)
    noise = np.random.default_rng(0).integers(0, 2, (16, 24), dtype=np.uint8) * 255
    save_animation([Frame(Image.fromarray(noise)), Frame(picture(50, mode="RGB"))], path, 8, 0, scale=3)
    frames, _ = read_back(path)
    assert [frame.shape for frame in frames] == [(48, 72, 3)] * 2
    np.testing.assert_array_equal(frames[0][:, :, 0], noise.repeat(3, 0).repeat(3, 1))


def test_other_shapes_are_padded():
    """To the greatest width and height; a frame that fits several times is enlarged by a whole factor."""
    noise = np.random.default_rng(0).integers(1, 256, (8, 12), dtype=np.uint8)
    small, wide, high = render_frames(
        [Frame(Image.fromarray(noise)), Frame(picture(90, (30, 10))), Frame(picture(60, (6, 20)))], scale=1
    )
    expected = np.zeros((20, 30), dtype=np.uint8)
    expected[2:18, 3:27] = noise.repeat(2, 0).repeat(2, 1)
    np.testing.assert_array_equal(small, expected)
    assert (wide[5:15] == 90).all() and wide.sum() == 90 * 300
    assert (high[:, 12:18] == 60).all() and high.sum() == 60 * 120


def test_reduced_scale_averages():
    stripes = np.zeros((40, 60), dtype=np.uint8)
    stripes[:, ::2] = 200
    (frame,) = render_frames([Frame(Image.fromarray(stripes))], scale=0.5)
    assert frame.shape == (20, 30)
    assert abs(frame[5:-5, 5:-5].astype(int) - 100).max() < 25  # nearest neighbors would be all 0 or all 200
    assert render_frames([Frame(picture(9))], scale=0.01)[0].shape == (1, 1)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_shared_palette(tmp_path, mode):
    ramp = Image.fromarray(np.tile(np.arange(64, dtype=np.uint8) * 4, (32, 1))).convert(mode)
    frames = [Frame(ramp), Frame(ramp.transpose(Image.Transpose.FLIP_LEFT_RIGHT)), Frame(picture(100, (64, 32), mode))]
    save_animation(frames, tmp_path / "all.gif", 8, 0, 1)
    save_animation(frames, tmp_path / "few.gif", 8, 0, 1, colors=6)
    (whole, _), (few, durations) = read_back(tmp_path / "all.gif"), read_back(tmp_path / "few.gif")
    assert len(durations) == 3
    colors = [{tuple(color) for color in frame.reshape(-1, 3)} for frame in few]
    assert len(set.union(*colors)) <= 6 < len({tuple(color) for color in whole[0].reshape(-1, 3)})
    assert np.abs(np.stack(few).astype(int) - np.stack(whole)).max() <= 256 / 6
    assert (tmp_path / "few.gif").stat().st_size < (tmp_path / "all.gif").stat().st_size


def test_lossy_webp(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    frames = [Frame(Image.fromarray(each)) for each in noise]
    sizes = []
    for quality in (None, 90, 10):
        save_animation(frames, tmp_path / "a.webp", 8, 0, 1, quality=quality)
        sizes.append((tmp_path / "a.webp").stat().st_size)
        assert np.array_equal(read_back(tmp_path / "a.webp")[0], noise) == (quality is None)
    assert sizes == sorted(sizes, reverse=True)


def test_label_strip(tmp_path):
    frames = [Frame(picture(20, (120, 40)), "step 5"), Frame(picture(40, (120, 40)))]
    save_animation(frames, tmp_path / "a.webp", 8, 0, 1)
    (first, second), _ = read_back(tmp_path / "a.webp")
    assert first.shape == second.shape == (60, 120, 3)
    assert (first[:40] == 20).all()
    assert (second[:40] == 40).all()
    assert first[40:].max() > 200  # letters
    assert second[40:].max() == 0  # a frame without a label has an empty strip


@pytest.mark.parametrize("size", [(24, 16), (25, 17)])
def test_video(tmp_path, size):
    av = pytest.importorskip("av", reason="an .mp4 needs the package av, which is not installed")
    frames = [Frame(picture(40 * number, size)) for number in range(5)]
    save_animation(frames, tmp_path / "a.mp4", fps=10, hold=0.5, scale=2)
    with av.open(str(tmp_path / "a.mp4")) as video:
        stream = video.streams.video[0]
        decoded = [frame.to_ndarray(format="rgb24") for frame in video.decode(stream)]
        assert float(stream.average_rate) == pytest.approx(10)
    assert len(decoded) == 5 + 5  # half a second more of the last
    height, width = decoded[0].shape[:2]
    assert (height % 2, width % 2) == (0, 0)
    assert abs(height - 2 * size[1]) <= 1 and abs(width - 2 * size[0]) <= 1
    for number, frame in enumerate(decoded[:5]):
        assert np.abs(frame[:16, :16].astype(int) - 40 * number).mean() < 8


@pytest.mark.parametrize(
    ("name", "message"), [("a.avi", "does not end in"), ("a", "does not end in"), ("a.mp4", "needs the package av")]
)
def test_unsupported_formats(tmp_path, monkeypatch, name, message):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(WganError, match=message):
        check_format(tmp_path / name, None, None)
    with pytest.raises(WganError, match=message):
        save_animation(different(2), tmp_path / name, 8, 0, 1)
    assert os.listdir(tmp_path) == []


def test_colors_hidden_by_alpha_are_not_shown(tmp_path):
    for number in range(2):
        Image.new("RGBA", (16, 16), (200, 50 * number, 0, 0)).save(tmp_path / f"{number}.png")
    frames = load_frames(folder_files(tmp_path, None, no_log))
    for form in (".gif", ".webp"):
        save_animation(frames, tmp_path / f"moves{form}", 8, 0, 1)
        with Image.open(tmp_path / f"moves{form}") as moves:
            assert np.asarray(moves.convert("RGB")).min() >= 250
