"""The residual pair against the published one, written out plainly."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wgan_cli.errors import WganError
from wgan_cli.networks import ROLES, build_network
from wgan_cli.objectives.penalties import gradient_penalty
from wgan_cli.recipe import ImageShape, Recipe, load_recipe, recipe_from_dict

CIFAR = ImageShape(32, 3, 10)
LATENT = 5


def recipe_of(generator: dict | None = None, critic: dict | None = None, **model: object) -> Recipe:
    model = {"name": "resnet", "latent_dim": LATENT, "generator": generator or {}, "critic": critic or {}, **model}
    return recipe_from_dict({"model": model, "steps": 1}, "a test")


def built(role: str, recipe: Recipe, image: ImageShape) -> nn.Module:
    torch.manual_seed(0)
    return build_network(role, recipe, image)


def small(size: int, critic_norm: str = "none", generator_norm: str = "batch") -> Recipe:
    return recipe_of(
        {"channels": [6, 5, 4], "norm": generator_norm},
        {"channels": [4, 5, 6, 6, 7], "halvings": 2, "norm": critic_norm},
    )


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def convolution(fan_in: int, fan_out: int, kernel: int = 3) -> int:
    return fan_in * fan_out * kernel**2 + fan_out


def test_the_papers_generator_by_its_parameters():
    norm = 2 * 128
    block = convolution(128, 128, 1) + 2 * norm + 2 * convolution(128, 128)
    wanted = (128 + 1) * 128 * 4 * 4 + 3 * block + norm + convolution(128, 3)
    assert wanted == 1_204_483
    generator = built("generator", load_recipe("cifar10_resnet"), CIFAR)
    assert parameters(generator) == wanted
    assert [parameters(each) for each in generator.up] == [block] * 3


def test_the_papers_critic_by_its_parameters():
    first = convolution(3, 128, 1) + convolution(3, 128) + convolution(128, 128)
    halving = convolution(128, 128, 1) + 2 * convolution(128, 128)
    keeping = 2 * convolution(128, 128)
    wanted = first + halving + 2 * keeping + 128 + 1
    assert wanted == 1_053_825
    critic = built("critic", load_recipe("cifar10_resnet"), CIFAR)
    assert parameters(critic) == wanted
    assert [parameters(each) for each in (critic.body.first, *critic.body.blocks)] == [first, halving, keeping, keeping]


def test_blocks_widen_where_the_authors_do():
    """At the first convolution, but where a block halves at its last."""
    generator, critic = (built(role, small(16), ImageShape(16, 3)) for role in ROLES)
    up, first, down, same = generator.up[0], critic.body.first, critic.body.blocks[0], critic.body.blocks[1]
    widths = {"up": (up, 6, 5, 5), "first": (first, 3, 4, 4), "down": (down, 4, 4, 5), "same": (same, 5, 6, 6)}
    for name, (block, fan_in, middle, fan_out) in widths.items():
        layers = [layer for layer in block.branch if isinstance(layer, nn.Conv2d)]
        seen = [(layer.in_channels, layer.out_channels) for layer in layers]
        assert seen == [(fan_in, middle), (middle, fan_out)], name


def test_classes_add_gains_biases_and_a_classifier():
    """Each norm of a block holds a gain and a bias for every class; the last norm, outside of blocks, none by class."""
    generators, critics = (
        [parameters(built(role, load_recipe(name), CIFAR)) for name in ("cifar10_resnet", "cifar10_resnet_ac")]
        for role in ROLES
    )
    assert generators[1] - generators[0] == 3 * 2 * (10 - 1) * 2 * 128
    assert critics[1] - critics[0] == (128 + 1) * 10
    assert load_recipe("cifar10_resnet_ac").objective.ac_weight == 1.0
    assert load_recipe("cifar10_resnet_ac").objective.generator_ac_weight == 0.1


def test_layer_norm_comes_before_every_activation_of_the_critics_later_blocks():
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

    side = image.size // 2**blocks
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


@pytest.mark.parametrize(("size", "channels"), [*product((8, 32, 64), (1, 3))])
def test_the_generator_computes_what_the_authors_code_does(size, channels):
    image = ImageShape(size, channels)
    network = built("generator", small(size), image).double()
    z = torch.randn(3, LATENT, dtype=torch.float64)
    ours, theirs = network(z), published_generator(network, z, image, blocks=2)
    assert ours.shape == (3, channels, size, size) and ours.abs().max() < 1
    torch.testing.assert_close(ours, theirs)
    for mine, other in zip(*(torch.autograd.grad(x.sum(), network.parameters()) for x in (ours, theirs)), strict=True):
        torch.testing.assert_close(mine, other)


@pytest.mark.parametrize(("size", "channels"), [*product((8, 32, 64), (1, 3))])
def test_the_critic_computes_what_the_authors_code_does(size, channels):
    network = built("critic", small(size), ImageShape(size, channels)).double()
    images = torch.randn(3, channels, size, size, dtype=torch.float64).requires_grad_()

    def derivatives(scores: Tensor) -> list[Tensor]:
        """Of scores, and of their slope, as the penalty takes them."""
        (slope,) = torch.autograd.grad(scores.sum(), images, create_graph=True)
        # Biases do not reach the slope of a piecewise linear critic.
        return [slope, *torch.autograd.grad(scores.sum() + slope.square().sum(), network.parameters())]

    ours, theirs = network(images), published_critic(network, images, blocks=5, halvings=2)
    assert ours.shape == (3,)
    torch.testing.assert_close(ours, theirs)
    for mine, other in zip(derivatives(ours), derivatives(theirs), strict=True):
        torch.testing.assert_close(mine, other)


def silence(block: nn.Module) -> nn.Module:
    """A block whose branch adds nothing."""
    for parameter in block.branch.parameters():
        nn.init.zeros_(parameter)
    return block


def test_without_its_branch_a_block_is_its_shortcut():
    generator, critic = (built(role, recipe_of(), CIFAR) for role in ROLES)
    x = torch.randn(2, 128, 4, 4)
    up = silence(generator.up[0])
    torch.testing.assert_close(up(x), repeated(up.shortcut[0](x)))
    assert torch.equal(silence(critic.body.blocks[1])(x), x)

    down = silence(critic.body.blocks[0])
    nn.init.dirac_(down.shortcut[1].weight)  # each channel to itself
    torch.testing.assert_close(down(x), mean_of_blocks(x))
    checks = (torch.arange(4) % 2 * 2.0 - 1).expand(1, 3, 4, 4)  # columns of -1 and 1
    bias = silence(critic.body.first).shortcut[1].bias
    torch.testing.assert_close(critic.body.first(checks + 0.5), critic.body.first(torch.full((1, 3, 4, 4), 0.5)))
    torch.testing.assert_close(critic.body.first(checks), bias[:, None, None].expand(1, 128, 2, 2))


@pytest.mark.parametrize("norm", ["none", "layer", "instance"])
def test_an_images_score_is_its_own_and_the_penalty_can_be_learnt_from(norm):
    critic = built("critic", small(16, critic_norm=norm), ImageShape(16, 3))
    real, fake = torch.rand(4, 3, 16, 16) * 2 - 1, torch.rand(4, 3, 16, 16) * 2 - 1
    torch.testing.assert_close(critic(real)[1:2], critic(real[1:2]))
    penalty = gradient_penalty(critic, real, fake)
    penalty.backward()
    assert penalty.isfinite()
    assert all(p.grad is None or p.grad.isfinite().all() for p in critic.parameters())
    assert all(p.grad.any() for name, p in critic.named_parameters() if name.endswith("weight") and p.dim() > 1)


def test_first_weights_are_as_wide_as_the_authors():
    """U(-b, b) of the standard deviation sqrt(g / (fan_in + fan_out)), g = 4 in branches and 2 elsewhere."""
    for role in ROLES:
        network = built(role, load_recipe("cifar10_resnet"), CIFAR)
        for name, weight in network.named_parameters():
            if not name.endswith("weight") or weight.dim() == 1:
                continue
            fans = sum(weight.shape[:2]) * weight[0, 0].numel()
            deviation = ((4 if ".branch." in name else 2) / fans) ** 0.5
            assert weight.abs().max() <= 3**0.5 * deviation
            assert weight.std().item() == pytest.approx(deviation, rel=4 / (2 * weight.numel()) ** 0.5)
            assert not weights_of(network, name.removesuffix(".weight"))[1].any()


@pytest.mark.parametrize(
    ("size", "generator", "critic", "message"),
    [
        (
            28,
            {"channels": [4, 4, 4, 4]},
            {},
            "`model.generator.channels` divides the image size by 8",
        ),
        (
            28,
            {"channels": [4, 4]},
            {"halvings": 3},
            "`model.critic.halvings` divides the image size by 8",
        ),
        (8, {"channels": [4] * 4, "norm": "instance"}, {}, "`model.generator.channels` leaves 1x1 pixels"),
        (
            8,
            {"channels": [4, 4]},
            {"halvings": 3, "norm": "instance"},
            "`model.critic.halvings` leaves 1x1 pixels",
        ),
    ],
)
def test_blocks_that_a_size_does_not_take_are_refused(size, generator, critic, message):
    recipe = recipe_of(generator, critic)
    for role in ROLES:  # either way, before anything is trained
        with pytest.raises(WganError) as refused:
            build_network(role, recipe, ImageShape(size, 1))
        assert refused.value.message.startswith(message)
        assert message.split("`")[1] in refused.value.hint and "data.image_size" in refused.value.hint


def test_the_last_halving_may_reach_a_single_pixel_that_nothing_normalises():
    recipe = recipe_of({"channels": [4, 4]}, {"channels": [4] * 3, "halvings": 3, "norm": "instance"})
    assert built("critic", recipe, ImageShape(8, 1))(torch.randn(2, 1, 8, 8)).isfinite().all()


def test_more_halvings_than_blocks_are_refused():
    with pytest.raises(WganError) as refused:
        recipe_of(critic={"channels": [4, 4], "halvings": 3})
    assert "`model.critic.halvings` is 3" in refused.value.message and "2 blocks" in refused.value.message
    assert "`model.critic.channels`" in refused.value.hint
