"""The residual pair against the published one, written out plainly."""

from __future__ import annotations

import pytest
import torch
from helpers.families import ROLES
from torch import Tensor, nn
from torch.nn import functional as F

from wgan_cli.errors import WganError
from wgan_cli.networks import build_network
from wgan_cli.recipe import ImageShape, Recipe, load_recipe, recipe_from_dict

CIFAR = ImageShape(32, 32, 3, 10)
LATENT = 5


def recipe_of(generator: dict | None = None, critic: dict | None = None, **model: object) -> Recipe:
    model = {"name": "resnet", "latent_dim": LATENT, "generator": generator or {}, "critic": critic or {}, **model}
    return recipe_from_dict({"model": model, "steps": 1}, "a test")


def built(role: str, recipe: Recipe, image: ImageShape) -> nn.Module:
    torch.manual_seed(0)
    return build_network(role, recipe, image)


def small() -> Recipe:
    return recipe_of({"channels": [6, 5, 4]}, {"channels": [4, 5, 6, 6, 7], "halvings": 2})


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(("role", "count"), [("generator", 1_204_483), ("critic", 1_053_825)])
def test_parameters_of_the_paper(role, count):
    assert parameters(built(role, load_recipe("cifar10_resnet"), CIFAR)) == count


def test_block_widths():
    """At the first convolution, but where a block halves at its last."""
    generator, critic = (built(role, small(), ImageShape(16, 16, 3)) for role in ROLES)
    up, first, down, same = generator.up[0], critic.body.first, critic.body.blocks[0], critic.body.blocks[1]
    widths = {"up": (up, 6, 5, 5), "first": (first, 3, 4, 4), "down": (down, 4, 4, 5), "same": (same, 5, 6, 6)}
    for name, (block, fan_in, middle, fan_out) in widths.items():
        layers = [layer for layer in block.branch if isinstance(layer, nn.Conv2d)]
        seen = [(layer.in_channels, layer.out_channels) for layer in layers]
        assert seen == [(fan_in, middle), (middle, fan_out)], name


def test_conditional_parameters():
    """Each norm of a block holds a gain and a bias for every class; the last norm, outside of blocks, none by class."""
    generators, critics = (
        [parameters(built(role, load_recipe(name), CIFAR)) for name in ("cifar10_resnet", "cifar10_resnet_ac")]
        for role in ROLES
    )
    assert generators[1] - generators[0] == 3 * 2 * (10 - 1) * 2 * 128
    assert critics[1] - critics[0] == (128 + 1) * 10


def test_layer_norm_of_the_critic():
    plain, normalised = (built("critic", recipe_of(critic={"norm": norm}), CIFAR) for norm in ("none", "layer"))
    assert parameters(normalised) - parameters(plain) == 3 * 2 * 2 * 128
    assert sum(isinstance(module, nn.GroupNorm) for module in normalised.modules()) == 6


def weights_of(network: nn.Module, prefix: str) -> tuple[Tensor, Tensor]:
    own = dict(network.named_parameters())
    return own[f"{prefix}.weight"], own[f"{prefix}.bias"]


def mean_of_blocks(x: Tensor) -> Tensor:
    return (x[:, :, ::2, ::2] + x[:, :, 1::2, ::2] + x[:, :, ::2, 1::2] + x[:, :, 1::2, 1::2]) / 4


def repeated(x: Tensor) -> Tensor:
    return x.repeat_interleave(2, 2).repeat_interleave(2, 3)


def normalised(x: Tensor, weight: Tensor, bias: Tensor, over: tuple[int, ...]) -> Tensor:
    variance, mean = torch.var_mean(x, over, correction=0, keepdim=True)
    return (x - mean) / (variance + 1e-5).sqrt() * weight[:, None, None] + bias[:, None, None]


def published_generator(network: nn.Module, z: Tensor, image: ImageShape, blocks: int) -> Tensor:
    """In the order of the authors' code: enlarge, then convolve, in the branch and in the shortcut."""

    def norm(x: Tensor, prefix: str) -> Tensor:
        return normalised(x, *weights_of(network, prefix), over=(0, 2, 3))

    side = image.height // 2**blocks
    x = F.linear(z, *weights_of(network, "project")).view(len(z), -1, side, side)
    for block in (f"up.{number}" for number in range(blocks)):
        shortcut = F.conv2d(repeated(x), *weights_of(network, f"{block}.shortcut.0"))
        x = norm(x, f"{block}.branch.0").relu()
        x = F.conv2d(repeated(x), *weights_of(network, f"{block}.branch.2"), padding=1)
        x = norm(x, f"{block}.branch.3").relu()
        x = shortcut + F.conv2d(x, *weights_of(network, f"{block}.branch.5"), padding=1)
    x = norm(x, "finish.0").relu()
    return F.conv2d(x, *weights_of(network, "to_image"), padding=1).tanh()


