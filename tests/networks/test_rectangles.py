"""Every family on images that aren't square: shapes of all layers, and directions that aren't exchanged."""

from __future__ import annotations

import pytest
import torch
from helpers.families import FAMILIES, SIZED, small_model

from wgan_cli.errors import WganError
from wgan_cli.networks import build_network
from wgan_cli.objectives import Batch, build_objective
from wgan_cli.recipe import ImageShape, Recipe, recipe_from_dict

SIZES = [(8, 12), (28, 16), (16, 48)]
CLASSES = 3


def recipe_of(family: str, size: tuple[int, int], **model: object) -> Recipe:
    model = {**small_model(family, size, latent_dim=5), **model}
    return recipe_from_dict({"model": model, "steps": 1, "batch_size": 3}, "a test")


@pytest.mark.parametrize("condition", [None, "embedding"])
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("family", FAMILIES)
def test_networks(family, size, condition):
    labelled = {"conditional": True, "condition": condition} if condition else {}
    recipe, image = recipe_of(family, size, **labelled), ImageShape(*size, 1, CLASSES)
    torch.manual_seed(0)
    networks = {role: build_network(role, recipe, image) for role in ("generator", "critic")}
    labels = torch.tensor([0, 2, 1]) if condition else None
    z = torch.randn(3, 5)
    fake = networks["generator"](z, labels)
    assert fake.shape == (3, 1, *size) and fake.abs().max() <= 1
    assert networks["critic"](fake, labels).shape == (3,)
    for phase in build_objective(recipe, image).phases:
        loss = phase.loss(networks, Batch(z, torch.rand_like(fake), labels)).total
        assert loss.isfinite()
        loss.backward()


@pytest.mark.parametrize("family", [*SIZED, "translation"])
def test_errors_give_a_size_that_works(family):
    sides = {"data": {"a": "mnist", "b": {"source": "mnist", "transform": "invert"}}} if family == "translation" else {}
    objective = {"objective": "cyclegan"} if family == "translation" else {}
    recipe = recipe_from_dict({"model": family, "steps": 1, **sides, **objective}, "a test")
    for size in ((30, 44), (4, 600), (20, 36), (8, 512)):
        try:
            build_network("generator", recipe, ImageShape(*size, 1))
        except WganError as error:
            *_, nearest = error.hint.split("image_size=")
            height, _, width = nearest.partition("x")
            fits = (int(height), int(width or height))
            assert fits == recipe.model.nearest_size(size) and f"{size[0]}x{size[1]}" in error.message
            build_network("generator", recipe, ImageShape(*fits, 1))
        else:
            assert recipe.model.nearest_size(size) == size


@pytest.mark.parametrize(("family", "start"), [("dcgan", (8, 4, 12)), ("resnet", (8, 8, 24)), ("style", (8, 8, 24))])
def test_stages_keep_directions(family, start):
    """The right end of a wide start image changes the right end of the image alone."""
    generator = build_network("generator", recipe_of(family, (16, 48)), ImageShape(16, 48, 1)).eval()
    values = generator.start.data[0] if family == "style" else generator.project.bias.data.unflatten(0, start)
    assert values.shape == start
    z = torch.randn(1, 5)
    before = generator(z)
    values[:, :, -1] += 1
    changes = (generator(z) - before).abs()[0, 0]  # (16, 48)
    assert changes[:, 40:].amax(1).min() > 0 and changes[:, :24].max() == 0


def test_translators():
    settings = {"generator": {"channels": 4, "blocks": 1}, "critic": {"channels": [4, 8]}}
    values = {"model": {"name": "translation", **settings}, "objective": "cyclegan", "steps": 1}
    recipe = recipe_from_dict({**values, "data": {"a": "mnist", "b": "cifar10"}}, "a test")
    generator, critic = (build_network(role, recipe, ImageShape(12, 32, 3)) for role in ("generator", "critic"))
    a, b = torch.rand(2, 2, 3, 12, 32)
    assert [image.shape for image in generator(a, b)] == [a.shape, b.shape]
    assert all(scores.shape == (2, 4 * 14) for scores in critic(a, b))
