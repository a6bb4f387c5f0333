"""Layer lists in recipes: the forms that are accepted, and errors that name the layer."""

from __future__ import annotations

from typing import Any

import pytest

from wgan_cli.errors import WganError
from wgan_cli.recipe import Recipe, load_recipe, recipe_from_dict
from wgan_cli.recipe.yaml import dump_yaml, parse_yaml

TANH = [{"Linear": 784}, "Tanh"]


def recipe_of(generator: Any = TANH, critic: Any = ({"Linear": 1},), **more: Any) -> Recipe:
    model = {"name": "sequential", "generator": generator, "critic": list(critic), **more.pop("model", {})}
    return recipe_from_dict({"model": model, "steps": 1, **more}, "a test")


@pytest.mark.parametrize(
    "forms",
    [
        [{"Conv2d": [64, 4, 2, 1]}, {"Conv2d": {"out_channels": 64, "kernel_size": 4, "stride": 2, "padding": 1}}],
        [{"Conv2d": {"out_channels": 8, "kernel_size": 3, "padding": 1, "bias": False}},
         {"Conv2d": [8, 3, "padding=1", "bias=False"]}, {"Conv2d": [8, [3, 3], {"padding": [1, 1]}, {"bias": False}]}],
        [{"LeakyReLU": [0.2, "inplace=True"]}, {"LeakyReLU": 0.2}, {"LeakyReLU": [0.2]},
         {"LeakyReLU": {"negative_slope": 0.2, "inplace": True}}],
        [{"Linear": 6272}, {"Linear": "128*7*7"}, {"Linear": ["128 * 7 * 7"]}],
        ["Flatten", {"Flatten": 1}, {"Flatten": {"start_dim": 1}}],
        [{"BatchNorm2d": 0.8}, {"BatchNorm2d": {"eps": 0.8}}],
        ["ReLU", {"ReLU": True}],
        [{"Dropout2d": 0.2}, {"Dropout2d": [0.2, True]}, {"Dropout2d": {"p": 0.2, "inplace": True}}],
        ["BatchNorm2d", {"BatchNorm2d": None}, {"BatchNorm2d": {}}, {"BatchNorm2d": []}],
        [{"Unflatten": [128, 7, 7]}, {"Unflatten": [1, [128, 7, 7]]}, {"Unflatten": {"unflattened_size": [128, 7, 7]}},
         {"Unflatten": {"dim": 1, "unflattened_size": [128, 7, 7]}}],
        [{"Conv2d": {"out_channels": 8, "kernel_size": 3, "spectral_norm": True}},
         {"spectral_norm": {"Conv2d": [8, 3]}}],
        [{"SelfAttention": {"spectral_norm": True}}, {"spectral_norm": "SelfAttention"}],
    ],
)  # fmt: skip
def test_equal_forms(forms):
    first, *others = (recipe_of([form, "Tanh"]).model.generator[0] for form in forms)
    assert all(other == first for other in others)


