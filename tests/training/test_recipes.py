"""Two steps of every recipe that comes with the program, on images of noise."""

from __future__ import annotations

import pytest
import torch

from wgan_cli.data import ImageSet
from wgan_cli.recipe import Recipe, load_recipe, recipe_names
from wgan_cli.training.state import prepare

COUNT = 40


def noise(recipe: Recipe) -> ImageSet:
    """Images of the recipe's size, in ten classes."""
    size = recipe.data.image_size or (32 if recipe.data.source == "cifar10" else 28)
    channels = 1 if size == 28 else 3
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (COUNT, channels, size, size), generator=generator, dtype=torch.uint8)
    return ImageSet(pixels, torch.arange(COUNT) % 10, tuple("0123456789"), "made up")


@pytest.mark.parametrize("name", recipe_names())
def test_two_steps_of_every_recipe(name):
    path = ["data.path=photos"] if name.startswith("folder") else []
    recipe = load_recipe(name, [*path, "batch_size=2", "amp=off", "engine=eager"])
    state = prepare(recipe, noise(recipe), torch.device("cpu"), trials=False)
    for step in range(2):
        state.iterate(step)
    terms = state.iteration.terms.means()
    assert terms.keys() == state.objective.meanings.keys()
    assert all(abs(value) < 1e6 for value in terms.values()), terms  # and so no NaN
    for network in state.networks.values():
        assert all(tensor.isfinite().all() for tensor in network.state_dict().values() if tensor.is_floating_point())
