"""The folder of `wgan export`: everything in it is right, and its page's examples run as they are."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from wgan_cli.exports import model_folder as folder_module
from wgan_cli.networks import build_network
from wgan_cli.recipe import ImageShape, load_recipe, recipe_from_dict
from wgan_cli.recipe.yaml import parse_yaml
from wgan_cli.runs.checkpoint import Checkpoint, load_checkpoint
from wgan_cli.runs.run_dir import is_exported


@pytest.fixture(scope="module")
def shared(tmp_path_factory, trainer):
    """A run with scores, and what was exported of it. Tests only read it."""
    from wgan_cli.cli import app

    place = tmp_path_factory.mktemp("share")
    run = trainer.run(trainer.recipe("steps=4"), place / "run")
    record = {"step": 4, "kimg": 0.1, "fd": 12.5, "recall": 0.25, "real_baseline": 1.5}
    run.metrics_file.write_text(json.dumps(record) + "\n", encoding="utf-8")
    assert app.run(["export", str(run.path), "--out", f"{place / 'made'}/"]) == 0
    return place / "made"


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)


def test_it_holds_what_it_says(shared):
    names = ["README.md", "config.json", "critic.safetensors", "model.onnx", "model.safetensors", "samples.png"]
    assert sorted(path.name for path in shared.iterdir()) == names
    assert [path.name for path in shared.parent.iterdir() if path.name.startswith(".")] == []
    config = json.loads((shared / "config.json").read_text())
    assert (config["format"], config["step"], config["opset"]) == ("wgan", 4, 18)
    assert config["image"] == {"height": 28, "width": 28, "channels": 1, "num_classes": 10}
    assert config["scores"] == {"fd": 12.5, "recall": 0.25, "real_baseline": 1.5}
    assert list(config["onnx"]["model.onnx"]["inputs"]) == ["z"]
    assert recipe_from_dict(config["recipe"], "config.json").name == "tiny"
    with Image.open(shared / "samples.png") as grid:
        assert grid.size == (8 * 30 + 2, 8 * 30 + 2)


def test_the_card_is_one_that_hubs_read(shared):
    text = (shared / "README.md").read_text(encoding="utf-8")
    front = yaml.safe_load(text.split("---")[1])
    assert front["library_name"] == "wgan"
    assert {"gan", "wgan_gp", "dcgan", "onnx"} <= set(front["tags"])
    assert "license" not in front  # which only its owner can give
    assert "# license: choose one" in text
    assert "CC BY-SA 3.0" in text
    assert "| fd | 12.5 |" in text
    assert "Gulrajani et al. 2017" in text
    (recipe,) = blocks(shared / "README.md", "yaml")
    assert recipe_from_dict(parse_yaml(recipe, "README.md"), "README.md").name == "tiny"


def test_the_examples_of_the_card_run(shared, wgan_process):
    examples = blocks(shared / "README.md", "python")
    assert len(examples) == 2
    for code in examples:
        assert len(code.splitlines()) <= 10
    result = wgan_process(python=("-c", "\n".join(examples)), cwd=shared)
    assert result.status == 0, result.stderr
    for name, mode in (("sampled.png", "L"), ("sampled_onnx.png", "RGB")):
        with Image.open(shared / name) as picture:
            assert (picture.size, picture.mode) == ((16 * 28, 28), mode)
        (shared / name).unlink()


def test_the_folder_is_a_checkpoint(wgan, shared):
    assert wgan("sample", "--ckpt", shared, "-n", 4, "--out", "a.npy", "--device", "cpu").status == 0
    assert wgan("sample", "--ckpt", shared.parent / "run", "-n", 4, "--out", "b.npy", "--device", "cpu").status == 0
    np.testing.assert_array_equal(np.load("a.npy"), np.load("b.npy"))
    assert "to_image" in wgan("inspect", shared / "model.safetensors").stdout
    assert wgan("inspect", shared).stdout == wgan("inspect", shared / "model.safetensors").stdout


def test_another_training_starts_from_generator_and_critic(wgan, shared):
    last = load_checkpoint(shared.parent / "run" / "checkpoints" / "step_00000004.pth")
    words = ("--steps", 1, "--set", "freeze=1", "--device", "cpu", "--out", "next")
    result = wgan("train", "--init-from", shared, *words)
    assert result.status == 0 and "warning" not in result.stderr, result.stderr
    first = load_checkpoint("next/checkpoints/step_00000000.pth")
    for role, weights in last.networks.items():
        assert all(torch.equal(first.networks[role][name], tensor) for name, tensor in weights.items()), role


def test_a_new_export_removes_the_critic_of_the_last_one(wgan, shared, tiny_run, quick_onnx):
    shutil.copytree(shared, "again")
    assert wgan("export", tiny_run.generator_file, "--out", "again/", "--force").status == 0
    assert is_exported(Path("again")) and not Path("again/critic.safetensors").exists()
    assert "has no critic" in wgan("train", "--init-from", "again", "--set", "freeze=1").error


def test_the_current_folder(wgan, tiny_run, quick_onnx):
    result = wgan("export", tiny_run.path, "--out", ".")
    assert result.status == 0 and is_exported(Path()), result.stderr
    assert not list(Path().glob(".*"))


def test_nothing_is_left_half_done(wgan, tiny_run, tmp_path, monkeypatch):
    def fail(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder_module, "export_onnx", lambda *args: fail())
    result = wgan("export", tiny_run.path, "--out", "new/")
    assert result.status != 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("existing", [False, True])
def test_an_interrupted_folder_is_no_model(wgan, tiny_run, tmp_path, monkeypatch, quick_onnx, existing):
    """A new folder appears in one move; in an existing one, config.json is last."""
    target, replace, moves = tmp_path / "new", os.replace, []
    if existing:
        target.mkdir()
        (target / "notes.txt").touch()

    def fail_at_the_last_file(source, destination):
        if target in (destination, destination.parent):
            moves.append(destination.name)
            if len(moves) == 6:
                raise OSError(28, "No space left on device")
        replace(source, destination)

    monkeypatch.setattr(os, "replace", fail_at_the_last_file)
    result = wgan("export", tiny_run.path, "--out", f"{target}/", "--force")
    assert (result.status == 0) != existing
    assert is_exported(target) != existing and (target / "notes.txt").exists() == existing
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(("channels", "shown", "mode"), [(2, "null", "L"), (4, "[3,2,1]", "RGB"), (5, "null", "RGB")])
def test_the_example_shows_bands(tmp_path, monkeypatch, quick_onnx, channels, shown, mode):
    data = ("source=folder", "image_size=16", f"channels={channels}", f"preview_channels={shown}")
    recipe = load_recipe("mnist_mlp", [f"data.{each}" for each in data])
    image = ImageShape(16, 16, channels)
    weights = build_network("generator", recipe, image).state_dict()
    monkeypatch.chdir(tmp_path)
    Checkpoint(recipe, image, (), 5, {"generator": weights}).save(Path("G.pth"))
    folder_module.export_folder(load_checkpoint("G.pth"), Path("G.pth"), Path("made"))
    monkeypatch.chdir("made")
    exec(blocks(Path("README.md"), "python")[0], {})
    with Image.open("sampled.png") as picture:
        assert (picture.size, picture.mode) == ((16 * 16, 16), mode)