def published_critic(network: nn.Module, images: Tensor, blocks: int, halvings: int) -> Tensor:
    """In the order of the authors' code: convolve, then take means; but of the image first means."""
    x = F.conv2d(images, *weights_of(network, "body.first.branch.0"), padding=1).relu()
    x = mean_of_blocks(F.conv2d(x, *weights_of(network, "body.first.branch.2"), padding=1))
    x = x + F.conv2d(mean_of_blocks(images), *weights_of(network, "body.first.shortcut.1"))
    for number in range(blocks - 1):
        halves, block = number + 1 < halvings, f"body.blocks.{number}"
        shortcut = x
        if halves:
            shortcut = mean_of_blocks(F.conv2d(x, *weights_of(network, f"{block}.shortcut.1")))
        elif f"{block}.shortcut.0.weight" in dict(network.named_parameters()):
            shortcut = F.conv2d(x, *weights_of(network, f"{block}.shortcut.0"))
        y = F.conv2d(x.relu(), *weights_of(network, f"{block}.branch.1"), padding=1)
        y = F.conv2d(y.relu(), *weights_of(network, f"{block}.branch.3"), padding=1)
        x = shortcut + (mean_of_blocks(y) if halves else y)
    return F.linear(x.relu().mean((2, 3)), *weights_of(network, "head.to_score")).squeeze(1)


@pytest.mark.parametrize(("size", "channels"), [(8, 1), (32, 3)])
def test_generator_equals_the_authors(size, channels):
    image = ImageShape(size, size, channels)
    network = built("generator", small(), image).double()
    z = torch.randn(3, LATENT, dtype=torch.float64)
    ours, theirs = network(z), published_generator(network, z, image, blocks=2)
    assert ours.shape == (3, channels, size, size) and ours.abs().max() < 1
    torch.testing.assert_close(ours, theirs)
    for mine, other in zip(*(torch.autograd.grad(x.sum(), network.parameters()) for x in (ours, theirs)), strict=True):
        torch.testing.assert_close(mine, other)


@pytest.mark.parametrize(("size", "channels"), [(8, 1), (32, 3)])
def test_critic_equals_the_authors(size, channels):
    network = built("critic", small(), ImageShape(size, size, channels)).double()
    images = torch.randn(3, channels, size, size, dtype=torch.float64).requires_grad_()

    def derivatives(scores: Tensor) -> list[Tensor]:
        """Return the gradients of scores, and of their slope, as the penalty takes them."""
        (slope,) = torch.autograd.grad(scores.sum(), images, create_graph=True)
        # Biases do not reach the slope of a piecewise linear critic.
        return [slope, *torch.autograd.grad(scores.sum() + slope.square().sum(), network.parameters())]

    ours, theirs = network(images), published_critic(network, images, blocks=5, halvings=2)
    assert ours.shape == (3,)
    torch.testing.assert_close(ours, theirs)
    for mine, other in zip(derivatives(ours), derivatives(theirs), strict=True):
        torch.testing.assert_close(mine, other)


def test_last_halving_may_reach_one_pixel():
    recipe = recipe_of({"channels": [4, 4]}, {"channels": [4] * 3, "halvings": 3, "norm": "instance"})
    assert built("critic", recipe, ImageShape(8, 8, 1))(torch.randn(2, 1, 8, 8)).isfinite().all()


def test_more_halvings_than_blocks_are_refused():
    with pytest.raises(WganError) as refused:
        recipe_of(critic={"channels": [4, 4], "halvings": 3})
    assert "`model.critic.halvings` is 3" in refused.value.message and "2 blocks" in refused.value.message
    assert "`model.critic.channels`" in refused.value.hint


def test_residual_stream_stays_in_half_precision():
    dtypes = set()
    network = built("generator", small(), CIFAR)
    for module in network.modules():
        if type(module).__name__ == "ResidualBlock":
            module.register_forward_hook(lambda module, inputs, output: dtypes.add(output.dtype))
    with torch.autocast("cpu", torch.bfloat16):
        network(torch.randn(2, LATENT)).sum().backward()
    assert dtypes == {torch.bfloat16}
