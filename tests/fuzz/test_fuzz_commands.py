"""Command lines that nobody would write, over files of every kind."""

from __future__ import annotations

import os
import shutil

import pytest
from helpers.fuzzing import REFUSED, WORDS
from hypothesis import strategies as st

FILES = (
    *(
        "run",
        "run/G.pth",
        "run/checkpoints",
        "run/samples",
        "run/metrics.jsonl",
        "run/recipe.yaml",
        "bad.pth",
        "cut.pth",
    ),
    *(
        "text",
        "pipe",
        "pipe.yaml",
        "folder.yaml",
        "folder",
        "empty",
        "gone",
        "gone/deeper",
        ".",
        "/dev/null",
        "bad.zip",
    ),
    *("digits", "digits_dcgan", "-", "--", "", "~", "null.yaml", "two\nlines", "zip", "x" * 300),
)
NUMBERS = ("0", "1", "2", "3", "-1", "1e3", "0x10", "nan", "inf", "1.5", "9" * 20, "", "\u0663", "1,2", "0-3")
#: Options that take something, by what they take.
OPTIONS = {
    "train": ("--recipe", "--out", "--resume", "--set", "--seed", "--amp", "--device", "--data-root", "--minutes"),
    "sample": (
        *("--ckpt", "-n", "--out", "--seed", "--seeds", "--rows", "--batch", "--interpolate", "--class"),
        *("--truncation", "--mix"),
    ),
    "gif": ("--out", "--fps", "--hold", "--scale", "--label", "--max-frames", "--seed", "--device"),
    "inspect": ("--json", "--plot", "--set", "--data-root"),
    "recipes": ("--schema",),
    "report": ("--out", "--device"),
}
#: What is written lies in the test's own folder.
WRITTEN = ("o.png", "o/", "o.npz", "o.gif", "o.mp4", "o.html", "o", "", "text/o.png", "x" * 300 + ".png", "pipe/")
ANY = st.one_of(
    st.sampled_from(FILES),
    st.sampled_from(NUMBERS),
    st.sampled_from(
        ["model=mlp", "batch_size=0", "steps=5", "optim.lr_schedule=x", "data={source: folder, path: folder}"]
    ),
    st.sampled_from(["cpu", "auto", "cuda:7", "off", "bf16"]),
    WORDS.filter(lambda word: "\0" not in word and not any("\ud800" <= letter <= "\udfff" for letter in word)),
)


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    """A command with some of its options and some words."""
    command = draw(st.sampled_from(sorted(OPTIONS)))
    # Nobody waits for a training; everything before it is done and checked.
    words = [command, "--dry-run"] if command == "train" else [command]
    if command == "sample":
        words += ["--ckpt", draw(st.sampled_from(FILES))]
    elif command in ("gif", "inspect", "report"):
        words.append(draw(st.sampled_from(FILES)))
    for option in draw(st.lists(st.sampled_from(OPTIONS[command]), max_size=3)):
        words += [option, draw(st.sampled_from(WRITTEN) if option in ("--out", "--plot") else ANY)]
    return words + draw(st.lists(ANY, max_size=1))


@pytest.fixture
def place(tmp_path, tiny_run) -> None:
    """A folder with a run and all kinds of things that are none."""
    shutil.copytree(tiny_run.path, tmp_path / "run")
    whole = tiny_run.generator_file.read_bytes()
    (tmp_path / "bad.pth").write_bytes(whole[:5000] + b"\xff" + whole[5001:])
    (tmp_path / "cut.pth").write_bytes(whole[:-500])
    (tmp_path / "bad.zip").write_bytes(whole[:-500])
    (tmp_path / "zip").write_bytes(whole)  # a checkpoint by another name
    (tmp_path / "text").write_text("hello")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "null.yaml").write_text("null")
    os.mkfifo(tmp_path / "pipe")
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "folder").mkdir()
    shutil.copy(tiny_run.sample_file(12), tmp_path / "folder" / "1.png")
    os.mkfifo(tmp_path / "folder" / "2.png")


def test_command_lines(fuzz, wgan, place, monkeypatch):
    monkeypatch.setenv("WGAN_DATA", "no_data")  # and no network is asked: no word names a set that is missing

    def attempt(words: list[str]) -> str | None:
        result = wgan(*words)
        assert result.status in (0, 1, 2), result
        assert "bug in wgan" not in result.stderr, result.stderr
        assert "Traceback" not in result.stderr
        if result.status:
            assert result.stderr.splitlines()[-2:] == [f"error: {result.error}", f"hint: {result.hint}"]
            assert (result.error + result.hint).isprintable()
        return REFUSED if result.status else None

    fuzz("command lines", attempt, command_lines(), short=15, long=1500)
