"""Unusual environments: the output is the same, or an error without a traceback."""

from __future__ import annotations

import os

import pytest
from conftest import MLP
from helpers.terminal import on_terminal

from wgan_cli.runs.run_dir import RunDir

ASCII_ONLY = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
ENVIRONMENTS = {
    "nothing": {"HOME": None, "TMPDIR": "/dev/null/tmp", "PATH": "", "TERM": None, "PYTHONHASHSEED": "123"},
    "unusable HOME, dumb, 40 columns": {"HOME": "/dev/null/home", "TERM": "dumb", "NO_COLOR": "1", "COLUMNS": "40"},
    "C locale": ASCII_ONLY,
    "Latin-1 output": {"PYTHONIOENCODING": "latin-1"},
}
ALL = {"HOME": "/dev/null/home", "TMPDIR": "/dev/null/tmp", "TERM": "dumb", "COLUMNS": "40", **ASCII_ONLY}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_output_does_not_depend_on_the_environment(wgan, wgan_process, tmp_path, name):
    shown = wgan_process("recipes", changes=ENVIRONMENTS[name])
    assert (shown.status, shown.stderr) == (0, "")
    assert shown.stdout.split() == wgan("recipes").stdout.split()
    assert os.listdir(tmp_path) == []


@pytest.mark.slow  # without a cache folder matplotlib looks through all fonts again
def test_training_in_the_worst_environment(wgan_process, tmp_path, tiny_options):
    out = b"runs/\xc3\xa9 \xff".decode("utf-8", "surrogateescape")  # an accent, and a byte that is no text
    words = ("train", "--device", "cpu", *tiny_options, "--steps", 2, "--out", out)
    for command in (words, ("inspect", out)):
        done = wgan_process(*command, changes=ALL, errors="surrogateescape")
        assert done.status == 0, done.stderr
    assert done.stderr == "" and "finished" in done.stdout
    assert (tmp_path / out / "curves.png").is_file()


def test_unencodable_characters_are_escaped(wgan_process):
    failed = wgan_process("数", changes={"PYTHONIOENCODING": "ascii:strict"})
    assert (failed.status, failed.error) == (2, "no such command: \\u6570")
    assert "caf\udce9 数".encode("ascii", "wgan_escape") == b"caf\xe9 \\u6570"  # a path's byte as it is


@pytest.mark.parametrize("term", ["xterm-256color", "dumb"])
def test_narrow_terminal(wgan_process, term):
    status, shown = on_terminal(wgan_process, "recipes", columns=40, term=term)
    assert (status, "digits_dcgan" in shown, "Traceback" in shown) == (0, True, False)
    assert ("\x1b[" in shown) == (term != "dumb")


@pytest.mark.parametrize(
    ("words", "closed"),
    [("recipes --schema", "<&-"), ("recipes --schema", ">&-"), ("recipes --schema", "| head -1"), ("trian", "2>&-")],
)
def test_closed_streams(wgan_process, words, closed):
    done = wgan_process(*words.split(), shell=f'"$@" {closed}')
    assert (done.status, done.stderr) == (2 if words == "trian" else 0, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_full_output(wgan_process):
    with open("/dev/full", "w") as full:
        done = wgan_process("recipes", stdout=full)
    assert "No space left on device" in done.error
    assert "bug in wgan" not in done.stderr and "Traceback" not in done.stderr
    assert done.status != 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_messages_that_cannot_be_printed_end_nothing(wgan_process, tmp_path, tiny_options):
    words = ("train", "--device", "cpu", *tiny_options, "--set", MLP, "--steps", 12, "--out", "run")
    with open("/dev/full", "w") as full:
        assert wgan_process(*words, stderr=full).status == 0
        assert wgan_process("trian", stderr=full).status == 2
    assert RunDir(tmp_path / "run").newest_step() == 12
