"""Errors name a file with its path and say what it is, and their hints can be followed."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from wgan_cli.recipe import recipe_path


@pytest.fixture
def place(tmp_path, tiny_run):
    """The working folder with a run, and recipes and images that are damaged or something else."""
    run = Path(shutil.copytree(tiny_run.path, tmp_path / "runs/x"))
    (tmp_path / "my run").symlink_to("runs/x")
    for broken in ("y", "z"):
        shutil.copytree(run, tmp_path / "runs" / broken)
        (tmp_path / "runs" / broken / "recipe.yaml").write_text("steps: 5\nmodel: [mlp\n")
    for folder in ("empty", "photos", "my files"):
        (tmp_path / folder).mkdir()
    for name in ("movie.mp4", "x.h5", "x.pdf", "photo.heic"):
        (tmp_path / "my files" / name).write_text("something else")
    Image.new("L", (8, 8)).save(tmp_path / "photos/1.png")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/mine.yaml").write_text(recipe_path("digits_dcgan").read_text() + "bogus: 1\n")
    np.savez(tmp_path / "words.npz", images=np.array(["a", "b"]))
    whole = tiny_run.generator_file.read_bytes()
    for file in ("half.pth", "runs/x/checkpoints/step_00000001.pth"):
        (tmp_path / file).write_bytes(whole[: len(whole) // 3])
    return tmp_path


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (("inspect", "runs/y"), "runs/y/recipe.yaml line ", ""),
        (("compare", "runs/x", "runs/z"), "runs/z/recipe.yaml line ", ""),
        (("train", "--recipe", "sub/mine.yaml"), "sub/mine.yaml: unknown setting `bogus`", ""),
        (("train", "runs/y", "--data", "photos"), "runs/y/recipe.yaml line ", ""),
        (("train", "--recipe", "digits_dcgan", "--set", "model=x"), "unknown `model.name`", ""),
        (("evaluate", "empty"), "empty contains no images", "images"),
        (("train", "my files/movie.mp4"), "movie.mp4 is neither a recipe nor images", ".npz"),
        (("train", "my files/x.pdf"), "x.pdf is neither a recipe nor images", ".npz"),
        (("train", "my files/x.h5"), "my files/x.h5 is not an HDF5 file, or is damaged", "again"),
        (("inspect", "my files/x.h5"), "my files/x.h5 is not an HDF5 file, or is damaged", "again"),
        (("inspect", "photos/1.png"), "photos/1.png is one image", "photos/"),
        (("evaluate", "photos/1.png"), "photos/1.png is one image", "photos/"),
        (("export", "runs/x", "--out", "a/", "--push", "hf:a/b"), "--out and --push cannot be combined", "leave out"),
        (("export", "my run"), "either --out or --push", "wgan export 'my run' --out"),
        (("sample", "runs/x", "--from", "one.npy", "--interpolate", 4), "two or more images", "one.npy contains one"),
        (("sample", "runs/x", "--seeds", 3, "--interpolate", 4), "two or more images", "--seeds 0-3"),
        (("tune", "--out", "runs/x", "--try", "optim.lr=0.1,0.2"), "runs/x is a run, not a search", "another --out"),
        (("train", "--resume", "runs/x", "--data", "photos"), "keeps its images", "photos --init-from runs/x"),
        (("train", "--resume", "runs/x", "--data", "mnist"), "keeps its images", "mnist --init-from runs/x"),
        (("gif", "runs/x", "--colors", 8, "--out", "my x.webp"), "only for .gif, not my x.webp", "--out 'my x.gif'"),
        (("gif", "runs/x", "--seed", 3), "--seed is for walks", "remove --seed, or give a checkpoint"),
        (("gif", "runs/x", "--match", "*", "--class", 7), "--match is for images", "remove --match"),
        (("gif", "runs/x/G.pth", "--hold", 1), "--hold is for images", "remove --hold"),
        (("gif", "runs/x", "runs/y", "--grid", "1x1"), "there are runs/x and runs/y", "wgan gif runs/x"),
        (("gif", "runs/x", "runs/y", "--panel", 1), "there are runs/x and runs/y", "wgan gif runs/x"),
        (("gif", "runs/x", "--panel", 1, "--fps", 3), "--fps does not apply to --panel", "remove --fps"),
        (("gif", "my run", "runs/x", "--panel", 1), "there are my run and runs/x", "wgan gif 'my run'"),
        (("gif", "runs/x", "--out", "my x.txt"), "does not end in .gif", "--out 'my x.gif'"),
        (("project", "photos/1.png", "--ckpt", "runs/x", "--out", "my z.txt"), "not end in .npz", "--out 'my z.npz'"),
        (("compare", "runs/x", "my run", "--out", "a.html"), "not end in .png", "report runs/x 'my run' --out a.html"),
        (("train", "--out", "my run"), "my run already exists", "--resume 'my run'"),
        (("augment", "photos", "--out", "runs/x"), "runs/x already exists", "existing paths are never overwritten"),
        (("tune", "--resume", "my run", "--seed", 1), "without --seed", "wgan tune --resume 'my run'"),
        (("report", "runs/x", "--device", "cpu"), "--device is for --nearest", "add --nearest"),
        (("train", "--gpus", 2, "--device", "cuda:3"), "--device cuda:3 is one GPU", "CUDA_VISIBLE_DEVICES="),
        (("inspect", "runs/x", "photos"), "runs/x is not a set of images", "wgan inspect runs/x"),
        (("inspect", "my files", "--set", "a=1"), "--set needs a recipe", "`wgan inspect 'my files'`"),
        (("inspect", "words.npz"), "images has dtype <U1, not numbers", "uint8"),
        (("tune", "--try", "optim.lr=0.001..0.1"), "a range needs a number of candidates", "--trials 8"),
        (("train", "--recipe", "folder_dcgan", "--set", "data.path=''"), "an image path is empty", "write a path"),
    ],
)
def test_messages_name_what_was_given(wgan, place, words, message, hint):
    np.save("one.npy", np.zeros((1, latent_dim(place)), np.float32))
    result = wgan(*words)
    assert result.status == 2 and message in result.error and hint in result.hint, result.stderr


def latent_dim(place: Path) -> int:
    """Size of z of the run's generator."""
    content = torch.load(place / "runs/x/G.pth", weights_only=True)
    return content["recipe"]["model"]["latent_dim"]


@pytest.mark.parametrize(
    ("words", "unwanted"),
    [
        (("gif", "runs/x", "--panel", "steps:1", "--out", "p.gif"), ".npy"),
        (("evaluate", "runs/x", "--pairs", "x.txt"), ".npy"),
        (("inspect", "half.pth"), "resumes"),
        (("train", "--resume", "runs/x", "--lr", 0.1), "data.a."),
        (("recipes", "mnist_dcgn"), "cifar10"),
    ],
)
def test_hints_leave_out_what_does_not_apply(wgan, place, words, unwanted):
    result = wgan(*words)
    assert result.status == 2 and result.hint and unwanted not in result.hint, result.stderr
    assert len(result.hint) < 250


def test_a_damaged_checkpoint_of_a_run_costs_only_its_steps(wgan, place):
    assert "wgan train --resume runs/x " in wgan("inspect", "runs/x/checkpoints/step_00000001.pth").hint


def test_the_images_of_a_resumed_run_may_be_named_again(wgan, place):
    assert wgan("train", "--resume", "runs/x", "--data", "digits", "--device", "cpu", "--dry-run").status == 0


def test_one_image_is_singular(wgan, place):
    result = wgan("sample", "runs/x", "-n", 1)
    assert result.status == 0 and "1 image of" in result.stderr
