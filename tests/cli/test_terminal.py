"""Images and curves on a terminal, and their absence in a pipe."""

from __future__ import annotations

import io
import re
import shutil

import numpy as np
import pytest
import tifffile
import torch
from helpers.terminal import on_terminal
from PIL import Image
from rich.console import Console

from wgan_cli import console
from wgan_cli.cli.render import terminal_curves, terminal_image
from wgan_cli.cli.render.progress import make_progress
from wgan_cli.cli.render.terminal_image import MIN_SIDE, can_show, half_blocks, live_image, thumbnail_grid

HALF, BRAILLE = "▀", re.compile("[\u2800-\u28ff]")


def terminal(**more) -> Console:
    """A truecolor terminal that keeps what is written to it."""
    options = {"width": 80, "height": 24, "color_system": "truecolor", "legacy_windows": False, **more}
    return Console(file=io.StringIO(), force_terminal=True, **options)


def pixels(shown: str) -> np.ndarray:
    """The image shown as half blocks, (H, W, 3) uint8."""
    rows = []
    for line in shown.splitlines():
        found = re.findall(rf"\x1b\[38;2;(\d+);(\d+);(\d+);48;2;(\d+);(\d+);(\d+)m({HALF}+)", line)
        if found:
            colors = [list(map(int, codes)) for *codes, blocks in found for _ in blocks]
            rows += [[each[:3] for each in colors], [each[3:] for each in colors]]
    return np.array(rows, np.uint8)


@pytest.mark.parametrize("height", [1, 2, 5, 8])
def test_half_blocks_are_exact(height):
    wanted = np.random.default_rng(0).integers(0, 256, (height, 7, 3), np.uint8)
    screen = terminal()
    screen.print(half_blocks(Image.fromarray(wanted), screen))
    np.testing.assert_array_equal(pixels(screen.file.getvalue())[:height], wanted)


def test_thumbnails_are_whole_and_in_order():
    images = torch.arange(1, 101, dtype=torch.uint8).reshape(100, 1, 1, 1).expand(100, 1, 28, 28)
    shown = np.asarray(thumbnail_grid(images, columns=10, width=80, height=40))[..., 0]
    assert shown.shape[0] <= 40 and shown.shape[1] <= 80
    across = shown.shape[1] // (MIN_SIDE + 1)
    found = [value for value in dict.fromkeys(shown.flatten().tolist()) if value]
    assert found == [*range(1, across + 1), *range(11, across + 11)]  # the left of the first two rows
    for value in found:
        rows, columns = np.nonzero(shown == value)
        assert np.ptp(rows) == np.ptp(columns) >= MIN_SIDE - 1
        assert len(rows) == (np.ptp(rows) + 1) ** 2


@pytest.mark.parametrize(("width", "height"), [(1, 1), (10, 4), (300, 300)])
def test_any_terminal_size(width, height):
    images = torch.full((6, 3, 32, 32), 200, dtype=torch.uint8)
    assert min(thumbnail_grid(images, 6, width, height).size) >= 1
    live_image(images, 6, terminal(width=width, height=height))


def test_images_need_colors_and_a_terminal():
    assert can_show(terminal())
    for options in ({"color_system": "standard"}, {"no_color": True}, {"color_system": None}):
        assert not can_show(terminal(**options))
    assert not can_show(Console(file=io.StringIO(), color_system="truecolor"))  # a pipe


def test_training_shows_samples(wgan, tiny_options, monkeypatch):
    screen = terminal(width=40, height=40, highlight=False)
    monkeypatch.setattr(console, "_console", lambda stderr: screen)
    result = wgan("train", "--device", "cpu", *tiny_options, "--set", "sample_every=2", "--steps", 2)
    shown = screen.file.getvalue()
    assert (result.status, "Traceback" in shown) == (0, False), shown
    assert HALF in shown and "done: 2 steps" in " ".join(shown.split())


@pytest.mark.parametrize("quiet", [False, True])
def test_no_samples_in_a_pipe(capsys, quiet):
    console.messages.cache_clear()
    progress = make_progress(quiet)
    progress.on_train_start(0, 5)
    progress.on_samples(torch.zeros(4, 1, 28, 28, dtype=torch.uint8), 2)
    progress.on_train_end()
    assert capsys.readouterr() == ("", "")


def test_show_samples_as_pixels(wgan_process, tiny_run):
    words = ("sample", "--ckpt", tiny_run.generator_file, "-n", 16, "--device", "cpu", "--show")
    kitty = {rb"\x1b\[c": b"\x1b[?62;22c", rb"\x1b_G[^\x1b]*\x1b": b"\x1b_Gi=1;OK\x1b\\"}
    terminal = {"columns": 100, "lines": 40, "colors": "truecolor", "cell": (10, 20), "answers": kitty}
    status, shown = on_terminal(wgan_process, *words, **terminal)
    assert status == 0 and HALF not in shown
    assert re.search(r"\x1b_G[^;]*f=100[^;]*;[^\x1b]+", shown)


