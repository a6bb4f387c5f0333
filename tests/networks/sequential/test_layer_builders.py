"""Layers of a list against torch.nn's."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from wgan_cli.errors import WganError
from wgan_cli.networks.layers import normalize_weights
from wgan_cli.networks.sequential.layer_builders import build_layers
from wgan_cli.networks.sequential.self_attention import SelfAttention
from wgan_cli.recipe import recipe_from_dict
from wgan_cli.recipe.sequential.layer_types import Layer

IMAGE, VECTOR = (4, 6, 6), (12,)
SAME = [
    ("ReLU", nn.ReLU(), IMAGE),
    ({"LeakyReLU": [0.2, True]}, nn.LeakyReLU(0.2), IMAGE),
    ("LeakyReLU", nn.LeakyReLU(), VECTOR),
    ({"ELU": 0.5}, nn.ELU(0.5), VECTOR),
    ("SiLU", nn.SiLU(), VECTOR),
    ("GELU", nn.GELU(), VECTOR),
    ("Sigmoid", nn.Sigmoid(), VECTOR),
    ({"Linear": 5}, nn.Linear(12, 5), VECTOR),
    ({"Linear": [5, False]}, nn.Sequential(nn.Flatten(), nn.Linear(144, 5, bias=False)), IMAGE),
    ({"Conv2d": [3, 3, 1, 1]}, nn.Conv2d(4, 3, 3, 1, 1), IMAGE),
    ({"Conv2d": [3, 4, 2, 1]}, nn.Conv2d(4, 3, 4, 2, 1), IMAGE),
    ({"Conv2d": [3, 5, 2, 2]}, nn.Conv2d(1, 3, 5, 2, 2), (1, 6, 6)),
    ({"Conv2d": [3, 3, 2, 1]}, nn.Conv2d(1, 3, 3, 2, 1), (1, 7, 7)),
    ({"Conv2d": [6, 3, 1, 2, 2, 2, False]}, nn.Conv2d(4, 6, 3, 1, 2, 2, 2, bias=False), IMAGE),
    ({"ConvTranspose2d": [3, 4, 1, 0]}, nn.ConvTranspose2d(4, 3, 4), IMAGE),
    ({"ConvTranspose2d": [3, 4, 2, 1]}, nn.ConvTranspose2d(4, 3, 4, 2, 1), IMAGE),
    ({"ConvTranspose2d": [1, 4, 2, 3]}, nn.ConvTranspose2d(4, 1, 4, 2, 3), IMAGE),
    ({"ConvTranspose2d": [1, 5, 2, 2, 1]}, nn.ConvTranspose2d(4, 1, 5, 2, 2, 1), IMAGE),
    ({"ConvTranspose2d": [1, 3, 2, 0]}, nn.ConvTranspose2d(4, 1, 3, 2), IMAGE),
    ({"ConvTranspose2d": [2, 4, 2, 0, 1]}, nn.ConvTranspose2d(4, 2, 4, 2, 0, 1), IMAGE),
    ({"ConvTranspose2d": [6, 3, 2, 1, 0, 2, False, 2]}, nn.ConvTranspose2d(4, 6, 3, 2, 1, 0, 2, False, 2), IMAGE),
    ({"BatchNorm2d": {"eps": 0.8}}, nn.BatchNorm2d(4, 0.8), IMAGE),
    ({"BatchNorm1d": [0.1, 0.5]}, nn.BatchNorm1d(12, 0.1, 0.5), VECTOR),
    ("InstanceNorm2d", nn.InstanceNorm2d(4), IMAGE),
    ({"InstanceNorm2d": {"affine": True}}, nn.InstanceNorm2d(4, affine=True), IMAGE),
    ("LayerNorm", nn.LayerNorm(IMAGE), IMAGE),
    ({"GroupNorm": 2}, nn.GroupNorm(2, 4), IMAGE),
    ({"MaxPool2d": 2}, nn.MaxPool2d(2), IMAGE),
    ({"MaxPool2d": [3, 2, 1]}, nn.MaxPool2d(3, 2, 1), IMAGE),
    ({"AvgPool2d": [3, 1]}, nn.AvgPool2d(3, 1), IMAGE),
    ({"Upsample": 3}, nn.Upsample(scale_factor=3), IMAGE),
    ({"Upsample": {"size": 7, "mode": "bilinear"}}, nn.Upsample(7, mode="bilinear"), IMAGE),
    ({"PixelShuffle": 2}, nn.PixelShuffle(2), IMAGE),
    ("Flatten", nn.Flatten(), IMAGE),
    ({"Unflatten": [3, 2, 2]}, nn.Unflatten(1, (3, 2, 2)), VECTOR),
    ({"Unflatten": [1, [3, 2, 2]]}, nn.Unflatten(1, (3, 2, 2)), VECTOR),
]


def parsed(*layers: object) -> tuple[Layer, ...]:
    """The layers as a recipe's generator, without its last."""
    model = {"name": "sequential", "generator": [*layers, "Tanh"], "critic": [{"Linear": 1}]}
    return recipe_from_dict({"model": model, "steps": 1}, "a test").model.generator[:-1]


