"""`wgan sample --reconstruct`, and what the other commands say of a run with an encoder."""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.pictures import size
from PIL import Image

from wgan_cli.cli.evaluating import subjects
from wgan_cli.runs.checkpoint import load_checkpoint
from wgan_cli.runs.run_dir import RunDir

CELL = 30  # pixels of an image and its padding


@pytest.fixture(scope="module")
def run(tmp_path_factory, trainer) -> RunDir:
    recipe = trainer.recipe("objective=cvae_gan", "model.conditional=true", "data.split=train", "steps=4")
    return trainer.run(recipe, tmp_path_factory.mktemp("cvae") / "cvae")


@pytest.fixture
def sample(wgan, run, features_root):
    words = ("sample", "--ckpt", run.path, "--device", "cpu", "--data-root", features_root)
    return lambda *more: wgan(*words, *more)


@pytest.fixture
def photos(tmp_path) -> str:
    (tmp_path / "photos").mkdir()
    for number, mode in enumerate(("RGB", "L", "P")):
        Image.new(mode, (40 + number, 33), 90).save(tmp_path / "photos" / f"{number}.png")
    (tmp_path / "photos" / "note.txt").write_text("no picture")
    return "photos"


def test_pairs_of_held_out_images(sample):
    done = sample("--reconstruct", 8, "--out", "pairs.png")
    assert done.status == 0, done.stderr
    assert done.stderr == "8 images of digits test with their reconstructions, from step 4 of tiny: pairs.png\n"
    assert size("pairs.png") == (6 * (2 * 28 + 2) + 2, 2 * CELL + 2)
    assert sample("--reconstruct", 8, "--rows", 4, "--out", "rows.png").status == 0
    assert size("rows.png") == (2 * (2 * 28 + 2) + 2, 4 * CELL + 2)


def test_seed_selects_real_images(sample):
    arrays = []
    for seed in (0, 0, 1):
        assert sample("--reconstruct", 3, "--seed", seed, "--out", "some.npy", "--force").status == 0
        arrays.append(np.load("some.npy"))
    assert arrays[0].shape == (3, 28, 56, 1)
    assert np.array_equal(arrays[0], arrays[1]) and not np.array_equal(arrays[0], arrays[2])
    assert arrays[0][:, :, :28].max() == 255, "a real digit"


def test_classes_and_interpolation(sample):
    assert sample("--reconstruct", 3, "--class", "0-9", "--out", "classes.png").status == 0
    assert size("classes.png") == (11 * 28 + 4, 3 * CELL + 2)
    assert sample("--reconstruct", 3, "--interpolate", 5, "--out", "walk/").status == 0
    assert [size(f"walk/0000{n}.png") for n in range(2)] == 2 * [(7 * 28, 28)] and len(os.listdir("walk")) == 2
    done = sample("--reconstruct", 3, "--interpolate", 5, "--class", "4", "--out", "walk.png")
    assert "interpolated in 5 steps, as 4, from step 4" in done.stderr


def test_classes_that_have_changed(wgan, run, tmp_path, features_root):
    """Labels would mean other classes than in training."""
    copy = RunDir(Path(shutil.copytree(run.path, tmp_path / "copy")))
    names = (*"1234567890",)
    replace(load_checkpoint(copy.generator_file), class_names=names).save(copy.generator_file)
    for words in (("sample", "copy", "--reconstruct", 3), ("report", "copy", "--nearest")):
        refused = wgan(*words, "--device", "cpu", "--data-root", features_root)
        assert refused.status == 2 and "copy" in refused.error
        assert refused.error.endswith("was trained on 1, 2, 3, 4, 5, 6, 7, 8, 9, 0")


def test_folder_without_classes(sample, photos):
    done = sample("--reconstruct", photos, "--out", "mine.png")
    assert done.status == 0, done.stderr
    assert "skipped 1 file" in done.stderr and "the run's own classifier predicts" in done.stderr
    assert "3 images of photos with their reconstructions" in done.stderr
    assert sample("--reconstruct", photos, "-n", 2, "--out", "two.npy").status == 0
    assert np.load("two.npy").shape == (2, 28, 56, 1)


