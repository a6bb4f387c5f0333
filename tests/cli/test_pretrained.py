"""Names of bundled generators, in the commands that take a run or checkpoint."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from wgan_cli import load_generator
from wgan_cli.runs import pretrained
from wgan_cli.runs.checkpoint import load_checkpoint
from wgan_cli.runs.pretrained import Card, pretrained_file, pretrained_names, read_card
from wgan_cli.runs.run_dir import RUNS

NAME = "digits_dcgan"
CARD = Card(
    "wgan train digits_dcgan --seed 1", "digits", "CC0.", "fd", {"0": 2.5, "1": 1.5}, {"fd": 1.5}, 3.2, "a machine", 1
)


@pytest.fixture
def bundled(tmp_path_factory, monkeypatch, tiny_run) -> Path:
    """The package with one generator, in half precision."""
    folder = tmp_path_factory.mktemp("package")
    monkeypatch.setattr(pretrained, "FOLDER", folder)
    found = load_checkpoint(tiny_run.checkpoint_files()[-1])
    for own in found.networks.values():
        own.update({name: tensor.half() for name, tensor in own.items() if tensor.is_floating_point()})
    found.save(pretrained_file(NAME))
    pretrained.card_file(NAME).write_text(json.dumps(asdict(CARD)))
    return pretrained_file(NAME)


def copy_run(tiny_run) -> Path:
    run = RUNS / NAME
    shutil.copytree(tiny_run.path, run)
    return run


def test_a_name_is_a_generator(wgan, bundled, tiny_run):
    result = wgan("sample", NAME, "-n", 4, "--out", "named.npy", "--device", "cpu")
    assert result.status == 0, result.stderr
    assert "FD 1.5" in result.stderr
    assert wgan("sample", tiny_run.generator_file, "-n", 4, "--out", "exact.npy", "--device", "cpu").status == 0
    named, exact = (np.load(f"{name}.npy").astype(int) for name in ("named", "exact"))
    assert np.abs(named - exact).max() <= 2
    images = load_generator(NAME).sample(4)
    assert torch.equal((images + 1).mul(127.5).round().int(), torch.from_numpy(named).permute(0, 3, 1, 2).int())


def test_a_run_of_that_name_takes_precedence(wgan, bundled, tiny_run, trainer):
    run = copy_run(tiny_run)
    result = wgan("sample", NAME, "-n", 4, "--out", "named.npy", "--device", "cpu")
    assert str(run) in result.stderr
    wgan("sample", run, "-n", 4, "--out", "run.npy", "--device", "cpu")
    assert np.array_equal(np.load("named.npy"), np.load("run.npy"))
    (run / "G.pth").unlink()  # a run that has just started
    assert wgan("sample", NAME, "-n", 4, "--out", "again.png", "--device", "cpu").status == 0


def test_a_file_of_that_name_comes_first(wgan, bundled, tiny_run):
    shutil.copy(tiny_run.generator_file, NAME)
    result = wgan("sample", NAME, "-n", 4, "--out", "a.png", "--device", "cpu")
    assert result.status == 0 and "comes with" not in result.stderr


def test_animate_and_export(wgan, bundled):
    assert wgan("gif", NAME, "--max-frames", 4, "--device", "cpu").status == 0
    with Image.open(f"{NAME}.gif") as picture:
        assert picture.n_frames > 1
    assert wgan("export", NAME, "--out", "mine.safetensors").status == 0
    assert set(load_checkpoint("mine.safetensors").networks) == {"generator"}


def test_other_trainings_start_from_it(wgan, bundled):
    words = ("--steps", 1, "--set", "freeze=1", "--device", "cpu", "--out", "mine")
    result = wgan("train", "--init-from", NAME, *words)
    assert result.status == 0 and "warning" not in result.stderr, result.stderr
    first = load_checkpoint("mine/checkpoints/step_00000000.pth")
    for role, weights in load_checkpoint(bundled).networks.items():
        assert all(torch.equal(first.networks[role][name], tensor) for name, tensor in weights.items()), role


def test_evaluate(wgan, bundled, features_root):
    result = wgan("evaluate", NAME, "-n", 40, "--json", "--data-root", features_root, "--device", "cpu")
    assert result.status == 0, result.stderr
    assert json.loads(result.stdout)["recipe"] == "tiny"


def test_the_card_is_shown_with_the_recipe(wgan, bundled):
    shown = wgan("inspect", NAME).stdout
    assert all(part in shown for part in (CARD.command, CARD.license, "3.2 minutes", "1.5", "2 seeds"))
    assert json.loads(wgan("inspect", NAME, "--json").stdout)["pretrained"] == asdict(CARD)
    assert json.loads(wgan("inspect", NAME, "--set", "steps=5", "--json").stdout)["pretrained"] is None
    assert [row["name"] for row in json.loads(wgan("recipes", "--json").stdout) if row["pretrained"]] == [NAME]


def test_what_the_package_holds():
    names = pretrained_names()
    assert sum(pretrained_file(name).stat().st_size for name in names) < 8e6
    for name in names:
        card, checkpoint = read_card(name), load_checkpoint(pretrained_file(name))
        assert checkpoint.recipe.name == name and "critic" in checkpoint.networks
        assert f"--seed {checkpoint.recipe.seed}" in card.command
        assert card.value == card.by_seed[str(checkpoint.recipe.seed)]
        generator = load_generator(name)
        images = generator.translate(torch.zeros(1, 1, 28, 28)) if generator.recipe.translates else generator.sample(2)
        assert images.std() > 0 or generator.recipe.translates
