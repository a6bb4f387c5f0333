from __future__ import annotations

import pytest
import torch

from wgan_cli.data.dataset import ImageSet
from wgan_cli.outputs.summary import inspect_recipe
from wgan_cli.recipe import ImageShape, load_recipe
from wgan_cli.training.build_state import build_state

SHAPES = {
    "digits_dcgan": ImageShape(28, 1, 10),
    "mnist_mlp": ImageShape(28, 1, 10),
    "mnist_cvae_gan": ImageShape(28, 1, 10),
}


@pytest.fixture(params=SHAPES)
def prepared(request):
    recipe = load_recipe(request.param, ["amp=off"])
    shape = SHAPES[request.param]
    images = torch.zeros(recipe.batch_size, shape.channels, shape.size, shape.size, dtype=torch.uint8)
    dataset = ImageSet(images, torch.zeros(len(images), dtype=torch.int64), tuple("0123456789"), "made here")
    return inspect_recipe(recipe, shape), build_state(recipe, dataset, torch.device("cpu"), tune=False)


def test_layers_in_execution_order(prepared):
    facts, state = prepared
    for network in facts.networks:
        built = state.networks[network.role]
        assert network.parameters == sum(p.numel() for p in built.parameters())
        assert network.parameters == sum(layer.parameters for layer in network.layers)
        modules = dict(built.named_modules())
        assert [layer.kind for layer in network.layers] == [
            type(modules[layer.name]).__name__ for layer in network.layers
        ]
    generator = next(network for network in facts.networks if network.role == "generator")
    assert torch.Size(generator.layers[-1].output).numel() == facts.image.pixels


def test_a_layer_with_spectral_norm_is_one_layer():
    settings = ["objective=hinge", "model.critic.spectral_norm={}"]
    plain, limited = (
        inspect_recipe(load_recipe("mnist_dcgan", [s.format(on) for s in settings]), ImageShape(28, 1)).networks[1]
        for on in ("false", "true")
    )
    assert [(a.name, a.output, a.parameters) for a in plain.layers] == [
        (a.name, a.output, a.parameters) for a in limited.layers
    ]
    assert (plain.parameters, plain.activations) == (limited.parameters, limited.activations)
