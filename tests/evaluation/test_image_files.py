"""Generated images in files: what they are compared with, and in which shape."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from wgan_cli.data.dataset import ImageSet
from wgan_cli.errors import WganError
from wgan_cli.evaluation.image_files import labels_among, survey_generated
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.runs.run_dir import RunDir

FOLDER = ("--device", "cpu", "--data-root", "root")


def write_images(folder: str, count: int, size: tuple[int, int] = (12, 12), mode: str = "L") -> None:
    random = np.random.default_rng(len(folder))
    Path(folder).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        noise = random.integers(0, 256, (*size[::-1], 3), np.uint8)
        Image.fromarray(noise).convert(mode).save(f"{folder}/{number:03}.png")


def scores(wgan, *words) -> dict:
    result = wgan("evaluate", *words, "--json")
    assert result.status == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize("form", ["folder", "zip", "npz"])
def test_files_of_a_generator_score_as_the_generator(wgan, tiny_run, features_root, form):
    """The pixels of files have 8 bits, and so have those that a generator is evaluated on: the scores are equal."""
    common = ("--device", "cpu", "--data-root", features_root)
    path = {"folder": "made/", "zip": "made.zip", "npz": "made.npz"}[form]
    sampled = wgan("sample", tiny_run.path, "-n", 60, "--out", "made/" if form == "zip" else path, "--device", "cpu")
    assert sampled.status == 0
    if form == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name in os.listdir("made"):
                archive.write(f"made/{name}", name)
    ours = scores(wgan, tiny_run.path, "-n", 60, *common)
    for against in ("digits", tiny_run.path):
        theirs = scores(wgan, path, "--against", against, *common)
        assert (theirs["images"], theirs["against"]) == (path.rstrip("/"), str(against))
        for name in ("features", "compared_with", "generated", "real"):
            assert theirs[name] == ours[name]
        assert theirs["held_out"] == {"name": ours["held_out"]["name"], "seen_by_generator": None}


def test_classes_of_files(wgan, trainer, tmp_path, features_root):
    run = trainer.run(trainer.recipe("model.conditional=true", "steps=2"), tmp_path / "run")
    common = ("--device", "cpu", "--data-root", features_root)
    for out in ("made/", "made.npz"):
        assert wgan("sample", run.path, "--class", "0-9", "-n", 3, "--out", out, "--device", "cpu").status == 0
        found = scores(wgan, out, "--against", "digits", "--metrics", "agreement,fd", *common)
        assert found["generated"]["count"] == 30
        assert found["generated"]["agreement_by_class"].keys() == set("0123456789")
    os.rename("made/3", "made/three")
    refused = wgan("evaluate", "made", "--against", "digits", "--metrics", "agreement", *common)
    assert refused.status == 2 and "--metrics agreement needs the classes of made" in refused.error
    shown = wgan("evaluate", "made", "--against", "digits", *common)
    assert "note: agreement needs the classes of made" in shown.stderr and "agreement" not in shown.stdout
    assert "reconstruction, cas, augmentation need a generator" in shown.stderr


def test_against_a_folder(wgan):
    write_images("real", 60, (24, 20), "RGB")
    write_images("made", 15)
    Path("made/000.txt").write_text("no image")
    shown = wgan("evaluate", "made", "--against", "real", "--pairs", "pairs.png", *FOLDER)
    assert shown.status == 0, shown.stderr
    assert "12 images: 20% of real" in shown.stdout and "FD " in shown.stdout
    assert "note: using 12 of 15 images; -n 15 uses all" in shown.stderr
    assert "12 images" in shown.stdout.splitlines()[1] and "000.txt (not an image)" in shown.stderr
    assert "random-folder-12x12x3" in shown.stdout
    with Image.open("pairs.png") as pairs:
        assert pairs.size[0] > 8 * 2 * 12
    assert scores(wgan, "made", "--against", "real", "-n", 15, *FOLDER)["generated"]["count"] == 15
    same = scores(wgan, "real", "--against", "real", "--metrics", "fd,memorization", "-n", 60, *FOLDER)
    assert same["generated"]["memorization"] > 0.5


def test_sizes_and_channels(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_images("made", 12, (20, 16), "RGB")
    write_images("made/other", 3, (28, 28), "RGB")
    said: list[str] = []
    found = survey_generated(Path("made"), DataSettings.model_validate({"source": "mnist"}), None, said.append)
    assert (found.count, found.data.image_size) == (15, (16, 20))
    assert len(said) == 3
    for dtype in (torch.uint8, torch.int16):
        like = ImageSet(torch.zeros(2, 1, 16, 20, dtype=dtype), torch.zeros(2), (), "real")
        images = found.load(7, like, Path("root"), said.append).images
        assert (images.shape, images.dtype) == ((7, 1, 16, 20), dtype)
    fixed = DataSettings.model_validate({"source": "mnist", "image_size": 28})
    assert survey_generated(Path("made"), fixed, None, said.append).data.image_size == (28, 28)


@pytest.mark.parametrize(
    ("chosen", "brightest", "white"),
    [
        ((0.0, 1.0), 65535, 65535),
        ((-1.0, 1.0), 60000, 60000),
        ((0.0, 4095.0), 4095, 65535),
        ((0.0, 4095.0), 4200, 65535),
    ],
)
def test_16_bits_next_to_real_images_in_another_range(tmp_path, chosen, brightest, white):
    (tmp_path / "made").mkdir()
    values = np.linspace(0, brightest, 144).astype(np.uint16).reshape(12, 12)
    for number in range(12):
        Image.fromarray(values).save(tmp_path / f"made/{number}.png")
    data = DataSettings(source="folder", path=str(tmp_path / "made"), range=chosen)
    said: list[str] = []
    found = survey_generated(tmp_path / "made", data, None, said.append)
    like = ImageSet(torch.zeros(2, 1, 12, 12, dtype=torch.int16), torch.zeros(2), (), "real")
    images = found.load(12, like, tmp_path / "root", said.append).images.int() + 32768
    assert (int(images.min()), int(images.max())) == (0, white)
    assert (images == 65535).float().mean() < 0.1
    assert any("65535 become black to white" in line for line in said) == (chosen[1] == 1), said


def test_labels_by_name():
    classes = ("T-shirt/top", "Bag", "Bag ")
    images = ImageSet(torch.zeros(4, 1, 8, 8), torch.tensor([0, 1, 1, 2]), ("Bag", "T-shirt-top", "Bag 2"), "made")
    labels = labels_among(images, classes)
    assert labels is not None and labels.tolist() == [1, 0, 0, 2]
    assert labels_among(images, classes[:2]) is None
    assert labels_among(ImageSet(images.images, images.labels, (), "made"), classes) is None


@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        (("made",), "made holds images", "--against mnist"),
        (("made", "--against", "nowhere"), "nowhere", ""),
        (("made", "--against", "mnist_cyclegan"), "mnist_cyclegan has two sides", ""),
        (("few", "--against", "digits"), "few holds 3 usable images", "10 or more"),
        (("made", "--against", "digits", "-n", 13), "-n 13 is more than the 12 images of made", "-n 12"),
        (("made", "--against", "digits", "--seed", 0), "--seed is for generators", "remove --seed"),
        (("made", "--against", "digits", "--recipe", "mnist_mlp"), "--recipe is for generators", "remove --recipe"),
        (("made", "--against", "digits", "--metrics", "fd,cas"), "--metrics cas needs a generator", "checkpoint"),
        (("made", "--against", "digits", "--metrics", "reconstruction"), "reconstruction needs a generator", ""),
        (("RUN", "--against", "digits"), "--against is for images", "leave out --against"),
    ],
)
def test_invalid_options(wgan, tiny_run: RunDir, words, error, hint):
    write_images("made", 12)
    write_images("few", 3)
    refused = wgan("evaluate", *(tiny_run.path if word == "RUN" else word for word in words), *FOLDER)
    assert (refused.status, refused.stdout) == (2, ""), refused.stderr
    assert error in refused.error and hint in refused.hint


def test_too_few_images(tmp_path):
    with pytest.raises(WganError, match="contains no|no file or folder"):
        survey_generated(tmp_path / "gone", DataSettings.default(), None, print)
