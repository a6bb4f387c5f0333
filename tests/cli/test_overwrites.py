"""No command overwrites a file unasked: default names are numbered, an explicit one is refused without --force."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest
import typer
from PIL import Image

from wgan_cli.cli.app import app
from wgan_cli.cli.arguments.output_path import default_path

#: Commands with a default output, and its name.
DEFAULTS = [
    ("sample G.pth -n 4", "samples.png"),
    ("gif run", "run/run.gif"),
    ("gif run --panel steps:4,12", "run/run.png"),
    ("gif run/samples", "samples.gif"),
    ("gif G.pth --max-frames 4", "G.gif"),
    ("gif run/G.pth --max-frames 4", "run/G.gif"),
    ("gif run/checkpoints/step_00000012.pth --max-frames 4", "run/step_00000012.gif"),
    ("report run", "report.html"),
]
#: Commands and the path that they are told to write; SOURCE is a run.
EXPLICIT = [
    ("sample SOURCE -n 4 --out", "x.png"),
    ("sample SOURCE -n 4 --out", "x.npy"),
    ("sample SOURCE -n 4 --out", "x.npz"),
    ("sample SOURCE -n 4 --out", "x/00003.png"),
    ("gif SOURCE --out", "x.gif"),
    ("gif SOURCE --panel steps:4,12 --out", "x.png"),
    ("export SOURCE --out", "x.onnx"),
    ("export SOURCE --out", "x.safetensors"),
    ("export SOURCE --out", "x/config.json"),
    ("project photos/1.png --ckpt SOURCE --steps 10 --device cpu --out", "x.npz"),
    ("report SOURCE --out", "x.html"),
    ("compare SOURCE twin --out", "x.png"),
    ("inspect SOURCE --plot", "x.png"),
    ("inspect photos --plot", "x.png"),
    ("evaluate SOURCE -n 20 --metrics memorization --data-root features --pairs", "x.png"),
]


@pytest.fixture
def place(tmp_path, tiny_run, features_root) -> Path:
    for name in ("run", "twin"):
        shutil.copytree(tiny_run.path, tmp_path / name)
    shutil.copy(tiny_run.generator_file, tmp_path / "G.pth")
    shutil.copytree(features_root, tmp_path / "features")
    (tmp_path / "photos").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / "photos" / "1.png")
    return tmp_path


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


@pytest.mark.parametrize(("line", "name"), DEFAULTS)
def test_default_name_is_numbered(wgan, place, line, name):
    first, second = name, "-2.".join(name.rsplit(".", 1))
    before = files(place)
    for path in (first, second):
        result = wgan(*line.split())
        assert result.status == 0, result.stderr
        assert f": {path}" in result.stderr
        after = files(place)
        assert after.keys() - before.keys() == {path}
        before, unchanged = after, before
        assert unchanged.items() <= after.items() and after[path]
    (place / first).write_bytes(b"old")
    assert wgan(*line.split(), "--force").status == 0
    assert files(place).keys() == before.keys() and (place / first).read_bytes() != b"old"


@pytest.mark.parametrize(("line", "name"), EXPLICIT)
def test_explicit_path_is_refused(request, wgan, place, line, name, monkeypatch):
    if name.endswith((".onnx", ".json")):
        pytest.importorskip("onnxscript")
    if name.endswith(".json"):
        request.getfixturevalue("quick_onnx")
    monkeypatch.setattr("wgan_cli.evaluation.evaluate.MAX_TRAINING", 200)
    target = f"{Path(name).parent}/" if "/" in name else name
    (place / name).parent.mkdir(exist_ok=True)
    for path in (name, f"{name}.txt"):
        (place / path).write_bytes(b"old")
    before = files(place)
    refused = wgan(*line.replace("SOURCE", "gone").split(), target)  # before the source is read
    assert (refused.status, target in refused.error, "--force" in refused.hint) == (2, True, True)
    assert files(place) == before
    done = wgan(*line.replace("SOURCE", "run").split(), target, "--force")
    assert done.status == 0, done.stderr
    after = files(place)
    assert after.pop(name) != before.pop(name)
    assert before.items() <= after.items()


def test_every_command_that_writes_has_the_option():
    writing = {line.split()[0] for line, _ in DEFAULTS + EXPLICIT}
    for name, command in typer.main.get_command(app).commands.items():
        options = {option for parameter in command.params for option in parameter.opts}
        takes_path = bool(options & {"--out", "--plot", "--pairs"}) and name not in ("train", "tune", "augment")
        assert ("--force" in options) == takes_path == (name in writing)


def test_commands_at_the_same_time_get_different_names(tmp_path):
    start = typer.main.get_command(app).make_context
    path = tmp_path / "x.png"
    with start("wgan", ["runs"]) as one, start("wgan", ["runs"]) as other:
        found = [default_path(context, path, force=False) for context in (one, other)]
        assert found == [path, tmp_path / "x-2.png"]
        found[1].write_bytes(b"new")
    assert files(tmp_path) == {"x-2.png": b"new"}


def test_animation_in_a_run_changes_nothing_else(wgan, place):
    assert wgan("gif", "run").status == wgan("gif", "run", "--panel", "steps:4,12").status == 0
    written = {name: content for name, content in files(place / "run").items() if name in ("run.gif", "run.png")}
    assert len(written) == 2
    assert wgan("train", "--resume", "run", "--steps", 14, "--quiet", "--device", "cpu").status == 0
    for words in (("runs", "run"), ("runs", "prune", "run", "--yes"), ("report", "run"), ("inspect", "run")):
        assert wgan(*words).status == 0
    assert "14 of 14" in wgan("runs", "run").stdout
    assert written.items() <= files(place / "run").items()
    assert "4 frames" in wgan("gif", "run").stderr, "only sample grids are animated"


@pytest.mark.parametrize("command", ["sample", "export"])
def test_empty_path_is_not_the_current_folder(wgan, place, command):
    before = files(place)
    for force in ((), ("--force",)):
        refused = wgan(command, "run", "--out", "", *force)
        assert refused.status == 2 and "--out is empty" in refused.error, refused.stderr
    assert files(place) == before


def test_sigterm_removes_the_reserved_file(wgan_process, tiny_run, tmp_path):
    words = ("sample", tiny_run.path, "-n", 10_000, "--batch", 1, "--device", "cpu")
    process = wgan_process.start(*words)
    end = time.monotonic() + 60
    while not (tmp_path / "samples.png").exists() and time.monotonic() < end:
        time.sleep(0.02)
    for _ in range(2):  # as `timeout` does
        process.terminate()
    assert process.wait(timeout=60) == 143, process.stderr.read()
    assert files(tmp_path) == {}
