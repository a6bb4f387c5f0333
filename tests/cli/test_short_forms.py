"""Command lines as people type them: recipes and images as arguments, short options, hints about the word typed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers.same_run import assert_same_run
from PIL import Image

from wgan_cli.recipe import load_recipe, recipe_path
from wgan_cli.runs.run_dir import RunDir


def photos(folder: str, count: int = 60) -> None:
    for i in range(count):
        path = Path(folder, "ab"[i % 2], f"{i}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((32, 32, 3), 4 * i, np.uint8)).save(path)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("digits_dcgan",), "digits_dcgan: 7,000 images"),
        (("digits",), "digits_dcgan: 7,000 images"),
        (("photos/",), "training folder32_dcgan"),
        (("photos",), "--recipe NAME --data photos"),
        (("--data", "photos"), "training folder32_dcgan"),
        (("folder_dcgan", "--data", "photos"), "folder_dcgan: 60 images of 64x64x3"),
        (("digits_dcgan", "--data", "photos"), "digits_dcgan: 60 images of 28x28x3"),
        (("folder_dcgan", "photos"), "folder_dcgan: 60 images of 64x64x3"),
        (("photos", "--recipe", "folder_dcgan", "--image-size", 32), "folder_dcgan: 60 images of 32x32x3"),
        (("./digits_dcgan", "--epochs", 2), "training folder32_dcgan"),
    ],
)
def test_what_to_train(wgan, words, said):
    photos("photos")
    if "./digits_dcgan" in words:
        photos("digits_dcgan")
    result = wgan("train", *words, "--dry-run")
    assert result.status == 0 and said in result.stderr, result.stderr


def test_quiet_is_silent_about_images(wgan):
    photos("photos")
    for words in (("photos",), ("photos", "--init-from", "digits_dcgan", "--set", "data.channels=1")):
        result = wgan("train", *words, "--quiet", "--dry-run", "--device", "cpu")
        assert (result.status, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.parametrize("folder", ["null", "photos \N{CAT FACE}", "it's [here]: #1"])
def test_any_folder_name(wgan, folder):
    photos(folder)
    assert wgan("train", folder, "--dry-run").status == 0
    assert wgan("train", "digits_dcgan", "--data", folder, "--dry-run").status == 0


def test_images_of_a_run_have_moved(wgan, tiny_options):
    photos("photos")
    words = ("folder32_dcgan", "--data", "photos", *tiny_options, "--steps", 2, "--out", "mine")
    assert wgan("train", *words, "--set", "model.critic.channels=[4]", "--set", "data.image_size=8").status == 0
    Path("photos").rename("moved")
    result = wgan("train", "--resume", "mine", "--data", "moved", "--steps", 3)
    assert result.status == 0, result.stderr
    assert load_recipe("mine").data.path.endswith("moved")


def test_few_images_are_augmented_in_resumed_runs_too(wgan, tiny_options):
    photos("photos")
    words = ("--recipe", "folder32_dcgan", "--data", "photos", *tiny_options)
    small = ("--set", "model.critic.channels=[4]", "--set", "data.image_size=8")
    started = wgan("train", *words, *small, "--steps", 2, "--out", "mine")
    assert started.status == 0 and "60 images are few" in started.stderr
    assert load_recipe("mine").data.diff_augment == ("color", "translation", "cutout")
    resumed = wgan("train", *words, *small, "--steps", 3, "--resume", "mine")
    assert resumed.status == 0, resumed.stderr
    assert load_recipe("mine").data.diff_augment == ("color", "translation", "cutout")


def test_short_options_are_settings(wgan, tiny_options):
    words = ("--epochs", 0.02, "--lr", 0.003, "--batch-size", 4, "--n-critic", 2, "--gp-weight", 3, "--out", "mine")
    assert wgan("train", "digits_dcgan", *tiny_options, *words).status == 0
    recipe = load_recipe("mine/recipe.yaml")
    assert recipe.optim.generator.lr == recipe.optim.critic.lr == 0.003
    assert (recipe.batch_size, recipe.objective.n_critic, recipe.objective.gp_weight) == (4, 2, 3)
    assert recipe.steps == round(0.02 * 7000 / 8)


def test_sample_takes_a_run(wgan, tiny_run):
    assert wgan("sample", tiny_run.path, "-n", 4, "--out", "a.npy").status == 0
    assert wgan("sample", "--ckpt", tiny_run.path, "-n", 4, "--out", "b.npy").status == 0
    np.testing.assert_array_equal(np.load("a.npy"), np.load("b.npy"))


@pytest.fixture
def run_x(tiny_run, tmp_path):
    """Copy of a finished run, runs/x."""
    return Path(shutil.copytree(tiny_run.path, tmp_path / "runs/x"))


def test_second_recipe(wgan):
    result = wgan("train", "digits_dcgan", "mnist_dcgan")
    assert result.status == 2 and "digits_dcgan and mnist_dcgan" in result.error


def test_a_recipe_is_printed_as_json(wgan):
    assert json.loads(wgan("recipes", "mnist_dcgan", "--json").stdout)["data"] == {"source": "mnist"}


def test_a_recipe_file_needs_no_suffix_after_a_slash(wgan, tiny_options):
    shutil.copy(recipe_path("digits_dcgan"), "mine")
    result = wgan("train", "./mine", *tiny_options, "--dry-run")
    assert result.status == 0, result.stderr


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (("train", "--recpie", "digits_dcgan"), "no such option: --recpie", "`--recipe`"),
        (("train", "--label-smoothing", "0.1"), "no such option: --label-smoothing", "objective.label_smoothing="),
        (("train", "--ema-decy", "0.9"), "no such option: --ema-decy", "ema_decay="),
        (("tune", "--batch-size", "8"), "no such option: --batch-size", "--set batch_size="),
        (("gif", "runs/x", "--frames", "3"), "no such option: --frames", "--max-frames"),
        (("train", "--learning-rate", "0.1"), "no such option: --learning-rate", "`--lr`"),
        (("train", "--lerning-rate", "0.1"), "no such option: --lerning-rate", "`--lr`"),
        (("train", "--size", "32"), "no such option: --size", "`--image-size`"),
        (("sample", "--num_images", "32"), "no such option: --num_images", "`--count`"),
        (("evaluate", "--ckpt", "G.pth"), "no such option: --ckpt", "`wgan evaluate CKPT`"),
        (("compare", "--run", "runs/x"), "no such option: --run", "`wgan compare RUN`"),
        (("evaluate", "G.pth", "--data", "x"), "no such option: --data", "`--set data.path=PATH`"),
        (("sample", "mnist_style", "--data", "x"), "no such option: --data", "see `wgan sample --help`"),
        (("sample", "G.pth", "--format", "png"), "no such option: --format", "`--out`"),
        (("train", "--beta1", "0.5"), "no such option: --beta1", "--set 'optim.betas=[0.5,0.9]'"),
        (("train", "--weight-decay", "0.1"), "no such option: --weight-decay", "--set optim.weight_decay="),
        (("train", "--fp32"), "no such option: --fp32", "`--amp`"),
        (("train", "--num-classes", "3"), "no such option: --num-classes", "see `wgan train --help`"),
        (("train", "--manualSeed", "3"), "no such option: --manualSeed", "`--seed`"),
        (("train", "--tensorboard"), "no such option: --tensorboard", "RUN/tensorboard/"),
        (("gif", "runs/x", "--duration", "3"), "no such option: --duration", "`--seconds`"),
        (("train", "--workers", "2"), "no such option: --workers", "see `wgan train --help`"),
        (("generate", "G.pth"), "no such command: generate", "`wgan sample`"),
        (("train", "digits_dcgan", "--recipe", "mnist_mlp"), "both name a recipe", "leave out"),
        (("train", "photos", "--data", "photos"), "both name images", "leave out"),
        (("train", "digits_dcgna"), "unknown recipe 'digits_dcgna'", "digits_dcgan"),
        (("train", "mnist_mlp"), "mnist_mlp is a recipe, and also images", "./mnist_mlp"),
        (("train", "folder_cyclegan", "--data", "photos"), "needs two", "data.a.path"),
        (("sample",), "no run or checkpoint", "wgan sample "),
        (("sample", "x", "-o", "a.png"), "no such option: -o", "`--out`"),
        (("train", "--continue"), "no such option: --continue", "`--resume`"),
        (("train", "--wandb"), "no such option: --wandb", "`--track wandb`"),
        (("train", "--resume"), "--resume", "`wgan train --help`"),
        (("train", "--lr", "1e-3x"), "invalid --lr 1e-3x", "--lr 0.001"),
        (("train", "--lr", "-1"), "invalid --lr -1.0: ", "`optim.generator.lr`"),
        (("train", "--epochs", "nan"), "invalid --epochs 'nan': ", "`epochs`"),
        (("train", "--engine", "fast"), "unknown --engine 'fast'", "eager"),
        (("train", "--amp", "["), "--amp line 1: ", "fix"),
        (("tune", "--try", "optim.lr=1,2", "--best-by", "loss"), "unknown --best-by 'loss'", "fd"),
        (("train", "--recipe", "mnist"), "mnist is a data set, not a recipe", "mnist_dcgan"),
        (("train", "runs"), "runs contains no images", "`runs/x`"),
        (("compare", "runs"), "runs is a folder of 1 run", "wgan compare runs/*"),
        (("report", "runs"), "runs is a folder of 1 run", "wgan report runs/*"),
        (("train", "photo"), "unknown recipe 'photo'", "`photos`"),
        (("train", "photos/a/0.png"), "is one image", "wgan train photos/a/"),
        (("train", "nothing"), "nothing contains no images", "give a folder"),
        (("train", "notes.txt"), "notes.txt is neither", ".yaml"),
        (("train", "lr=0.001"), "lr=0.001 is a setting", "--set lr=0.001"),
        (("train", "runs/x/G.pth"), "is a checkpoint", "--resume runs/x"),
        (("train", "--resume", "runs"), "runs is a folder of 1 run", "runs/x"),
        (("train", "--resume", "runs/y"), "no run folder runs/y", "`runs/x`"),
        (("sample", "runs"), "runs is a folder of 1 run", "runs/x"),
        (("inspect", "photo"), "no run, file, folder or recipe photo", "`photos`"),
        (("inspect", "photos", "--set", "data.limit=3"), "photos isn't one", "`wgan inspect photos`"),
        (("sample", "runs/x", "--out", "grid"), "grid has no suffix", "trailing /"),
        (("gif", "photos"), "photos holds no images", "`photos/a`"),
        (("gif", "images.npz"), "isn't a folder of images", "unpack"),
        (("runs", "list"), "no folder list", "`wgan runs`"),
        (("tune", "digits_dcgan", "--try", "optim.lr=0.1"), "one candidate", "--try"),
        (("version",), "no such command: version", "`wgan --version`"),
    ],
)
def test_hints_are_about_what_was_typed(wgan, run_x, words, message, hint):
    photos("photos", 4)
    photos("mnist_mlp", 4)
    Path("nothing").mkdir()
    Path("notes.txt").write_text("nothing")
    np.savez("images.npz", images=np.zeros((2, 8, 8), np.uint8))
    result = wgan(*words)
    assert result.status == 2 and message in result.error and hint in result.hint, result.stderr


def test_stop_and_continue_equals_uninterrupted(wgan, tiny_options, tmp_path):
    words = ("digits_dcgan", *tiny_options, "--steps", 12, "--set", "optim.lr_schedule=linear")
    assert wgan("train", *words, "--out", "whole").status == 0
    assert wgan("train", *words, "--out", "mine", "--stop-after", 5).status == 0
    assert max(int(file.stem[5:]) for file in (tmp_path / "mine/checkpoints").iterdir()) == 5
    assert wgan("train", "--resume", "mine", "--stop-after", 3).status == 0
    assert wgan("train", "--resume", "mine").status == 0
    assert_same_run(RunDir(tmp_path / "mine"), RunDir(tmp_path / "whole"))


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("train --data photos --dry-run", "60 images are few"),  # and augmented
        ("train --epochs 3 --dry-run", "(3.0 epochs)"),
        ("train --lr 0.001 --batch-size 32 --dry-run", "steps of 32 images"),
        ("train photos --image-size 16 --dry-run", "16x16"),
        ("train --set optim.lr=0.001 --dry-run", "everything is valid"),
        ("runs", "runs/x"),
        ("list", "runs/x"),
        ("data photos", "32x32"),
    ],
)
def test_what_people_type(wgan, run_x, line, shown):
    """Command lines that ended in a usage error, or did something else, before they were asked for."""
    photos("photos")
    result = wgan(*line.split())
    assert result.status == 0, result.stderr
    assert shown in result.stdout + result.stderr
