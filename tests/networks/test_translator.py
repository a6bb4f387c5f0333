"""Translators and patch critics: sizes, the paper's counts, and what each output may depend on."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from wgan_cli.networks import build_network
from wgan_cli.networks.translator import Block, reflection_pad, reflection_pad_by_slices
from wgan_cli.recipe import ImageShape, Recipe, recipe_from_dict
from wgan_cli.recipe.model_settings import TranslatorSettings

SIDES = {"a": "digits", "b": {"source": "digits", "transform": "invert"}}


def recipe_of(generator: dict | None = None, critic: dict | None = None, **model: object) -> Recipe:
    model = {"name": "translation", "generator": generator or {}, "critic": critic or {}, **model}
    return recipe_from_dict({"data": SIDES, "model": model, "objective": "cyclegan", "steps": 1}, "a test")


def narrow(size: int, **both: object) -> Recipe:
    halvings = 2 if size >= 12 else 1
    return recipe_of(
        {"channels": 4, "halvings": halvings, "blocks": 1, **both}, {"channels": [4, 5, 6][: halvings + 1], **both}
    )


def built(role: str, recipe: Recipe, size: int = 28, channels: int = 1):
    torch.manual_seed(0)
    return build_network(role, recipe, ImageShape(size, size, channels))


@pytest.mark.parametrize(("size", "channels"), [(8, 1), (12, 4), (28, 1), (64, 3)])
def test_shapes(size, channels):
    recipe = narrow(size)
    a, b = torch.randn(2, 3, channels, size, size).unbind(0)
    generator = built("generator", recipe, size, channels)
    for changed in generator(a, b):
        assert changed.shape == a.shape
        assert changed.abs().max() <= 1
    torch.testing.assert_close(generator(a[:1], b[:1])[0], generator(a, b)[0][:1])  # an image is translated alone
    assert not torch.equal(generator(a, a)[0], generator(a, a)[1])
    side = size // 2**recipe.model.critic.halvings - 2
    for scores in built("critic", recipe, size, channels)(a, b):
        assert scores.shape == (3, side * side)


def test_parameters_of_the_paper():
    """ResNet of 9 blocks and 70x70 PatchGAN for colour images, as the authors' code prints them."""
    recipe = recipe_of({"blocks": 9}, {"channels": [64, 128, 256, 512]})
    shape = ImageShape(128, 128, 3)
    with torch.device("meta"):
        networks = {role: build_network(role, recipe, shape) for role in ("generator", "critic")}
    counts = {role: sum(p.numel() for p in network.parameters()) for role, network in networks.items()}
    assert counts == {"generator": 2 * 11_378_179, "critic": 2 * 2_764_737}


def test_block():
    block = Block(TranslatorSettings(), 3, number=0)
    x = torch.randn(2, 3, 6, 6)
    first, second = (layer for layer in block.branch if isinstance(layer, torch.nn.Conv2d))

    def layer(x, convolution):
        x = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), convolution.weight, convolution.bias)
        return F.instance_norm(x)

    expected = x + layer(layer(x, first).relu(), second)
    torch.testing.assert_close(block(x), expected)


@pytest.mark.parametrize("frame", [1, 3])
def test_reflection_pad_by_slices(frame):
    x = torch.randn(2, 3, 5, 7, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(2, 3, 5 + 2 * frame, 7 + 2 * frame, dtype=torch.float64)
    both = [frames(x, frame) for frames in (reflection_pad, reflection_pad_by_slices)]
    torch.testing.assert_close(both[1], both[0], rtol=0, atol=0)
    gradients = [torch.autograd.grad((framed * weights).sum(), x)[0] for framed in both]
    torch.testing.assert_close(gradients[1], gradients[0])


def test_receptive_field_of_a_patch_score():
    critic = built("critic", recipe_of(critic={"channels": [4, 5], "norm": "none"}), 32).of_a
    image = torch.randn(1, 1, 32, 32, requires_grad=True)
    scores = critic(image).unflatten(1, (14, 14))
    (gradient,) = torch.autograd.grad(scores[0, 7, 7], image)
    seen = gradient[0, 0].abs() > 0
    rows, columns = seen.any(1).nonzero().flatten(), seen.any(0).nonzero().flatten()
    assert len(rows) == len(columns) == 16  # kernels of 4, the first of stride 2: 4, 4+2*3, 4+4*3
    assert rows.tolist() == list(range(int(rows[0]), int(rows[0]) + 16))


@pytest.mark.parametrize("norm", ["none", "batch", "instance", "layer"])
@pytest.mark.parametrize("role", ["generator", "critic"])
def test_every_norm(role, norm):
    network = built(role, narrow(28, norm=norm, activation="silu"))
    for found in network(torch.randn(3, 1, 28, 28), torch.randn(3, 1, 28, 28)):
        assert found.isfinite().all()


@pytest.mark.parametrize("upsample", ["nearest", "bilinear"])
def test_upsampling_without_transposed_convolutions(upsample):
    recipe = recipe_of({"channels": 4, "blocks": 1, "upsample": upsample}, {"channels": [4, 5, 6]})
    generator = built("generator", recipe)
    assert not any(isinstance(layer, torch.nn.ConvTranspose2d) for layer in generator.modules())
    assert generator(*torch.randn(2, 3, 1, 28, 28).unbind(0))[0].shape == (3, 1, 28, 28)
