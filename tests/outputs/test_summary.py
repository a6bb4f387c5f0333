from __future__ import annotations

import pytest
import torch
from helpers.families import small_model
from torch import nn

from wgan_cli import networks
from wgan_cli.data.dataset import ImageSet
from wgan_cli.outputs.summary import NetworkFacts, inspect_recipe
from wgan_cli.recipe import ImageShape, load_recipe, recipe_from_dict, recipe_names
from wgan_cli.training.build_state import build_state

SIDES = {"a": "digits", "b": {"source": "digits", "transform": "invert"}}
SHAPES = {
    "digits_dcgan": ImageShape(28, 28, 1, 10),
    "mnist_mlp": ImageShape(28, 28, 1, 10),
    "mnist_cvae_gan": ImageShape(28, 28, 1, 10),
}


@pytest.fixture(params=SHAPES)
def prepared(request):
    recipe = load_recipe(request.param, ["amp=off"])
    shape = SHAPES[request.param]
    images = torch.zeros(recipe.batch_size, shape.channels, *shape.size, dtype=torch.uint8)
    dataset = ImageSet(images, torch.zeros(len(images), dtype=torch.int64), tuple("0123456789"), "made here")
    return inspect_recipe(recipe, shape), build_state(recipe, dataset, torch.device("cpu"), tune=False)


def test_layers_in_execution_order(prepared):
    facts, state = prepared
    for network in facts.networks:
        built = state.networks[network.role]
        assert network.parameters == sum(p.numel() for p in built.parameters())
        assert network.parameters == sum(layer.parameters for layer in network.layers)
        modules = dict(built.named_modules())
        assert all(layer.name in modules for layer in network.layers)
    generator = next(network for network in facts.networks if network.role == "generator")
    assert torch.Size(generator.layers[-1].output).numel() == facts.image.pixels


def kinds(network: NetworkFacts) -> list[str]:
    """The layers of a network, without arguments."""
    words = (word for layer in network.layers for word in layer.kind.split(", "))
    return [word.partition("(")[0] for word in words]


@pytest.mark.parametrize("norm", ["spectral_norm", "weight_norm"])
@pytest.mark.parametrize("family", networks.FAMILIES)
def test_layers_have_the_names_of_torch(family, norm):
    shape = ImageShape(16, 16, 1)
    values = {"model": {"name": "translation"}, "data": SIDES, "objective": "cyclegan"}
    if family != "translation":
        values = {"model": small_model(family, 16), "objective": "gan"}
    if family not in ("sequential", "style" if norm == "weight_norm" else ""):
        values["model"]["critic"] = {**values["model"].get("critic", {}), norm: True}
    facts = inspect_recipe(recipe_from_dict({**values, "steps": 1}, "a test"), shape)
    for network in facts.networks:
        assert network.layers and {*kinds(network)} - set(dir(nn)) <= {"Noise", "BlurPool"}
        assert {"Conv2d", "Linear"} & {*kinds(network)}


@pytest.mark.parametrize("name", [name for name in recipe_names() if name.startswith("tutorial_")])
def test_layers_are_those_of_the_list(name):
    recipe = load_recipe(name)
    for network in inspect_recipe(recipe, ImageShape(28, 28, 1, 10)).networks[:2]:
        listed = [type(layer).__name__ for layer in getattr(recipe.model, network.role)]
        if network.role == "critic":
            listed[-1] = listed[-1].replace("Conv2d", "Linear")  # over the whole image
        left_out = ("Flatten", "Unflatten", "Embedding", "FromUnitRange")  # Linear flattens an image by itself
        assert [kind for kind in kinds(network) if kind not in left_out] == [x for x in listed if x not in left_out]


def test_self_attention_with_spectral_norm_lists_its_convolutions():
    model = small_model("sequential", 16)
    model["critic"].insert(2, {"spectral_norm": "SelfAttention"})
    critic = inspect_recipe(recipe_from_dict({"model": model, "steps": 1}, "a test"), ImageShape(16, 16, 1)).networks[1]
    assert kinds(critic) == ["Conv2d", "LeakyReLU", *["Conv2d"] * 4, "Flatten", "Linear"]
    assert sum(layer.parameters for layer in critic.layers) == critic.parameters - 1  # the gain


def test_activations_have_their_slopes():
    generator, critic = inspect_recipe(load_recipe("digits_dcgan"), ImageShape(28, 28, 1)).networks
    assert "ReLU" in [layer.kind for layer in generator.layers]
    assert "LeakyReLU(0.2)" in [layer.kind for layer in critic.layers]


def test_a_layer_with_spectral_norm_is_one_layer():
    settings = ["objective=hinge", "model.critic.spectral_norm={}"]
    plain, limited = (
        inspect_recipe(load_recipe("mnist_dcgan", [s.format(on) for s in settings]), ImageShape(28, 28, 1)).networks[1]
        for on in ("false", "true")
    )
    assert [(a.name, a.output, a.parameters) for a in plain.layers] == [
        (a.name, a.output, a.parameters) for a in limited.layers
    ]
    assert (plain.parameters, plain.activations) == (limited.parameters, limited.activations)
