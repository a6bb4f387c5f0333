"""What a terminal shows and a pipe does not: pictures and curves."""

from __future__ import annotations

import base64
import io
import re
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console
from terminal import on_terminal

from wgan_cli.cli.render import terminal_curves
from wgan_cli.cli.render.progress import make_progress
from wgan_cli.cli.render.terminal_image import LEAST, can_show, fitting, half_blocks, live_picture

HALF, BRAILLE = "▀", re.compile("[\u2800-\u28ff]")


def terminal(**more) -> Console:
    """A terminal of 16 million colours that keeps what is written to it."""
    options = {"width": 80, "height": 24, "color_system": "truecolor", "legacy_windows": False, **more}
    return Console(file=io.StringIO(), force_terminal=True, **options)


def pixels(shown: str) -> np.ndarray:
    """The picture that a terminal shows of half blocks: (H, W, 3) uint8."""
    rows = []
    for line in shown.splitlines():
        upper, lower = [], []
        for codes, letters in re.findall(rf"\x1b\[([0-9;]+)m({HALF}+)", line):
            numbers = list(map(int, codes.split(";")))
            assert numbers[:2] == [38, 2]
            upper += [numbers[2:5]] * len(letters)
            lower += [numbers[7:10] if len(numbers) > 5 else None] * len(letters)
        if upper:
            rows += [upper] if None in lower else [upper, lower]
    return np.array(rows, np.uint8)


@pytest.mark.parametrize("height", [1, 2, 5, 8])
def test_half_blocks_show_each_pixel_in_its_colour(height):
    wanted = np.random.default_rng(0).integers(0, 256, (height, 7, 3), np.uint8)
    console = terminal()
    console.print(half_blocks(Image.fromarray(wanted)))
    np.testing.assert_array_equal(pixels(console.file.getvalue()), wanted)


def test_images_are_whole_and_in_their_order():
    images = torch.arange(1, 101, dtype=torch.uint8).reshape(100, 1, 1, 1).expand(100, 1, 28, 28)
    shown = np.asarray(fitting(images, columns=10, width=80, height=40))[..., 0]
    assert shown.shape[0] <= 40 and shown.shape[1] <= 80
    across = shown.shape[1] // (LEAST + 1)
    found = [value for value in dict.fromkeys(shown.flatten().tolist()) if value]
    assert found == [*range(1, across + 1), *range(11, across + 11)]  # two rows of the grid, from its left
    for value in found:
        rows, columns = np.nonzero(shown == value)
        assert np.ptp(rows) == np.ptp(columns) >= LEAST - 1
        assert len(rows) == (np.ptp(rows) + 1) ** 2


@pytest.mark.parametrize(("width", "height"), [(1, 1), (10, 4), (300, 300)])
def test_any_terminal_gets_some_picture(width, height):
    images = torch.full((6, 3, 32, 32), 200, dtype=torch.uint8)
    assert min(fitting(images, 6, width, height).size) >= 1
    live_picture(images, 6, terminal(width=width, height=height))


@pytest.mark.parametrize(
    "options",
    [{"color_system": "standard"}, {"no_color": True}, {"color_system": None}],
    ids=["16", "NO_COLOR", "none"],
)
def test_no_picture_without_colours(options):
    assert can_show(terminal())
    assert not can_show(terminal(**options))
    assert not can_show(Console(file=io.StringIO(), color_system="truecolor"))  # a pipe


def test_training_shows_its_samples_on_a_terminal(tmp_path, tiny_options):
    words = ("train", "--device", "cpu", *tiny_options, "--steps", "6")
    status, shown = on_terminal(tmp_path, *words, columns=100, lines=40, colours="truecolor")
    assert status == 0 and HALF in shown
    assert "done: 6 steps" in shown