@pytest.mark.parametrize("out", ["samples.png", "singles/", "array.npy", "array.npz"])
def test_show_samples(tiny_run, wgan, monkeypatch, out):
    words = ("sample", "--ckpt", tiny_run.generator_file, "-n", 4, "--device", "cpu", "--show")
    piped = wgan(*words, "--out", "grid.png", "--rows", 2)
    assert piped.status == 0 and piped.stdout == "" and "not shown" in piped.stderr
    screen = terminal(width=100, height=60)
    monkeypatch.setattr(terminal_image, "data", lambda: screen)
    assert wgan(*words, "--out", out).status == 0
    with Image.open("grid.png") as picture:  # 62 pixels wide, so not scaled
        np.testing.assert_array_equal(pixels(screen.file.getvalue()), np.asarray(picture.convert("RGB")))


@pytest.mark.parametrize("name", ["bands.tif", "deep.png", "float32.npy", "uint16.npy", "int16.npy"])
def test_show_bands_and_more_than_8_bits(tmp_path, name):
    levels = np.linspace(1000, 3000, 64).reshape(8, 8)
    bands = np.stack([levels, levels[::-1], levels.T, levels, levels], axis=2)
    if name == "bands.tif":
        tifffile.imwrite(tmp_path / name, bands.astype(np.uint16), photometric="minisblack", planarconfig="contig")
    elif name == "deep.png":
        Image.fromarray(levels.astype(np.uint16)).save(tmp_path / name)
    else:
        np.save(tmp_path / name, bands[None].round().astype(name.removesuffix(".npy")))
    shown = np.asarray(terminal_image._read_written(tmp_path / name)).reshape(8, 8, -1)
    wanted = (bands[..., : shown.shape[2]] - 1000) / 2000 * 255
    assert np.abs(shown - wanted).max() < 1.1


def test_show_large_grid(tiny_run, wgan, monkeypatch):
    screen = terminal(width=70, height=20)
    monkeypatch.setattr(terminal_image, "data", lambda: screen)
    shown = wgan("sample", "--ckpt", tiny_run.generator_file, "-n", 100, "--device", "cpu", "--show")
    assert shown.status == 0 and "upper left corner" in shown.stderr
    height, width, _ = pixels(screen.file.getvalue()).shape
    assert (width, height) == (61, 32)  # 4 x 2 whole images of 30 pixels at half size, padded to an even height
    assert max(map(len, re.sub(r"\x1b\[[0-9;]*m", "", screen.file.getvalue()).splitlines())) <= 70


def test_inspect_draws_curves_on_a_terminal(tiny_run, wgan, monkeypatch):
    screen = terminal(width=90)
    monkeypatch.setattr(terminal_curves, "data", lambda: screen)
    assert wgan("inspect", tiny_run.path).status == 0
    shown = screen.file.getvalue()
    assert len(BRAILLE.findall(shown)) > 50
    assert {"critic_loss", "wasserstein"} <= set(re.sub(r"\x1b\[[0-9;]*m", "", shown).split())
    monkeypatch.setattr(terminal_curves, "data", console.data)
    piped = wgan("inspect", tiny_run.path).stdout
    assert not BRAILLE.search(piped) and "▁" in piped
    assert BRAILLE.search(wgan("inspect", tiny_run.path, "--curves").stdout)
    assert not BRAILLE.search(wgan("inspect", tiny_run.path, "--curves", "--json").stdout)
    monkeypatch.setattr(terminal_curves.importlib.util, "find_spec", lambda name: None)
    refused = wgan("inspect", tiny_run.path, "--curves")
    assert (refused.status, refused.hint) == (1, "pip install 'wgan[terminal]'")
    assert wgan("inspect", tiny_run.path).status == 0


@pytest.mark.parametrize("log", [False, True])
def test_curve_rises_with_its_values(log):
    values = [1.0, 10.0, 100.0] if log else [0.0, 1.0, 2.0]
    lines = terminal_curves.draw_curve([0, 50, 100], values, width=40, height=10, log=log).splitlines()
    lefts = [line.index(BRAILLE.search(line)[0]) for line in lines if BRAILLE.search(line)]
    assert lefts == sorted(lefts, reverse=True) and len(lefts) >= 6
    assert max(map(len, lines)) <= 40 and len(lines) == 10


def test_curves_of_extreme_values(tiny_run, wgan, tmp_path):
    shutil.copytree(tiny_run.path, tmp_path / "one")
    metrics = tmp_path / "one" / "metrics.jsonl"
    metrics.write_text(metrics.read_text().splitlines()[0] + "\n")
    assert wgan("inspect", "one", "--curves").status == 0
    metrics.write_text("".join(f'{{"step": {step}, "loss": 1e299, "fd": 0}}\n' for step in (1, 2, 3)))
    shown = wgan("inspect", "one", "--curves")
    assert shown.status == 0, shown.stderr
