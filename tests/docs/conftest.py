"""A folder with what the pages assume, and a reader of their code."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.doc_pages import SMALL, Reader
from helpers.mnist_files import small_set, write_files
from PIL import Image
from torch import nn

from wgan_cli.recipe import apply_settings, load_recipe, recipe_names, recipe_path
from wgan_cli.recipe.yaml import dump_yaml

CIFAR10 = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


@pytest.fixture(scope="session")
def small_recipes(tmp_path_factory) -> Path:
    """The packaged recipes with narrow networks, small batches and few critic steps, and with photos to train on."""
    folder = tmp_path_factory.mktemp("recipes")
    for name in recipe_names():
        paths = ["data.a.path=photos", "data.b.path=paintings"] if "cyclegan" in name else ["data.path=photos"]
        whole = load_recipe(name, paths if name.startswith("folder") else [])
        settings = [*SMALL, *(["objective.n_critic=1"] if hasattr(whole.objective, "n_critic") else [])]
        if whole.translates:
            settings += ["model.generator.channels=4", "model.generator.blocks=1", "model.critic.channels=[4,4]"]
        for role in ("generator", "critic"):
            channels = getattr(getattr(whole.model, role), "channels", None)
            if isinstance(channels, tuple) and not whole.translates:
                settings.append(f"model.{role}.channels={[4] * len(channels)}")
        small = apply_settings(whole.as_dict(), settings, name).as_dict()
        first_line = recipe_path(name).read_text(encoding="utf-8").partition("\n")[0]
        (folder / f"{name}.yaml").write_text(f"{first_line}\n{dump_yaml(small)}", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def own_files(tmp_path_factory, tiny_run) -> Path:
    """A folder with a run of digits_dcgan, small data sets, two folders of images and a foreign state_dict."""
    own = tmp_path_factory.mktemp("own")
    shutil.copytree(tiny_run.path, own / "runs" / "digits_dcgan")
    for name in ("MNIST", "FashionMNIST"):
        write_files(own / "data" / name / "raw", small_set(seed=len(name)))
    random = np.random.default_rng(0)
    folders = [f"data/cifar10/{part}/{name}" for part in ("train", "test") for name in CIFAR10]
    for folder in (*folders, "photos/cat", "photos/dog", "paintings"):
        (own / folder).mkdir(parents=True)
        for number in range(3 if "cifar10" in folder else 12):
            pixels = random.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(own / folder / f"{number:04d}.jpg")
    widths = (100, 128, 256, 512, 1024)
    layers = [layer for a, b in zip(widths, widths[1:], strict=False) for layer in (nn.Linear(a, b), nn.LeakyReLU(0.2))]
    torch.save(nn.Sequential(*layers, nn.Linear(1024, 784), nn.Tanh()).state_dict(), own / "theirs.pth")
    return own


@pytest.fixture
def reader(wgan, wgan_process, own_files, features_root, small_recipes, tmp_path, monkeypatch) -> Reader:
    """In a copy of `own_files`."""
    monkeypatch.setattr("wgan_cli.recipe.recipe_files._FOLDER", small_recipes)
    monkeypatch.setattr("wgan_cli.evaluation.classifier.MAX_IMAGES", 640)
    monkeypatch.setattr("wgan_cli.evaluation.evaluate.MAX_IMAGES", 100)
    monkeypatch.setattr("matplotlib.use", lambda *_: None)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    shutil.copytree(own_files, tmp_path, dirs_exist_ok=True)
    shutil.copytree(features_root, tmp_path / "data", dirs_exist_ok=True)
    monkeypatch.setenv("WGAN_DATA", str(tmp_path / "data"))
    return Reader(tmp_path, wgan, wgan_process)