def test_no_samples_in_a_pipe_nor_where_quiet_is_asked_for(capsys):
    from wgan_cli import console

    console.messages.cache_clear()
    images = torch.zeros(4, 1, 28, 28, dtype=torch.uint8)
    for quiet in (False, True):
        progress = make_progress(quiet)
        progress.on_train_start(0, 5)
        progress.on_samples(images, 2)
        progress.on_train_end()
    assert capsys.readouterr() == ("", "")


def test_samples_are_shown_on_a_terminal_alone(tmp_path, tiny_run, wgan):
    words = ("sample", "--ckpt", tiny_run.generator_file, "-n", 4, "--rows", 2, "--device", "cpu", "--show")
    status, shown = on_terminal(tmp_path, *words, columns=100, lines=40, colours="truecolor")
    assert status == 0
    with Image.open(tmp_path / "samples.png") as picture:  # 62 pixels wide: as it is
        np.testing.assert_array_equal(pixels(shown), np.asarray(picture.convert("RGB")))
    piped = wgan(*words)
    assert piped.status == 0 and piped.stdout == ""
    assert "not shown: the output is no terminal" in piped.stderr


def of_kitty(shown: str) -> Image.Image:
    """The PNG that a terminal is sent by Kitty's protocol."""
    parts = re.findall(r"\x1b_G([^;\x1b]*);([^\x1b]*)\x1b", shown)
    return Image.open(io.BytesIO(base64.b64decode("".join(text for keys, text in parts if "a=q" not in keys))))


def of_sixel(shown: str) -> Image.Image:
    """The picture of a sixel sequence: colours in percent, bands of six rows, `!` repeats, `$` goes back, `-` down."""
    width, height, data = re.search(r"\x1bP[^q]*q\"\d+;\d+;(\d+);(\d+)(.*?)\x1b", shown, re.DOTALL).groups()
    pixels, colours = np.zeros((int(height) + 6, int(width), 3)), {}
    x = y = colour = 0
    for number, red, green, blue, repeats, bits, move in re.findall(
        r"#(\d+)(?:;2;(\d+);(\d+);(\d+))?|(?:!(\d+))?([?-~])|([$-])", data
    ):
        if red:
            colours[int(number)] = [255 * int(part) / 100 for part in (red, green, blue)]
        if number:
            colour = int(number)
        if bits:
            rows = [y + bit for bit in range(6) if (ord(bits) - 63) >> bit & 1]
            pixels[rows, x : x + int(repeats or 1)] = colours[colour]
            x += int(repeats or 1)
        if move:
            x, y = 0, y + 6 * (move == "-")
    return Image.fromarray(pixels[: int(height)].round().astype(np.uint8))


@pytest.mark.parametrize(
    ("answers", "decoded"),
    [
        ({rb"\x1b\[c": b"\x1b[?62;4;22c"}, of_sixel),
        ({rb"\x1b\[c": b"\x1b[?62;22c", rb"\x1b_G[^\x1b]*\x1b": b"\x1b_Gi=1;OK\x1b\\"}, of_kitty),
    ],
    ids=["sixel", "kitty"],
)
def test_a_terminal_that_draws_pixels_gets_them(tmp_path, tiny_run, answers, decoded):
    pytest.importorskip("textual_image", reason="textual-image is not installed: .[terminal]")
    words = ("sample", "--ckpt", str(tiny_run.generator_file), "-n", "16", "--device", "cpu", "--show")
    more = {"columns": 100, "lines": 40, "colours": "truecolor"}
    status, shown = on_terminal(tmp_path, *words, **more, cell=(10, 20), answers=answers)
    assert status == 0 and HALF not in shown
    picture = decoded(shown)
    with Image.open(tmp_path / "samples.png") as written:
        assert min(picture.size) > min(written.size)
        wanted = np.asarray(written.convert("L").resize(picture.size), float)
    found = np.asarray(picture.convert("L"), float)
    assert np.corrcoef(found.flatten(), wanted.flatten())[0, 1] > 0.98  # sixel has few colours
    assert abs(found.mean() - wanted.mean()) < 5


