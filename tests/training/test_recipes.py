"""Two steps of every recipe that comes with the program, on images of noise."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from wgan_cli.data import ImageSet, load_data, native_shape
from wgan_cli.recipe import Recipe, load_recipe, recipe_header, recipe_names
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.training.build_state import build_state

COUNT = 40
SMALL = ["batch_size=2", "amp=off", "engine=eager"]
WIDEST = 16  # channels


def recipe_of(name: str) -> Recipe:
    """Return the recipe as the command in its header starts it, with narrow layers."""
    settings = [*recipe_header(name)[0], *SMALL]
    model = load_recipe(name, settings).as_dict()["model"]
    for role in ("generator", "critic"):
        channels = model[role].get("channels") if isinstance(model[role], dict) else None
        if channels is not None:
            narrow = [min(WIDEST, n) for n in channels] if type(channels) is list else min(WIDEST, channels)
            settings.append(f"model.{role}.channels={narrow}")
    return load_recipe(name, settings)


def noise(settings: DataSettings, data_root: Path, *logs: object) -> ImageSet:
    """Images of the source's size."""
    if settings.path:
        settings = settings.model_copy(update={"source": "cifar10", "path": None})
    shape = native_shape(settings)
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (COUNT, shape.channels, *shape.size), generator=generator, dtype=torch.uint8)
    names = tuple(map(str, range(shape.num_classes)))
    return ImageSet(pixels, torch.arange(COUNT) % max(1, len(names)), names, "made up")


@pytest.mark.parametrize("name", recipe_names())
def test_two_steps_of_every_recipe(name, monkeypatch):
    monkeypatch.setattr("wgan_cli.data.loading.load_images", noise)
    recipe = recipe_of(name)
    dataset = load_data(recipe.data, Path("nowhere"), lambda text: None)
    state = build_state(recipe, dataset, torch.device("cpu"), tune=False)
    for step in range(2):
        state.engine(step)
    terms = state.training_step.metrics.read()[0]
    assert terms.keys() == state.objective.meanings.keys()
    assert all(abs(value) < 1e6 for value in terms.values()), terms  # and so no NaN
    for network in state.networks.values():
        assert all(tensor.isfinite().all() for tensor in network.state_dict().values() if tensor.is_floating_point())