def derivatives(network: nn.Module, x: Tensor) -> list[Tensor]:
    """The output, and the gradients of a gradient penalty."""
    x = x.clone().requires_grad_()
    y = network(x)
    (gradient,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
    penalty = gradient.square().sum() + y.sum()
    grads = torch.autograd.grad(penalty, [x, *network.parameters()], allow_unused=True)
    return [y, *(grad if grad is not None else torch.zeros(()) for grad in grads)]


@pytest.mark.parametrize(("layer", "theirs", "shape"), SAME)
def test_layer_equals_torch(layer, theirs, shape):
    torch.manual_seed(0)
    theirs = copy.deepcopy(theirs).double()
    ours, output = build_layers(parsed(layer), shape, "generator")
    ours = ours.double().to(memory_format=torch.channels_last)
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        nn.init.normal_(other)
        mine.data.copy_(other)
    x = torch.randn(3, *shape, dtype=torch.float64)
    results = list(zip(derivatives(ours, x), derivatives(theirs, x), strict=True))
    assert results[0][0].shape[1:] == output
    for mine, other in results:
        torch.testing.assert_close(mine, other, rtol=1e-10, atol=1e-10)
    for mine, other in zip(ours.buffers(), theirs.buffers(), strict=True):
        torch.testing.assert_close(mine, other)


def test_crop_keeps_the_center():
    (ours, shape), x = build_layers(parsed({"Crop": 2}), IMAGE, "generator"), torch.randn(1, *IMAGE)
    assert shape == (4, 2, 2) and torch.equal(ours(x), x[:, :, 2:4, 2:4])


def test_dropout2d_drops_whole_channels():
    torch.manual_seed(0)
    ours, _ = build_layers(parsed({"Dropout2d": 0.25}), (50, 2, 2), "critic")
    y = ours(torch.ones(40, 50, 2, 2)).flatten(2)  # (N, C, 4)
    assert (y == y[:, :, :1]).all() and y.unique().tolist() == pytest.approx([0, 4 / 3])
    assert (y == 0).float().mean().item() == pytest.approx(0.25, abs=0.03)
    assert torch.equal(ours.eval()(torch.ones(1, 50, 2, 2)), torch.ones(1, 50, 2, 2))


def test_self_attention_with_spectral_norm():
    torch.manual_seed(0)
    layers, _ = build_layers(parsed({"spectral_norm": "SelfAttention"}), (16, 2, 2), "generator")
    normalize_weights(layers)
    for _ in range(50):
        layers(torch.randn(1, 16, 2, 2))
    weights = [layer.weight.flatten(1) for layer in layers.modules() if isinstance(layer, nn.Conv2d)]
    norms = [torch.linalg.matrix_norm(weight, 2).item() for weight in weights]
    assert norms == pytest.approx([1] * 4, abs=1e-3)


def test_self_attention():
    """Equations 1 to 3 of Zhang et al. 2019, pixel by pixel; the identity at the start."""
    torch.manual_seed(0)
    layer, x = SelfAttention(16).double(), torch.randn(1, 16, 2, 2, dtype=torch.float64)
    assert torch.equal(layer(x), x)
    nn.init.constant_(layer.gain, 0.5)
    pixels = x[0].flatten(1).T  # (4, 16)
    f, g, h, v = (conv.weight.flatten(1) for conv in (layer.key, layer.query, layer.value, layer.out))
    expected = []
    for j in pixels:
        beta = torch.stack([(f @ i) @ (g @ j) for i in pixels]).softmax(0)
        expected.append(j + 0.5 * v @ sum(b * (h @ i) for b, i in zip(beta, pixels, strict=True)))
    torch.testing.assert_close(layer(x)[0].flatten(1).T, torch.stack(expected))


@pytest.mark.parametrize(
    ("layers", "shape", "words"),
    [
        ([{"Conv2d": [8, 3]}], VECTOR, ("layer 0, Conv2d(out_channels=8, kernel_size=3)", "12 features", "Unflatten")),
        ([{"Conv2d": [8, 9]}], IMAGE, ("leaves no pixels", "4x6x6", "kernel_size")),
        (["ReLU", {"Linear": {"out_features": 3, "in_features": 5}}], VECTOR, ("layer 1", "is 5", "has 12")),
        ([{"Unflatten": [2, 2, 2]}], VECTOR, ("2x2x2 has 8", "12")),
        ([{"LayerNorm": {"normalized_shape": 5}}], VECTOR, ("normalized_shape is (5,)", "(12,)")),
        (["BatchNorm1d"], IMAGE, ("4x6x6", "BatchNorm2d")),
        ([{"GroupNorm": 3}], IMAGE, ("4 channels",)),
        ([{"Crop": 7}], IMAGE, ("larger", "Upsample")),
        ([{"PixelShuffle": 3}], IMAGE, ("by 9",)),
        ([{"Conv2d": [8, 3, 1, 0, 1, 3]}], IMAGE, ("groups",)),
        ([{"MaxPool2d": [2, 2, 2]}], IMAGE, ("padding",)),
        ([{"ConvTranspose2d": [2, 3, 1, 0, 1]}], IMAGE, ("output_padding",)),
        ([{"Upsample": {"mode": "nearest"}}], IMAGE, ("scale_factor",)),
    ],
)
def test_shape_errors(layers, shape, words):
    with pytest.raises(WganError) as caught:
        build_layers(parsed(*layers), shape, "generator")
    text = f"{caught.value.message} {caught.value.hint}"
    assert text.startswith("generator layer ") and all(word in text for word in words), text
