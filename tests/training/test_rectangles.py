"""Runs on images that aren't square, for every family: resumed exactly, and sampled in the right shape."""

from __future__ import annotations

import copy

import pytest
import torch
from helpers.families import FAMILIES, small_model

from wgan_cli.data import ImagePair, ImageSet
from wgan_cli.outputs.grid import grid_tensor
from wgan_cli.outputs.sampling import generate, sample_latents
from wgan_cli.recipe import Recipe, recipe_from_dict
from wgan_cli.runs.checkpoint import load_checkpoint
from wgan_cli.training.build_state import build_state
from wgan_cli.training.state import TrainingState

CPU = torch.device("cpu")
HEIGHT, WIDTH = 8, 12


def images(seed: int = 1) -> ImageSet:
    noise = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 256, (24, 1, HEIGHT, WIDTH), generator=noise, dtype=torch.uint8)
    return ImageSet(pixels, torch.arange(24) % 3, ("a", "b", "c"), "made up")


def recipe_of(**changes: object) -> Recipe:
    augment = {"mirror": True, "random_crop": 2}
    values = {"batch_size": 4, "steps": 9, "amp": "off", "engine": "eager", "data": {"augment": augment}, **changes}
    return recipe_from_dict(values, "a test")


def run(state: TrainingState, steps: int) -> TrainingState:
    for _ in range(steps):
        state.engine(state.step)
        state.step += 1
    return state


def assert_resumes(recipe: Recipe, dataset: ImageSet | ImagePair, folder) -> TrainingState:
    whole = run(build_state(recipe, dataset, CPU), 4)
    half = run(build_state(recipe, dataset, CPU), 2)
    copy.deepcopy(half.full_checkpoint()).save(folder / "half.pth")
    saved = load_checkpoint(folder / "half.pth")
    assert saved.image.size == (HEIGHT, WIDTH)
    resumed = build_state(recipe, dataset, CPU)
    resumed.restore(saved)
    run(resumed, 2)
    for role, network in whole.networks.items():
        torch.testing.assert_close(resumed.networks[role].state_dict(), network.state_dict(), rtol=0, atol=0)
    return resumed


@pytest.mark.parametrize("family", FAMILIES)
def test_generators(family, tmp_path):
    model = {**small_model(family, (HEIGHT, WIDTH), latent_dim=4), "conditional": True, "condition": "embedding"}
    recipe = recipe_of(model=model)
    state = assert_resumes(recipe, images(), tmp_path)
    labels = torch.tensor([0, 1, 2, 0]).numpy()
    (samples,) = generate(state.ema.network.eval(), sample_latents(4, 4, seed=0), labels=labels)
    assert samples.shape == (4, 1, HEIGHT, WIDTH) and samples.dtype == torch.uint8
    assert grid_tensor(samples, columns=2).shape == (3, 2 * HEIGHT + 6, 2 * WIDTH + 6)


def test_autoencoder(tmp_path):
    model = {**small_model("dcgan", (HEIGHT, WIDTH), latent_dim=4), "conditional": True}
    state = assert_resumes(recipe_of(model=model, objective="cvae_gan"), images(), tmp_path)
    mean, _ = state.networks["encoder"](torch.zeros(2, 1, HEIGHT, WIDTH), torch.tensor([0, 1]))
    assert mean.shape == (2, 4)


def test_translators(tmp_path):
    sides = {"a": "digits", "b": {"source": "digits", "transform": "invert"}}
    small = {"generator": {"channels": 2, "blocks": 1, "halvings": 1}, "critic": {"channels": [2, 3]}}
    recipe = recipe_of(
        model={"name": "translation", **small}, objective={"name": "cyclegan", "pool_size": 3}, data=sides
    )
    state = assert_resumes(recipe, ImagePair(images(1), images(2)), tmp_path)
    assert state.objective.state.pool_a.images.shape == (3, 1, HEIGHT, WIDTH)