def test_folder_with_classes(sample, photos):
    for name in ("7", "1"):
        os.makedirs(f"sorted/{name}")
        shutil.copy("photos/1.png", f"sorted/{name}/same.png")
    done = sample("--reconstruct", "sorted", "--out", "sorted.npy")
    assert done.status == 0 and "classifier" not in done.stderr
    one, seven = np.load("sorted.npy")
    assert np.array_equal(one[:, :28], seven[:, :28]) and not np.array_equal(one[:, 28:], seven[:, 28:])


@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        (("--reconstruct", 0), "--reconstruct 0", "use 1 to "),
        (("--reconstruct", "99999999999"), "--reconstruct 999999999", "or a folder"),
        (("--reconstruct", "none"), "--reconstruct none", "--reconstruct 8"),
        (("--reconstruct", 3, "-n", 4), "-n and --reconstruct", "remove -n"),
        (("--reconstruct", 3, "--seeds", "0-4"), "--seeds", "remove --seeds"),
        (("--reconstruct", 3, "--truncation", 0.5), "--truncation", "remove --truncation"),
        (("--reconstruct", 3, "--entry", "ema"), "--entry cannot be combined", "remove --entry"),
        (("--reconstruct", "photos", "--seed", 3), "--seed chooses held-out images", "remove --seed"),
        (("--reconstruct", 3, "--rows", 2, "--out", "new/"), "--rows arranges a grid", "remove --rows"),
        (("--reconstruct", 3, "--class", "11"), "--class: unknown class '11'", "classes: 0, 1"),
        (("--reconstruct", 1, "--interpolate", 4), "--interpolate", "--reconstruct 2"),
    ],
)
def test_invalid_options(sample, words, error, hint):
    refused = sample(*words)
    assert refused.status == 2
    assert refused.error.startswith(error) and hint in refused.hint


def test_generator_without_encoder(wgan, tiny_run):
    refused = wgan("sample", "--ckpt", tiny_run.path, "--reconstruct", 3, "--device", "cpu")
    assert (refused.status, refused.error) == (2, "tiny has no encoder, which --reconstruct needs")
    refused = wgan("evaluate", tiny_run.path, "--metrics", "reconstruction", "--device", "cpu")
    assert refused.error == "--metrics reconstruction needs a model with an encoder"
    assert "mnist_cvae_gan" in refused.hint


def test_evaluate_reconstruction(wgan, run, features_root, monkeypatch):
    words = ("evaluate", run.path, "--data-root", features_root, "--device", "cpu", "-n", 50)
    shown = wgan(*words, "--metrics", "reconstruction")
    assert shown.status == 0, shown.stderr
    share = r"\d+\.\d%"
    assert re.fullmatch(
        r"reconstructions of 50 images \(digits test\): root mean square error 0\.\d{4} for pixels from 0 to 1; "
        rf"{share} keep their class \(originals: {share}\)\n",
        shown.stdout,
    )
    assert "reconstructions of 50 images" in wgan(*words).stdout, "unasked as well"
    made = []
    make = subjects.make_features
    monkeypatch.setattr(subjects, "make_features", lambda *args: made.append(args) or make(*args))
    found = json.loads(wgan(*words, "--metrics", "reconstruction,agreement", "--json").stdout)
    assert len(made) == 1, "the classifier serves both kinds of metrics"
    assert found["reconstruction"]["count"] == 50 and 0 < found["reconstruction"]["error"] < 1
    assert not found["reconstruction"]["seen_by_generator"]
    assert 0 <= found["generated"]["agreement"] <= 1


def test_other_commands(wgan, run):
    shown = wgan("inspect", run.generator_file).stdout
    assert "encoder" in shown and "classifier" in shown
    assert "encoder_loss" in wgan("inspect", run.path).stdout
    assert wgan("gif", run.generator_file, "--max-frames", 16, "--out", "walk.gif", "--device", "cpu").status == 0
    assert wgan("sample", "--ckpt", run.path, "--class", "0-9", "-n", 2, "--device", "cpu").status == 0
    resumed = wgan("train", "--resume", run.path, "--steps", 5, "--device", "cpu")
    assert resumed.status == 0 and "pixel_pairs" in resumed.stderr
