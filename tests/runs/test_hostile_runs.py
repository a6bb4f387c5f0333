"""Run folders and images that were edited by hand or made to do harm."""

from __future__ import annotations

import json
import os
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image

from wgan_cli.runs.metrics_log import MAX_RECORD, read_metrics
from wgan_cli.runs.run_dir import RunDir
from wgan_cli.utils import machine

pytestmark = pytest.mark.usefixtures("guarded")  # waiting for a pipe is a failure


@pytest.fixture
def run(tiny_run, tmp_path) -> RunDir:
    """A copy of a finished run."""
    shutil.copytree(tiny_run.path, tmp_path / "run")
    return RunDir(tmp_path / "run")


SPOIL: dict[str, Callable[[Path], object]] = {
    "folder": Path.mkdir,
    "pipe": os.mkfifo,
    "endless": lambda path: path.symlink_to("/dev/zero"),
    "empty": Path.touch,
}


@pytest.mark.parametrize("kind", SPOIL)
@pytest.mark.parametrize("name", ["recipe.yaml", "G.pth", "metrics.jsonl"])
def test_not_a_regular_file(wgan, run, kind, name):
    (run.path / name).unlink()
    SPOIL[kind](run.path / name)
    lines = {
        "recipe.yaml": [("inspect", run.recipe_file)],
        "G.pth": [("sample", "--ckpt", run.path), ("inspect", run.generator_file)],
        "metrics.jsonl": [("inspect", run.path)],
    }
    for line in lines[name]:
        result = wgan(*line)
        if (name, kind) == ("metrics.jsonl", "empty"):
            assert (result.status, "finished" in result.stdout) == (0, True)  # as its checkpoints say
        else:
            assert result.status == 2, (line, result.stderr)
            assert result.hint and "bug in wgan" not in result.stderr


GARBAGE = {
    "bytes": bytes(range(256)) * 20,
    "no record": b'[1]\n7\n"step"\nnull\n{}\n{"step": "one"}\n{"step": true}\n{"step": -5}\n{"step": 1.5}\n',
    "a long line": b'{"step": 16, "critic_loss": ' + b"1" * 300_000 + b"}\n",
    "brackets": b"[" * (MAX_RECORD - 1) + b"\n",
    "a step of many digits": b'{"step": ' + b"9" * 5000 + b'}\n{"step": ' + b"9" * 4000 + b"}\n",
    "not finite": b'{"step": 16, "critic_loss": NaN, "wasserstein": -Infinity, "kimg": Infinity, "seconds": NaN}\n',
    "words": b'{"step": 16, "critic_loss": "low", "kimg": [], "seconds": {}, "images_per_second": null}\n',
    "large": b'{"step": 16, "critic_loss": 1e308, "seconds": 1e308}\n{"step": 17, "critic_loss": -1e308}\n',
    "names without end": b"".join(b'{"step": %d, "term%d": 1.0}\n' % (n, n) for n in range(20, 120)),
    "steering": b'{"step": 16, "\\u001b[2J": 5.0}\n',
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_in_the_log_is_ignored(wgan, run, name):
    before = read_metrics(run.metrics_file)
    whole = run.metrics_file.read_bytes()
    run.metrics_file.write_bytes(whole + GARBAGE[name] + b"\n" + whole)
    records = read_metrics(run.metrics_file)
    assert all(record in records for record in before)
    assert all(np.isfinite(value) for record in records for value in record.values())
    for options in ([], ["--json"]):
        result = wgan("inspect", run.path, *options)
        assert result.status == 0, result.stderr
        assert "\x1b[2J" not in result.stdout
    assert json.loads(wgan("inspect", run.path, "--json").stdout)["steps"] == 12


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("steps: 12", "epochs: 3", "`epochs`"),
        ("seed: 0", "sed: 0", "did you mean"),
        ("batch_size: 8", "batch_size: 999999999", "batch_size"),
        ("seed: 0", "seed: [", "recipe.yaml line"),
    ],
)
def test_edited_recipe(wgan, run, old, new, words):
    text = run.recipe_file.read_text()
    assert old in text
    run.recipe_file.write_text(text.replace(old, new))
    result = wgan("inspect", run.path)
    assert result.status == 2
    assert words in result.error + result.hint
    assert wgan("sample", "--ckpt", run.path, "-n", 4).status == 0  # the generator carries its own recipe


def picture(folder: Path, name: str = "1.png") -> Path:
    folder.mkdir(exist_ok=True)
    Image.new("L", (8, 8), 99).save(folder / name)
    return folder


def test_pipe_among_images_is_skipped(wgan, tmp_path):
    folder = picture(tmp_path / "pictures")
    os.mkfifo(folder / "2.png")
    assert wgan("gif", folder).status == 0


def test_postscript_is_not_executed(wgan, tmp_path, monkeypatch):
    trap, interpreter = tmp_path / "sprung", tmp_path / "bin" / "gs"
    interpreter.parent.mkdir()
    interpreter.write_text(f"#!/bin/sh\ntouch {trap}\n")
    interpreter.chmod(0o755)
    monkeypatch.setenv("PATH", f"{interpreter.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)
    folder = picture(tmp_path / "pictures")
    script = "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n"
    for name in ("2.eps", "3.png"):  # the content decides, not the suffix
        (folder / name).write_text(script)
    result = wgan("gif", folder)
    assert (result.status, "3.png" in result.error) == (2, True)
    (folder / "3.png").unlink()
    assert wgan("gif", folder).status == 0
    assert not trap.exists()
    with pytest.raises(OSError), Image.open(folder / "2.eps") as program:
        program.load()
    assert trap.exists()  # the trap works


def bomb() -> bytes:
    """Return the header of a PNG of 4 billion pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 65_535, 65_535, 8, 0, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    data = b"IDAT" + zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))


def test_decompression_bomb(wgan, tmp_path):
    folder = picture(tmp_path / "pictures")
    (folder / "2.png").write_bytes(bomb())
    result = wgan("gif", folder)
    assert (result.status, "2.png" in result.error) == (2, True)


def test_frames_must_fit_the_memory(wgan, tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "free_memory", lambda device: 1000)
    folder = picture(tmp_path / "pictures")
    result = wgan("gif", folder, "--scale", 3)
    assert result.status == 2
    assert "--scale" in result.hint
    assert wgan("gif", folder).status == 0


def test_foreign_file_among_sample_grids(wgan, run):
    shutil.copy(run.sample_file(12), run.samples / "step_13_14.png")
    assert wgan("gif", run.path).status == 0


def test_symlinked_lock_is_refused(wgan, run, tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("precious")
    (run.path / ".lock").unlink(missing_ok=True)
    (run.path / ".lock").symlink_to(precious)
    result = wgan("train", "--resume", run.path, "--steps", 14, "--device", "cpu")
    assert (result.status, ".lock" in result.error) == (1, True)
    assert precious.read_text() == "precious"
