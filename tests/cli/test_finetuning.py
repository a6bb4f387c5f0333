"""`wgan train --init-from`: the recipe, the weights, what is said and what is recorded."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from wgan_cli.recipe import ImageShape, load_recipe
from wgan_cli.runs.checkpoint import load_checkpoint
from wgan_cli.runs.run_dir import RunDir
from wgan_cli.training.finetuning.start import initial_recipe

SIZE = ["--set", "data.limit=40", "--steps", 2, "--device", "cpu"]


def photos(folder: str, mode: str = "RGB", classes: str = "ab", count: int = 12) -> None:
    """Images of 20x20 pixels in a folder for each class; without classes in one."""
    random = np.random.default_rng(0)
    for number in range(count):
        path = Path(folder, classes[number % len(classes)] if classes else "", f"{number}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 256, (20, 20, 3)[: 3 if mode == "RGB" else 2], np.uint8)
        Image.fromarray(pixels).save(path)


@pytest.fixture
def tune(wgan, tiny_run):
    """Fine-tune the tiny run of gray 28x28 digits without classes."""

    def call(*words, init=tiny_run.path, status=0):
        result = wgan("train", *words, "--init-from", init, *SIZE, "--out", "mine")
        assert result.status == status, result.stderr
        return result

    return call


def test_gray_images_that_get_colors_are_decoded_in_gray(tiny_run):
    checkpoint = replace(load_checkpoint(tiny_run.generator_file), image=ImageShape(28, 28, 3, 0))
    source = SimpleNamespace(checkpoint=checkpoint, title="weights")
    recipe = initial_recipe(source, ["data={source: folder, path: photos, transform: colour}"])
    assert (recipe.data.image_size, recipe.data.channels) == ((28, 28), 1)


def test_new_images_in_the_shape_of_the_source(tune, tiny_run):
    photos("photos")
    Path("photos/a/notes.png").write_text("no image")
    tune("photos")
    recipe, source = RunDir(Path("mine")).read_recipe(), tiny_run.read_recipe()
    assert recipe.name == "tiny_finetuned"
    assert (recipe.data.path, recipe.data.image_size, recipe.data.channels) == (
        str(Path("photos").resolve()),
        (28, 28),
        1,
    )
    assert (recipe.model, recipe.objective, recipe.optim) == (source.model, source.objective, source.optim)
    assert recipe.data.on_bad_file == "skip"
    first = load_checkpoint("mine/checkpoints/step_00000000.pth")
    last = load_checkpoint(tiny_run.checkpoint_files()[-1])
    for name, tensor in last.networks["generator"].items():  # the EMA, and the other two
        assert torch.equal(first.networks["generator"][name], tensor)
        assert torch.equal(first.training["generator"][name], last.training["generator"][name])
    assert all(torch.equal(first.networks["critic"][name], t) for name, t in last.networks["critic"].items())
    assert not any(held["state"] for held in first.training["optimizers"].values()) and first.step == 0


def test_color_and_classes(tune, wgan):
    photos("photos")
    result = tune("photos", "--set", "data.channels=3", "--set", "model.conditional=true")
    table = {line.split()[0]: line.split()[1:] for line in result.stderr.splitlines() if line.strip()}
    assert "to_image" in " ".join(table["generator"]) and "enter.embedding" in " ".join(table["generator"])
    assert table["critic"][:3] == ["2", "1:", "body.down.0"]
    assert wgan("sample", "mine", "-n", 4, "--class", "a", "--out", "a.npz").status == 0
    assert np.load("a.npz")["images"].shape == (4, 28, 28, 3)
    facts = json.loads(wgan("inspect", "mine", "--json").stdout)["initialized_from"]
    assert facts["recipe"] == "tiny" and facts["step"] == 12 and facts["checksum"].startswith("sha256:")
    assert facts["path"].endswith("step_00000012.pth") and facts["path"] in wgan("inspect", "mine").stdout


def test_another_recipe_and_named_images(tune):
    photos("photos")
    tune("--recipe", "folder_dcgan", "--data", "photos", "--set", "data.image_size=28", "--set",
         "model.generator.channels=[8,4]", "--set", "model.critic.channels=[4,8]", "--set", "eval_every=null",
         "--set", "model.latent_dim=16", "--set", "batch_size=4")  # fmt: skip
    assert RunDir(Path("mine")).read_recipe().name == "folder_dcgan"


def test_digits_again(tune):
    tune()
    assert RunDir(Path("mine")).read_recipe().data.source == "digits"


def test_without_classes_the_source_has(tune, wgan, trainer, tmp_path):
    conditional = trainer.run(trainer.recipe("model.conditional=true", "steps=1"), tmp_path / "classes")
    photos("photos", classes="")
    assert "no classes" in tune("photos", init=conditional.path).stderr
    assert not RunDir(Path("mine")).read_recipe().model.conditional
    again = wgan("train", "photos", "--init-from", conditional.path, *SIZE, "--out", "mine", "--resume", "auto")
    assert again.status == 0 and "finished" in again.stderr


def test_a_generator_alone(tune, tiny_run, wgan):
    photos("photos")
    result = tune("photos", init=tiny_run.generator_file)
    (warning,) = [line for line in result.stderr.splitlines() if line.startswith("warning:")]
    assert str(tiny_run.generator_file) in warning and "critic" in warning
    first = load_checkpoint("mine/checkpoints/step_00000000.pth")
    theirs = load_checkpoint(tiny_run.generator_file).networks["generator"]
    assert all(torch.equal(first.training["generator"][name], tensor) for name, tensor in theirs.items())


def test_resume_needs_nothing_of_the_source(wgan, tiny_run, tmp_path):
    photos("photos")
    shutil.copytree(tiny_run.path, "source")
    words = ("--init-from", "source", "--set", "data.limit=40", "--freeze", 1, "--device", "cpu")
    for out, stop in (("whole", 6), ("parts", 3)):
        result = wgan("train", "photos", *words, "--steps", 6, "--out", out, "--stop-after", stop)
        assert result.status == 0, result.stderr
    shutil.rmtree("source")
    assert wgan("train", "--resume", "parts").status == 0
    ends = [load_checkpoint(Path(out, "checkpoints/step_00000006.pth")) for out in ("whole", "parts")]
    for role, weights in ends[0].networks.items():
        assert all(torch.equal(tensor, ends[1].networks[role][name]) for name, tensor in weights.items()), role
    kept = load_checkpoint(tiny_run.checkpoint_files()[-1]).networks["critic"]
    unequal = {name for name, tensor in ends[0].networks["critic"].items() if not torch.equal(tensor, kept[name])}
    learns = {name for name in kept if not name.startswith("body.down.0")}
    assert unequal == learns - {"head.to_score.bias"}  # which cancels out of the loss
    assert len(ends[0].training["optimizers"]["critic"]["state"]) == len(learns)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--freeze", 3), "`freeze` is 3, and the critic has 2 layers"),
        (("--freeze", 1, "--set", "model.critic.kernel=3"), "body.down.0"),
        (("--freeze", 1, "--set", "data.channels=3"), "body.down.0 of the critic was adapted"),
        (("--set", "model=mlp"), "no layer"),
        (("--resume", "RUN"), "keeps its images"),
    ],
)
def test_errors_are_two_lines(wgan, tiny_run, words, named):
    photos("photos")
    words = [tiny_run.path if word == "RUN" else word for word in words]
    result = wgan("train", "photos", "--init-from", tiny_run.path, *words, "--device", "cpu")
    assert result.status == 2 and named in result.error and result.hint
    assert not Path("runs").exists()


def test_a_resumed_run_has_its_weights(wgan, tiny_run):
    result = wgan("train", "--init-from", tiny_run.path, "--resume", tiny_run.path)
    assert result.status == 2 and "`init_from`" in result.error and result.hint


def test_frozen_layers_need_weights(wgan, tiny_run, tune):
    result = wgan("train", "--freeze", 1)
    assert result.status == 2 and "--init-from" in result.hint
    photos("photos")
    assert "has no critic" in tune("photos", "--freeze", 1, init=tiny_run.generator_file, status=2).error


@pytest.mark.parametrize("knows_its_source", [True, False])
def test_a_run_that_never_got_its_weights(wgan, tune, knows_its_source):
    tune("--freeze", 1)
    for file in Path("mine/checkpoints").iterdir():
        file.unlink()
    if not knows_its_source:
        Path("mine/environment.json").unlink()
    lost = wgan("train", "--resume", "mine")
    assert lost.status == 2 and "first checkpoint" in lost.error
    assert tune("--freeze", 1, "--resume", "auto").status == 0
    assert load_recipe("mine").steps == 2


@pytest.mark.parametrize("generator", [None, {"project.weight": 1}, {}])
def test_damaged_weights(tune, tiny_run, generator):
    found = load_checkpoint(tiny_run.checkpoint_files()[-1])
    replace(found, training={**(found.training or {}), "generator": generator}).save(Path("damaged.pth"))
    assert "damaged.pth is damaged" in tune(init="damaged.pth", status=2).error