@pytest.mark.parametrize("out", ["singles/", "array.npy", "array.npz"])
def test_what_was_written_singly_is_shown_as_a_grid(tmp_path, tiny_run, wgan, monkeypatch, out):
    from wgan_cli import console

    words = ("sample", "--ckpt", tiny_run.generator_file, "-n", 4, "--device", "cpu", "--show")
    screen = terminal(width=100, height=60)
    monkeypatch.setattr(console, "data", lambda: screen)
    assert wgan(*words, "--out", out).status == 0
    once = pixels(screen.file.getvalue())
    assert wgan(*words, "--rows", 2).status == 0  # the grid of the same images
    np.testing.assert_array_equal(pixels(screen.file.getvalue())[len(once) :], once)


def test_a_large_grid_is_shown_by_whole_images(tmp_path, tiny_run, wgan, monkeypatch):
    from wgan_cli import console

    screen = terminal(width=70, height=20)
    monkeypatch.setattr(console, "data", lambda: screen)
    shown = wgan("sample", "--ckpt", tiny_run.generator_file, "-n", 100, "--device", "cpu", "--show")
    assert shown.status == 0 and "the upper left corner" in shown.stderr
    height, width, _ = pixels(screen.file.getvalue()).shape
    assert (width, height) == (61, 31)  # of 4 x 2 images of 30 pixels, at half their size
    assert max(map(len, re.sub(r"\x1b\[[0-9;]*m", "", screen.file.getvalue()).splitlines())) <= 70


def test_inspect_draws_curves_on_a_terminal_alone(tmp_path, tiny_run, wgan):
    status, shown = on_terminal(tmp_path, "inspect", tiny_run.path, columns=90)
    assert status == 0 and len(BRAILLE.findall(shown)) > 50
    assert {"critic_loss", "wasserstein"} <= set(re.sub(r"\x1b\[[0-9;]*m", "", shown).split())
    piped = wgan("inspect", tiny_run.path).stdout
    assert not BRAILLE.search(piped) and "▁" in piped
    assert BRAILLE.search(wgan("inspect", tiny_run.path, "--curves").stdout)
    assert not BRAILLE.search(wgan("inspect", tiny_run.path, "--curves", "--json").stdout)


def test_curves_without_plotext(tiny_run, wgan, monkeypatch):
    monkeypatch.setattr(terminal_curves.importlib.util, "find_spec", lambda name: None)
    refused = wgan("inspect", tiny_run.path, "--curves")
    assert (refused.status, refused.hint) == (1, "pip install 'wgan[terminal]'")
    assert wgan("inspect", tiny_run.path).status == 0


def test_a_curve_rises_where_its_values_rise():
    lines = terminal_curves.draw([0, 50, 100], [0.0, 1.0, 2.0], wide=40, high=10).splitlines()
    places = [(y, x) for y, line in enumerate(lines) for x, letter in enumerate(line) if BRAILLE.match(letter)]
    rows = {}
    for y, x in places:
        rows.setdefault(y, []).append(x)
    lefts = [min(xs) for _, xs in sorted(rows.items())]
    assert lefts == sorted(lefts, reverse=True) and len(lefts) >= 6
    assert max(map(len, lines)) <= 40 and len(lines) == 10


def test_curves_of_a_single_record_and_of_equal_values(tiny_run, wgan, tmp_path):
    shutil.copytree(tiny_run.path, tmp_path / "one")
    metrics = tmp_path / "one" / "metrics.jsonl"
    metrics.write_text(metrics.read_text().splitlines()[0] + "\n")
    assert wgan("inspect", "one", "--curves").status == 0
    metrics.write_text("".join(f'{{"step": {step}, "loss": 1e299, "fd": 0}}\n' for step in (1, 2, 3)))
    shown = wgan("inspect", "one", "--curves")
    assert shown.status == 0, shown.stderr
