"""Small generators of every kind that a page is made for."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from wgan_cli.cli import app
from wgan_cli.explore.source import Source
from wgan_cli.recipe import load_recipe
from wgan_cli.runs.run_dir import RunDir

STYLED = (
    "model={name: style, latent_dim: 6, style_dim: 5, conditional: true, generator: {channels: [6, 4, 4], "
    "mapping_layers: 2}, critic: {channels: [4, 4, 6], dense: [4]}}",
    "objective={name: gan, r1_weight: 1}",
    *("batch_size=8", "ema_decay=0.5", "amp=off", "log_every=2", "sample_every=2", "sample_grid=3", "eval_every=null"),
)
TRANSLATING = (
    "data.a={source: digits, limit: 40}", "data.b={source: digits, limit: 40, transform: invert}",
    "model.generator.channels=4", "model.generator.blocks=1", "model.critic.channels=[4,5]", "batch_size=2",
    "log_every=2", "sample_every=2", "sample_grid=2", "amp=off", "eval_every=null",
)  # fmt: skip


@pytest.fixture(scope="session")
def styled_run(tmp_path_factory, trainer) -> RunDir:
    """A run of a generator with styles and classes."""
    recipe = load_recipe("digits_dcgan", [*STYLED, "steps=4"])
    return trainer.run(recipe, tmp_path_factory.mktemp("styled") / "run")


@pytest.fixture(scope="session")
def translating_run(tmp_path_factory) -> RunDir:
    folder = tmp_path_factory.mktemp("translating") / "run"
    settings = (word for setting in (*TRANSLATING, "steps=2") for word in ("--set", setting))
    words = ("--device", "cpu", "--quiet", "--out", str(folder))
    assert app.run(["train", "--recipe", "mnist_cyclegan", *settings, *words]) == 0
    return RunDir(folder)


@pytest.fixture
def own_run(tiny_run, tmp_path) -> RunDir:
    """A copy of the finished run, to change."""
    return RunDir(Path(shutil.copytree(tiny_run.path, tmp_path / "own")))


@pytest.fixture
def source():
    """A run's or a file's generator, on the CPU."""
    return lambda path: Source(Path(path), torch.device("cpu"))
