"""The commands that a user runs, starting in an empty folder."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from unittest.mock import Mock
from urllib.parse import urlsplit
from urllib.request import url2pathname

import numpy as np
import pytest
from helpers.pictures import size
from PIL import Image

from wgan_cli.cli.app import app
from wgan_cli.cli.render.recipe_benchmarks import measurements
from wgan_cli.errors import WganError
from wgan_cli.recipe import load_recipe, recipe_names, recipe_path
from wgan_cli.recipe.schema import Recipe
from wgan_cli.runs.run_dir import RunDir


@pytest.fixture
def train(wgan, tiny_options):
    return lambda *words: wgan("train", "--device", "cpu", *tiny_options, *words)


def test_train_sample_animate_and_inspect(wgan, train):
    result = train("--steps", 6)
    assert result.status == 0, result.stderr
    for term in ("wasserstein", "gradient_penalty", "critic_loss", "generator_loss"):  # the log explains them
        assert re.search(rf"^ +{term}: \S+ .*\w", result.stderr, re.MULTILINE)
    run = RunDir(Path("runs/tiny"))
    files = ".lock G.pth checkpoints curves.png environment.json metrics.jsonl recipe.yaml samples tensorboard"
    assert sorted(path.name for path in run.path.iterdir()) == files.split()
    assert sorted(path.name for path in run.samples.iterdir()) == ["step_00000000.png", "step_00000006.png"]
    assert [path.name for path in run.checkpoint_files()] == ["step_00000000.pth", "step_00000006.pth"]
    assert size(run.sample_file(6)) == (3 * 30 + 2, 3 * 30 + 2)

    # The suggested commands work.
    named = re.findall(r"^(?:next:)? +wgan (.*)$", result.stderr, re.MULTILINE)
    assert [line.split()[0] for line in named] == ["sample", "gif", "inspect"]
    for line in named:
        assert wgan(*line.split()).status == 0, line
    assert size("samples.png") == (8 * 30 + 2, 8 * 30 + 2)
    with Image.open("runs/tiny/tiny.gif") as animation:
        assert animation.n_frames == 2

    # A second run gets its own folder; the last two checkpoints are kept.
    quiet = train("--steps", 7, "--quiet", "--set", "save_every=2")
    assert (quiet.status, quiet.stdout, quiet.stderr) == (0, "", "")
    assert sorted(os.listdir("runs")) == ["tiny", "tiny-2"]
    kept = RunDir(Path("runs/tiny-2")).checkpoint_files()
    assert [path.name for path in kept] == ["step_00000006.pth", "step_00000007.pth"]


def test_seed_and_recipe_determine_the_generator(wgan, train):
    for out, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert train("--quiet", "--steps", 2, "--seed", seed, "--out", out).status == 0
    assert wgan("train", "--quiet", "--device", "cpu", "--recipe", "a/recipe.yaml", "--out", "d").status == 0
    weights = [Path(out, "G.pth").read_bytes() for out in "abcd"]
    assert weights[3] == weights[0] == weights[1] != weights[2]


def test_dry_run(train, tmp_path):
    result = train("--dry-run", "--steps", 1234)
    assert result.status == 0
    assert "1,234 steps" in result.stderr
    assert os.listdir(tmp_path) == []


@pytest.fixture
def alone(wgan, tiny_run, tmp_path):
    """`wgan sample` in a folder with nothing but a copy of G.pth."""
    shutil.copy(tiny_run.generator_file, tmp_path / "G.pth")
    return lambda *words: wgan("sample", "--ckpt", "G.pth", "--device", "cpu", *words)


def test_sample_needs_only_the_generator(alone, tmp_path):
    result = alone("-n", 64)
    assert result.status == 0, result.stderr
    assert sorted(os.listdir(tmp_path)) == ["G.pth", "samples.png"]
    assert size("samples.png") == (8 * 28 + 9 * 2, 8 * 28 + 9 * 2)
    assert "64 images of 28x28x1 from step 12 of tiny: samples.png" in result.stderr


def test_output_forms_hold_the_same_images(alone):
    for out in ("grid.png", "singles/", "images.npy", "images.npz"):
        rows = ("--rows", 1) if out == "grid.png" else ()
        assert alone("-n", 5, "--seed", 7, *rows, "--out", out).status == 0
    array = np.load("images.npy")
    assert (array.shape, array.dtype) == ((5, 28, 28, 1), np.uint8)
    np.testing.assert_array_equal(np.load("images.npz")["images"], array)
    grid = np.asarray(Image.open("grid.png").convert("L"))
    assert grid.shape == (32, 5 * 30 + 2)
    assert sorted(os.listdir("singles")) == [f"0000{number}.png" for number in range(5)]
    for number in range(5):
        np.testing.assert_array_equal(np.asarray(Image.open(f"singles/0000{number}.png")), array[number, :, :, 0])
        np.testing.assert_array_equal(grid[2:30, 2 + 30 * number : 30 + 30 * number], array[number, :, :, 0])


def test_seeds(alone):
    assert alone("--seeds", "4,0-1", "--out", "some.npy").status == 0
    some = np.load("some.npy")
    for place, seed in enumerate((4, 0, 1)):
        assert alone("-n", 1, "--seed", seed, "--out", "one.npy", "--force").status == 0
        np.testing.assert_array_equal(np.load("one.npy")[0], some[place])


def test_latent_vectors_of_a_file(alone):
    np.save("short.npy", np.zeros((2, 15), np.float32))
    for words, *named in (
        (("--z", "short.npy"), "short.npy", "(2, 15)", "(N, 16)"),
        (("--z", "short.npy", "-n", 2), "-n", "--from"),
        (("--z", "short.npy", "--seed", 0), "--seed", "--from"),
        (("--z", "gone.npy"), "gone.npy", "No such file"),
        (("--save-z", "short.npy"), "short.npy", "exists"),
        (("--save-z", "z.txt"), "z.txt", ".npy", ".npz"),
        (("--save-z", "./new.npy"), "--save-z", "--out", "new.npy"),
        (("--seed", 3, "--seeds", "0-3"), "--seed ", "--seeds"),
    ):
        result = alone(*words, "--out", "new.npy")
        assert result.status == 2 and all(name in result.error for name in named), result.error
    assert alone("--save-z", "z.npy", "--out", "new.xyz").status == 2
    assert sorted(os.listdir()) == ["G.pth", "short.npy"]


def test_scale(alone):
    assert alone("-n", 4, "--scale", 3).status == 0
    assert size("samples.png") == (3 * 62, 3 * 62)


def test_interpolate(alone):
    for words in (("ends.npy",), *((out, "--interpolate", 4) for out in ("walk.npy", "walk.png"))):
        assert alone("-n", 3, "--out", *words).status == 0
    ends, walk = np.load("ends.npy").astype(int), np.load("walk.npy").astype(int)
    assert len(walk) == 8
    for place, end in ((0, 0), (3, 1), (4, 1), (7, 2)):
        assert np.abs(walk[place] - ends[end]).max() <= 1
    assert size("walk.png") == (4 * 30 + 2, 2 * 30 + 2)  # a row for each leg


@pytest.mark.parametrize(
    ("words", "rows", "columns"),
    [(("-n", 14), 1, 14), (("-n", 14), 2, 7), (("-n", 14), 7, 2), (("-n", 3, "--interpolate", 4), 1, 8)],
)
def test_rows(alone, words, rows, columns):
    assert alone(*words, "--rows", rows).status == 0
    assert size("samples.png") == (columns * 30 + 2, rows * 30 + 2)


def test_gif(wgan, tiny_run, tmp_path):
    (tmp_path / "begun").mkdir()
    shutil.copy(tiny_run.sample_files()[0], tmp_path / "begun" / "step_0.png")
    result = wgan("gif", "begun")
    assert result.status == 0 and "note: " in result.stderr and "1 frame, " in result.stderr
    shutil.copytree(tiny_run.path, "tiny")
    assert wgan("gif", "tiny").status == 0
    assert wgan("gif", "tiny", "--no-label", "--scale", 2, "--out", "plain.gif").status == 0
    assert wgan("gif", "tiny/samples", "--max-frames", 2, "--out", "folder.webp").status == 0
    assert wgan("gif", "tiny/G.pth", "--device", "cpu", "--max-frames", 8).status == 0
    side = 3 * 30 + 2
    for path, count in (("tiny/tiny.gif", 3), ("plain.gif", 3), ("folder.webp", 2), ("tiny/G.gif", 8)):
        with Image.open(path) as animation:
            assert animation.n_frames == count
    assert size("tiny/tiny.gif")[1] > side  # the label's strip
    assert size("plain.gif") == (2 * side, 2 * side) and size("tiny/G.gif") == (4 * 30 + 2, 4 * 30 + 2)


def test_inspect_run(wgan, tiny_run):
    shown = wgan("inspect", tiny_run.path)
    assert shown.status == 0
    for words in ("tiny: wgan_gp, dcgan on digits", "finished", "12 of 12 (100%)", "step_00000012.pth", "wasserstein"):
        assert words in shown.stdout
    facts = json.loads(wgan("inspect", tiny_run.path, "--json").stdout)
    assert (facts["kind"], facts["state"], facts["step"], facts["steps"]) == ("run", "finished", 12, 12)
    assert facts["kimg"] == pytest.approx(12 * 8 / 1000)
    assert [record["step"] for record in facts["history"]] == [4, 8, 12]
    assert facts["losses"].keys() >= {"critic_loss", "wasserstein", "gradient_penalty", "generator_loss"}
    assert (len(facts["checkpoints"]), facts["samples"]) == (2, 3)
    assert facts["recipe"] == tiny_run.read_recipe().as_dict()
    result = wgan("inspect", tiny_run.path, "--plot", "new/curves.png", "--json")
    assert (result.status, result.stderr) == (0, "curves: new/curves.png\n")
    assert min(size("new/curves.png")) > 200
    shutil.copy(tiny_run.recipe_file, "recipe.yaml")  # a run without records
    result = wgan("inspect", ".")
    assert result.status == 0 and "0 of 12" in result.stdout and "none yet" in result.stdout


def test_inspect_checkpoint(wgan, tiny_run):
    facts = json.loads(wgan("inspect", tiny_run.generator_file, "--json").stdout)
    assert (facts["kind"], facts["step"], facts["continues"]) == ("checkpoint", 12, False)
    assert facts["image"] == {"height": 28, "width": 28, "channels": 1, "num_classes": 10}
    assert facts["bytes"] == tiny_run.generator_file.stat().st_size
    assert {"torch", "numpy", "wgan"} <= set(facts["versions"])
    (network,) = facts["networks"]
    assert network["parameters"] == sum(layer["parameters"] for layer in network["layers"])
    assert network["layers"][-1]["output"] == [1, 28, 28]
    full = json.loads(wgan("inspect", tiny_run.checkpoint_file(12), "--json").stdout)
    assert full["continues"]
    assert {each["role"] for each in full["networks"]} == {"generator", "critic"}
    shown = wgan("inspect", tiny_run.checkpoint_file(12)).stdout
    assert "full training state" in shown and " ConvTranspose2d " in shown


@pytest.mark.parametrize("name", ["digits_dcgan", "cifar10_dcgan"])
def test_inspect_recipe(wgan, name):
    shown = wgan("inspect", name)
    assert shown.status == 0
    assert f"{name}: " in shown.stdout
    facts = json.loads(wgan("inspect", name, "--json").stdout)
    assert facts["kind"] == "recipe"
    assert facts["recipe"] == load_recipe(name).as_dict()
    assert all(value > 0 for value in facts["memory"].values())


def test_inspect_recipe_file(wgan, tmp_path):
    shutil.copy(recipe_path("digits_dcgan"), tmp_path / "mine.yaml")
    assert json.loads(wgan("inspect", "mine.yaml", "--json").stdout)["recipe"]["name"] == "mine"


def test_recipes_list_purposes(wgan):
    listed = wgan("recipes").stdout.splitlines()
    assert max(map(len, listed)) <= 80
    lines = {line.split()[0]: line for line in listed}
    for name in recipe_names():
        text = recipe_path(name).read_text(encoding="utf-8")
        purpose = text.splitlines()[0].partition("  ")[2].strip()
        assert purpose and lines[name].endswith(purpose), f"{name} is listed without: {purpose}"
        assert wgan("recipes", name).stdout == text


@pytest.mark.parametrize("command", [command.name or command.callback.__name__ for command in app.registered_commands])
def test_help(wgan, command):
    result = wgan(command, "--help")
    assert (result.status, result.stderr) == (0, "")
    assert f"Usage: wgan {command}" in result.stdout
    assert "Examples" in result.stdout and "[bold]" not in result.stdout
    assert wgan(command, "-h").stdout == result.stdout
    assert not re.search(r"<\w|\[\[|\{|range", result.stdout)
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_help_and_version(wgan):
    assert "Usage: wgan" in wgan().stdout
    assert wgan() == wgan("--help") == wgan("-h")
    assert re.fullmatch(r"wgan \d+\.\d+\.\d+(\.dev\d+)?\n", wgan("--version").stdout)


def test_another_process_and_its_output(train, wgan_process, tiny_options, tmp_path):
    words = ("--set", "log_every=2", "--steps", 6, "--out")
    assert train("--quiet", *words, "here").status == 0
    changes = {"PYTHONHASHSEED": "1"}
    result = wgan_process("train", "--device", "cpu", *tiny_options, *words, "there", changes=changes)
    assert result.status == 0, result.stderr
    assert result.stdout == "" and not {"\x1b", "\r"} & set(result.stderr)
    steps = [line.split()[1] for line in result.stderr.splitlines() if line.startswith("step ")]
    assert steps[0] == "2/6" and steps[-1] == "6/6"  # others only if the machine takes a second for them
    here, there = ((tmp_path / out / "G.pth").read_bytes() for out in ("here", "there"))
    assert here == there
    assert min(size(tmp_path / "there" / "curves.png")) > 200  # blank after a training in this process


def test_recipes_list_measurements(wgan):
    lines = {line.split()[0]: line for line in wgan("recipes", "--wide").stdout.splitlines()}
    listed = {each["name"]: each for each in json.loads(wgan("recipes", "--json").stdout)}
    assert list(listed) == recipe_names()
    known = measurements()
    assert known.recipes and set(known.recipes) <= set(listed)
    for name, facts in listed.items():
        measured = known.recipes.get(name)
        assert (facts["measured"] is None) == (measured is None)
        if measured:
            assert Path(facts["thumbnail"]).is_file()
            assert f"{measured.minutes:.1f} min" in lines[name] and f"{measured.value:.3g}" in lines[name]
    assert known.where in lines["Time,"] and "NAME.png" in lines["samples:"]


def test_recipe_for_editors(wgan, tmp_path, monkeypatch):
    monkeypatch.setenv("WGAN_DATA", str(tmp_path / "a b"))
    first, rest = wgan("recipes", "mnist_hinge", "--schema").stdout.split("\n", 1)
    assert rest == recipe_path("mnist_hinge").read_text(encoding="utf-8")
    address = first.removeprefix("# yaml-language-server: $schema=")
    assert address.startswith("file:///") and " " not in address
    schema = Path(url2pathname(urlsplit(address).path))
    content = json.loads(schema.read_text(encoding="utf-8"))
    assert content == json.loads(wgan("recipes", "--schema").stdout)
    assert set(content["properties"]) == set(Recipe.model_fields)
    (tmp_path / "mine.yaml").write_text(f"{first}\n{rest}")
    assert wgan("inspect", "mine.yaml", "--json").status == 0


def test_final_report(train, features_root):
    measured = ("--set", "eval_every=6", "--set", "eval_count=50", "--data-root", features_root)
    result = train("--steps", 6, "--set", "report=true", "--out", "mine", *measured)
    assert result.status == 0, result.stderr
    page = Path("mine/report.html").read_text(encoding="utf-8")
    assert "report: mine/report.html" in result.stderr.splitlines()
    assert "finished: 6 steps" in page
    assert "nearest to a training image" in page


@pytest.mark.parametrize("error", [WganError("cannot write it: the disk is full", "free it"), MemoryError()])
def test_failed_report_does_not_fail_the_run(train, monkeypatch, error):
    monkeypatch.setattr("wgan_cli.report.html_page.write_page", Mock(side_effect=error))
    result = train("--steps", 2, "--set", "report=true", "--out", "mine")
    assert result.status == 0 and "done: 2 steps" in result.stderr
    assert f"warning: no report: {str(error) or 'MemoryError'}" in result.stderr
