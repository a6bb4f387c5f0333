"""Unusual environments: the output is the same, or an error without a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.terminal import on_terminal

import wgan_cli

PACKAGE = str(Path(wgan_cli.__file__).parents[1])
ASCII_ONLY = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
ENVIRONMENTS = {
    "no HOME, TMPDIR or PATH": {"HOME": None, "TMPDIR": "/dev/null/tmp", "PATH": ""},
    "unusable HOME, dumb": {"HOME": "/dev/null/home", "TERM": "dumb", "NO_COLOR": "1"},
    "no TERM, 40 columns": {"TERM": None, "COLUMNS": "40", "PYTHONHASHSEED": "123"},
    "C locale": ASCII_ONLY,
    "Latin-1 output": {"PYTHONIOENCODING": "latin-1"},
}
ALL = {"HOME": "/dev/null/home", "TMPDIR": "/dev/null/tmp", "TERM": "dumb", "COLUMNS": "40", **ASCII_ONLY}


def run(folder: Path, *words: str, changes: dict[str, str | None], **options) -> subprocess.CompletedProcess:
    """Run `wgan WORDS` with changed environment variables; None removes one."""
    environment = {**os.environ, "PYTHONPATH": PACKAGE, "OMP_NUM_THREADS": "1"}
    environment = {name: value for name, value in {**environment, **changes}.items() if value is not None}
    command = [sys.executable, "-m", "wgan_cli", *words]
    return subprocess.run(command, cwd=folder, env=environment, timeout=120, **{"capture_output": True, **options})


@pytest.fixture(scope="module")
def usual(tmp_path_factory) -> list[subprocess.CompletedProcess]:
    """A list and an error in a plain environment."""
    return [
        run(tmp_path_factory.mktemp("usual"), *words, changes={"COLUMNS": "100"})
        for words in (("recipes",), ("trian",))
    ]


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_output_does_not_depend_on_the_environment(tmp_path, usual, name):
    for (words, status), expected in zip(((("recipes",), 0), (("trian",), 2)), usual, strict=True):
        shown = run(tmp_path, *words, changes={"COLUMNS": "100", **ENVIRONMENTS[name]})
        assert shown.returncode == status
        assert shown.stdout.split() == expected.stdout.split()
        assert shown.stderr == expected.stderr
        assert b"\x1b" not in shown.stdout + shown.stderr
    assert os.listdir(tmp_path) == []


@pytest.mark.slow  # without a cache folder matplotlib looks through all fonts again
def test_training_in_the_worst_environment(tmp_path, tiny_options):
    out = b"runs/\xc3\xa9 \xff".decode("utf-8", "surrogateescape")  # an accent, and a byte that is no text
    words = ("train", "--device", "cpu", *tiny_options, "--steps", "2", "--out", out)
    trained = run(tmp_path, *words, changes=ALL)
    assert trained.returncode == 0, trained.stderr
    for line in (b"Traceback", b"matplotlib", b"arning"):
        assert line not in trained.stderr
    assert b"run folder: runs/\xc3\xa9 \xff\n" in trained.stderr  # as it was given
    inspected = run(tmp_path, "inspect", out, changes=ALL)
    assert (inspected.returncode, inspected.stderr) == (0, b"")
    assert b"finished" in inspected.stdout
    assert (tmp_path / out / "curves.png").is_file()


def test_unencodable_characters_are_escaped(tmp_path):
    failed = run(tmp_path, "数", changes={"PYTHONIOENCODING": "ascii:strict"})
    assert failed.returncode == 2
    assert failed.stderr.splitlines()[0] == b"error: No such command '\\u6570'."


@pytest.mark.parametrize("term", ["xterm-256color", "dumb"])
def test_narrow_terminal(tmp_path, tiny_options, term):
    status, shown = on_terminal(tmp_path, "recipes", columns=40, term=term)
    assert (status, "digits_dcgan" in shown, "Traceback" in shown) == (0, True, False)
    assert ("\x1b[" in shown) == (term != "dumb")
    if term != "dumb":  # there is a bar only on the other
        words = ("train", "--device", "cpu", *tiny_options, "--steps", "4", "--out", "mine")
        status, shown = on_terminal(tmp_path, *words, columns=40, term=term)
        assert (status, "Traceback" in shown) == (0, False), shown
        assert "done: 4 steps" in " ".join(shown.split())


@pytest.mark.parametrize("words", ["recipes --schema", "trian"])
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "| head -1"])
def test_closed_streams(tmp_path, closed, words):
    script = f'"$0" -m wgan_cli {words} {closed}'
    environment = {**os.environ, "PYTHONPATH": PACKAGE}
    done = subprocess.run(
        ["sh", "-c", script, sys.executable], cwd=tmp_path, env=environment, capture_output=True, timeout=120
    )
    assert done.returncode == (2 if words == "trian" and "|" not in closed else 0)
    assert b"Traceback" not in done.stderr and (words == "trian" or not done.stderr)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_full_output(tmp_path):
    with open("/dev/full", "w") as full:
        done = run(tmp_path, "recipes", changes={}, capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert b"No space left on device" in done.stderr.splitlines()[0]
    assert b"bug in wgan" not in done.stderr
    assert b"Traceback" not in done.stderr
    assert done.returncode != 0


def test_processes_are_reproducible(wgan, tiny_options, tmp_path):
    words = ("train", "--quiet", "--device", "cpu", *tiny_options, "--steps", "8")
    assert wgan(*words, "--out", "here").status == 0
    assert run(tmp_path, *words, "--out", "there", changes={"PYTHONHASHSEED": "1"}).returncode == 0
    here, there = (Path(tmp_path, out, "G.pth").read_bytes() for out in ("here", "there"))
    assert here == there
