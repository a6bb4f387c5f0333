"""Names of bundled generators, in the commands that take a run or checkpoint."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from wgan_cli import load_generator
from wgan_cli.runs import pretrained
from wgan_cli.runs.checkpoint import load_checkpoint
from wgan_cli.runs.pretrained import Card, pretrained_file
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


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("sample mnist_dcgan", f"wgan train mnist_dcgan; wgan comes with {NAME}"),
        ("sample Digits_DCGAN", f"did you mean `{NAME}`? "),
        (f"sample runs/{NAME}", f"did you mean `{NAME}`? "),
        ("sample mnist_dcgn", "did you mean `mnist_dcgan`"),
        ("gif digit_dcgan", f"did you mean `{NAME}`? "),
        ("evaluate digit_dcgan", f"did you mean `{NAME}`? "),
        ("project x.png --ckpt digit_dcgan", f"did you mean `{NAME}`? "),
    ],
)
def test_names_without_a_generator(wgan, bundled, words, hint):
    Image.new("L", (28, 28)).save("x.png")
    result = wgan(*words.split())
    assert result.status == 2 and hint in result.stderr


def test_a_recipe_with_a_run_has_a_generator(wgan, bundled, tiny_run):
    shutil.copytree(tiny_run.path, RUNS / "mnist_dcgan")
    assert "did you mean `runs/mnist_dcgan`? " in wgan("sample", "mnist_dcgan").stderr


def test_messages_have_the_name_in_place_of_the_file(wgan, bundled, features_root):
    few = ("-n", 40, "--data-root", features_root, "--device", "cpu")
    results = [
        wgan("gif", NAME, "--panel", 1),
        wgan("report", NAME),
        wgan("evaluate", NAME, "--metrics", "spectrum", *few),
        wgan("train", "--init-from", NAME, "--dry-run", "--device", "cpu"),
    ]
    assert [result.status for result in results] == [2, 2, 0, 0]
    assert all(NAME in result.stderr and str(bundled) not in result.stdout + result.stderr for result in results)
    assert "FD" not in results[2].stdout.replace("best by FD", "")
    assert "there is no" not in results[1].stderr and f"wgan train {NAME}" in results[1].stderr


@pytest.mark.parametrize("command", ["sample", "gif"])
def test_an_empty_folder_of_that_name_comes_first(wgan, bundled, command):
    Path(NAME).mkdir()
    assert "rename the folder" in wgan(command, NAME).stderr


def test_inspect_tells_of_a_run_next_to_the_recipe(wgan, bundled, tiny_run):
    assert "wgan inspect" not in wgan("inspect", NAME).stderr
    run = copy_run(tiny_run)
    assert f"wgan inspect {run}" in wgan("inspect", NAME).stderr


@pytest.mark.parametrize(("seeds", "told"), [({"1": 1.5}, False), (CARD.by_seed, True)])
def test_one_seed_is_not_the_best(wgan, bundled, seeds, told):
    pretrained.card_file(NAME).write_text(json.dumps(asdict(replace(CARD, by_seed=seeds, images=2000))))
    shown = wgan("inspect", NAME).stdout
    assert "FD 1.5 (2,000 images)" in shown and ("the best of" in shown) is told
