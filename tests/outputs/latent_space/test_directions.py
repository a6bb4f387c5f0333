"""Principal directions: closed forms, and the weights of each family."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.families import small_model
from torch import nn

from wgan_cli.errors import WganError
from wgan_cli.networks import build_network
from wgan_cli.outputs.latent_space.directions import directions_of, principal_directions
from wgan_cli.outputs.latent_space.styles import Truncated
from wgan_cli.recipe import ImageShape, load_recipe, recipe_from_dict
from wgan_cli.recipe.model_settings import ModelSettings
from wgan_cli.recipe.settings import classes_of

IMAGE = ImageShape(8, 8, 1, 3)
MODELS = {
    "mlp": {"name": "mlp", "generator": {"widths": [7, 9]}},
    "dcgan": {"name": "dcgan", "generator": {"channels": [6, 4]}, "critic": {"channels": [4]}},
    "resnet": {"name": "resnet", "generator": {"channels": [6, 4]}, "critic": {"channels": [4], "halvings": 1}},
    "style": {"name": "style", "style_dim": 6, "generator": {"channels": [5, 4], "styling": "demodulate"}},
    "adain": {"name": "style", "style_dim": 6, "generator": {"channels": [5, 4], "styling": "adain"}},
}


def generator_of(name: str, **more: object) -> nn.Module:
    torch.manual_seed(0)
    recipe = recipe_from_dict({"model": {"latent_dim": 5, **MODELS[name], **more}, "steps": 1}, "a test")
    return build_network("generator", recipe, IMAGE).eval().requires_grad_(False)


def test_diagonal_matrix():
    found = principal_directions(torch.diag(torch.tensor([1.0, -3.0, 2.0])), count=3)
    np.testing.assert_allclose(found, [[0, 1, 0], [0, 0, 1], [1, 0, 0]], atol=1e-7)
    found = principal_directions(torch.tensor([[3.0, -4.0]]), count=1)
    np.testing.assert_allclose(found, [[-0.6, 0.8]], atol=1e-7)  # of the two, the one whose 0.8 is positive


def test_orthonormal_and_maximal():
    weight = torch.randn(20, 12, generator=torch.Generator().manual_seed(0))
    found = principal_directions(weight, count=12)
    np.testing.assert_allclose(found @ found.T, np.eye(12), atol=1e-6)
    answers = np.linalg.norm(weight.numpy() @ found.T, axis=0)
    assert (np.diff(answers) <= 0).all()
    others = np.random.default_rng(0).standard_normal((12, 5000))
    assert np.linalg.norm(weight.numpy() @ (others / np.linalg.norm(others, axis=0)), axis=0).max() < answers[0]
    # Among those at right angles to the first, none answers more than the second.
    others -= np.outer(found[0], found[0] @ others)
    assert np.linalg.norm(weight.numpy() @ (others / np.linalg.norm(others, axis=0)), axis=0).max() < answers[1]


@pytest.mark.parametrize("classes", [False, True])
@pytest.mark.parametrize("name", ["mlp", "dcgan", "resnet"])
def test_first_weight(name, classes):
    network = generator_of(name, conditional=classes)
    seen = []
    first = network.body[0] if name == "mlp" else network.project
    first.register_forward_hook(lambda module, inputs, output: seen.append(output.flatten(1)))
    z, labels = torch.randn(3, 5), torch.tensor([0, 1, 2]) if classes else None
    step = torch.randn(3, 5)
    network(z, labels), network(z + step, labels)
    torch.testing.assert_close(seen[1] - seen[0], step @ network.first_weight().T, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["style", "adain"])
def test_first_weight_of_styles(name):
    network = generator_of(name)
    seen = []
    of_images = [to_image.style for to_image in network.to_image]
    views = [v for layer in network.layers for v in ([layer.gain, layer.shift] if name == "adain" else [layer.style])]
    for view in (*views, *of_images):
        view.register_forward_hook(lambda module, inputs, output: seen.append((id(module), output)))
    w, step = torch.randn(2, 6), torch.randn(2, 6)
    network.synthesis(network.broadcast(w))
    before = dict(seen)
    seen.clear()
    network.synthesis(network.broadcast(w + step))
    change = torch.cat([dict(seen)[id(view)] - before[id(view)] for view in (*views, *of_images)], 1)
    weight = network.first_weight()
    assert weight.shape == (change.shape[1], 6)
    torch.testing.assert_close(change, step @ weight.T, rtol=1e-4, atol=1e-5)
    assert Truncated(network, 0.5).first_weight() is not None


@pytest.mark.parametrize("name", [name for name, own in classes_of(ModelSettings).items() if not own.translates])
def test_every_latent_family_has_directions(name):
    recipe = recipe_from_dict(
        {"model": small_model(name, IMAGE.height, IMAGE.channels, latent_dim=5), "steps": 1}, "a test"
    )
    found = directions_of(build_network("generator", recipe, IMAGE), count=4)
    assert found.shape[0] == 4 and np.isfinite(found).all()


def test_translator_has_no_directions():
    settings = ("model.generator.channels=4", "model.generator.blocks=1", "model.critic.channels=[4,5]")
    recipe = load_recipe("mnist_cyclegan", settings)
    with pytest.raises(WganError, match="no latent vector") as refused:
        directions_of(build_network("generator", recipe, ImageShape(28, 28, 1)), count=4)
    assert "noise" in refused.value.hint