def test_written_recipe_is_read_back():
    recipe = load_recipe("tutorial_cvae_gan", ["data=digits"])
    assert recipe_from_dict(parse_yaml(dump_yaml(recipe.as_dict()), "a test"), "a test") == recipe
    assert "- Conv2d: {out_channels: 16, kernel_size: 3, stride: 2, padding: 1}\n" in dump_yaml(recipe.as_dict())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"generator": [*TANH, "Foo"]}, ("`model.generator` layer 2", "'Foo'", "Conv2d")),
        ({"generator": [{"conv2d": 3}, "Tanh"]}, ("layer 0", "did you mean `Conv2d`?")),
        ({"generator": [*TANH, "leaky_relu"]}, ("layer 2", "did you mean `LeakyReLU`?")),
        ({"generator": [*TANH, "BatchNorm"]}, ("layer 2", "`BatchNorm1d`", "`BatchNorm2d`")),
        ({"generator": [{"Dense": 784}, "Tanh"]}, ("layer 0", "`Dense` is `Linear`")),
        ({"generator": ["nn.Linear(784, bias=False)", "Tanh"]}, ("layer 0", "write `Linear: [784, bias=False]`")),
        ({"generator": [*TANH, "ReLU()"]}, ("layer 2", "write `ReLU`;")),
        ({"generator": [*TANH, "nn.ReLU"]}, ("layer 2", "write `ReLU`;")),
        ({"generator": [{"LeakyReLU": {"slope": 0.2}}, "Tanh"]}, ("layer 0, LeakyReLU", "slope", "negative_slope")),
        ({"generator": [{"LayerNorm": 784}, "Tanh"]}, ("layer 0, LayerNorm", "is 784", "no number of inputs")),
        ({"generator": [{"Linear": "x*7"}, "Tanh"]}, ("layer 0, Linear", "out_features is 'x*7'")),
        ({"generator": [{"Linear": {"out": 3}}, "Tanh"]}, ("layer 0, Linear", "out_features")),
        ({"generator": [{"Conv2d": [3, 0]}, "Tanh"]}, ("layer 0, Conv2d", "kernel_size")),
        ({"generator": [{"Linear": [3, True, False, 5, 6, 7]}, "Tanh"]}, ("layer 0, Linear", "too many arguments")),
        (
            {"generator": [{"Conv2d": [1, 16, 3, 2, 1]}, "Tanh"]},
            ("layer 0, Conv2d", "kernel_size 16", "leave out the number of inputs"),
        ),
        ({"generator": [{"Linear": [100, 6272]}, "Tanh"]}, ("layer 0, Linear", "a list has no number of inputs")),
        ({"generator": [{"BatchNorm1d": 100}, "Tanh"]}, ("layer 0, BatchNorm1d", "no number of inputs")),
        ({"generator": [{"Linear": [784, 1]}, "Tanh"]}, ("layer 0, Linear", "bias is 1", "no number of inputs")),
        ({"generator": [{"BatchNorm2d": 1}, "Tanh"]}, ("layer 0, BatchNorm2d", "eps", "no number of inputs")),
        ({"generator": [{"Conv2d": [8, [3, 500]]}, "Tanh"]}, ("layer 0, Conv2d", "kernel_size", "128")),
        ({"generator": [{"Linear": [784, "biass=False"]}, "Tanh"]}, ("layer 0, Linear", "biass", "bias")),
        ({"generator": [{"spectral_norm": "ReLU"}, "Tanh"]}, ("layer 0", "spectral_norm", "ReLU")),
        ({"generator": [{"Linear": 784, "Tanh": None}]}, ("layer 0", "unknown layer")),
        ({"generator": [{"Linear": 784}]}, ("`model.generator` ends in Linear", "Tanh")),
        ({"generator": []}, ("`model.generator`",)),
        ({"generator": "Tanh"}, ("`model.generator`", "list")),
        ({"generator": ["MinibatchStdDev", *TANH]}, ("`model.generator[0]` is MinibatchStdDev", "`model.critic`")),
        ({"generator": [{"MinibatchDiscrimination": 4}, *TANH]}, ("`model.generator[0]` is MinibatchDiscrimination",)),
        ({"critic": [{"Linear": 1}, "Sigmoid"]}, ("`model.critic` ends in Sigmoid", "scores")),
        ({"critic": ["BatchNorm2d", {"Linear": 1}], "objective": "wgan_gp"}, ("`model.critic[0]`", "penalty")),
        ({"critic": [{"MinibatchDiscrimination": 4}, {"Linear": 1}], "objective": "wgan_gp"}, ("`model.critic[0]`",)),
        ({"critic": [{"Linear": {"out_features": 1, "spectral_norm": True}}], "objective": "wgan"}, ("clip_value",)),
        ({"batch_size": 1, "generator": [{"Linear": 784}, "BatchNorm1d", "Tanh"]}, ("`model.generator[1]`",)),
        ({"model": {"label_encoding": "one_hot", "label_dim": 5}}, ("`model.label_dim`",)),
    ],
)
def test_errors_name_the_layer(changes, words):
    with pytest.raises(WganError) as caught:
        recipe_of(**changes)
    text = f"{caught.value.message} {caught.value.hint}"
    assert caught.value.hint and all(word in text for word in words), text


def test_switching_to_layer_lists_asks_for_them():
    with pytest.raises(WganError, match="`model.generator` is not set"):
        load_recipe("digits_dcgan", ["model=sequential"])
