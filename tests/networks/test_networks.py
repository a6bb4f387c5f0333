"""Every family at every size: what a network must do whatever its settings are."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from helpers.families import FAMILIES, ROLES, SIZED, layer_lists, narrow
from torch import nn

from wgan_cli import networks
from wgan_cli.errors import WganError
from wgan_cli.networks import build_network
from wgan_cli.networks.resampling import MAX_DIRECT
from wgan_cli.objectives import Batch, build_objective
from wgan_cli.recipe import ImageShape, Recipe, recipe_from_dict

SIZES = (8, 12, 28, 64)
CHANNELS = (1, MAX_DIRECT + 1)  # layers that take or make few channels have a form of their own
BATCH = 3
LATENT = 5
# What is set for both roles, and for one of them; of a family that is not here, its defaults are tried.
VARIANTS: dict[str, list[tuple[dict, dict, dict]]] = {
    "mlp": [
        ({}, {}, {}),
        ({"norm": ["none", "layer"]}, {}, {}),
        ({"norm": "layer", "activation": "elu"}, {}, {}),
        ({"norm": "none", "activation": "leaky_relu", "slope": 0.1}, {"widths": [16]}, {"widths": [8]}),
        ({"norm": "instance", "activation": "silu"}, {}, {}),
    ],
    "dcgan": [
        ({}, {}, {}),
        ({"kernel": 3, "norm": "layer"}, {"activation": "gelu"}, {"activation": "leaky_relu"}),
        ({"kernel": 4, "norm": "instance"}, {"activation": "leaky_relu"}, {"activation": "tanh"}),
        ({"activation": "silu"}, {"kernel": 2, "norm": "none"}, {"kernel": 6, "dense": [12, 10]}),
        ({}, {"upsample": "icnr"}, {}),
        ({}, {"upsample": "nearest", "kernel": 3}, {}),
        ({}, {"upsample": "bilinear", "kernel": 5}, {}),
    ],
    "resnet": [
        ({}, {}, {}),
        ({"norm": "layer"}, {"activation": "gelu"}, {"activation": "leaky_relu"}),
        ({"norm": "instance", "slope": 0.1}, {"activation": "leaky_relu"}, {"activation": "elu", "halvings": 1}),
        ({"norm": "none"}, {"activation": "silu"}, {"channels": [5], "halvings": 1}),
    ],
    "style": [
        ({}, {}, {}),
        ({"slope": 0.1}, {"noise": False, "mapping_layers": 1, "style_mixing": 0.0}, {"dense": [7]}),
        ({}, {"styling": "adain"}, {"activation": "silu"}),
    ],
}
DEFAULTS: list[tuple[dict, dict, dict]] = [({}, {}, {})]


def case(family: str, size: int, channels: int, number: int, variant: tuple[dict, dict, dict]) -> object:
    """A case of the full product, of which every variant runs by default at two sizes."""
    fast = size in (8, 28) and channels == CHANNELS[(number + size // 4) % len(CHANNELS)]
    marks = [] if fast else [pytest.mark.slow]
    return pytest.param(family, size, channels, variant, id=f"{family}-{size}-{channels}-{number}", marks=marks)


CASES = [
    case(family, size, channels, number, variant)
    for family, size, channels in product(FAMILIES, SIZES, CHANNELS)
    for number, variant in enumerate(VARIANTS.get(family, DEFAULTS))
]


def recipe_of(family: str, generator: dict | list, critic: dict | list, **model: object) -> Recipe:
    model = {"name": family, "latent_dim": LATENT, "generator": generator, "critic": critic, **model}
    return recipe_from_dict({"model": model, "steps": 1, "batch_size": BATCH}, "a test")


def small(family: str, size: int, variant: tuple[dict, dict, dict], channels: int = 1) -> Recipe:
    """Narrow networks; the convolutional ones as deep as the size allows without reaching a single pixel."""
    if family == "sequential":
        return recipe_of(family, **layer_lists(size, channels))
    both, *one = variant
    stages = min(4, (size & -size).bit_length() - 1, size.bit_length() - 2)
    depth = {
        "mlp": {"widths": [12, 16]},
        "dcgan": {"channels": [8, 6, 4, 4][:stages]},
        "resnet": {"channels": [12, 10, 8, 8, 8][: stages + 1]},
        "style": {"channels": [12, 10, 8, 8, 8][: stages + 1]},
    }
    halvings = {"halvings": stages} if family == "resnet" else {}
    generator, critic = (
        {**depth.get(family, narrow(family, role)), **both, **own} for role, own in zip(ROLES, one, strict=True)
    )
    return recipe_of(family, generator, {**halvings, **critic})


def built(recipe: Recipe, image: ImageShape) -> dict[str, nn.Module]:
    torch.manual_seed(0)
    return {role: build_network(role, recipe, image) for role in ROLES}


@pytest.mark.parametrize(("family", "size", "channels", "variant"), CASES)
def test_every_network(family, size, channels, variant):
    recipe, image = small(family, size, variant, channels), ImageShape(size, size, channels)
    networks = built(recipe, image)
    generator, critic = networks["generator"], networks["critic"]
    z = torch.randn(BATCH, LATENT)

    # Shapes and ranges; another z is another image.
    fake = generator(z)
    assert fake.shape == (BATCH, channels, size, size)
    assert fake.abs().max() <= 1
    assert not torch.equal(fake[0], fake[1])
    real = torch.rand_like(fake) * 2 - 1
    scores = critic(real)
    assert scores.shape == (BATCH,)

    # An image's score is its own, which the gradient penalty relies on.
    alone = torch.cat([critic(image) for image in real.split(1)])
    torch.testing.assert_close(alone, scores, rtol=1e-4, atol=1e-5)
    assert scores.unique().numel() == BATCH

    # Every parameter learns from its own network's loss, and every layer gets something to learn.
    for phase in build_objective(recipe, image).phases:
        network = networks[phase.trains].requires_grad_()
        network.zero_grad()
        phase.loss(networks, Batch(z, real)).total.backward()
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None and parameter.grad.isfinite().all(), name
            assert parameter.dim() == 1 or parameter.grad.any(), f"{name} never learns"


def layers(network: nn.Module, *kinds: type) -> list[nn.Module]:
    return [module for module in network.modules() if isinstance(module, kinds)]


@pytest.mark.parametrize("family", SIZED)
def test_a_generator_ends_with_a_tanh(family):
    generator = built(recipe_of(family, *many_weights(family), init="torch"), ImageShape(28, 28, 1))["generator"].eval()
    # The last of several contributions decides, where the others are zero.
    last = generator.to_image
    *others, last = [each.colours for each in last] if isinstance(last, nn.ModuleList) else [last]
    for layer in (*others, last):
        nn.init.zeros_(layer.weight)
        nn.init.constant_(layer.bias, -0.5 if layer is last else 0.0)
    torch.testing.assert_close(generator(torch.randn(2, LATENT)), torch.full((2, 1, 28, 28), -0.5).tanh())


@pytest.mark.parametrize("family", FAMILIES)
def test_a_critic_ends_without_a_sigmoid(family):
    critic = built(small(family, 28, DEFAULTS[0]), ImageShape(28, 28, 1))["critic"]
    nn.init.constant_(critic.head.to_score.bias, 100.0)
    assert (critic(torch.zeros(2, 1, 28, 28)) > 50).all()


WIDE = {
    "mlp": ({"widths": [256, 256]}, {"widths": [256, 256]}),
    "dcgan": ({"channels": [64, 48], "kernel": 4}, {"channels": [48, 64], "kernel": 5}),
    "resnet": ({"channels": [64, 48]}, {"channels": [48, 64]}),
    "style": ({"channels": [64, 48, 48]}, {"channels": [48, 64, 48]}),
}


def many_weights(family: str) -> tuple[dict, dict]:
    """Settings of generator and critic with enough weights in each layer to measure their spread."""
    return WIDE.get(family, ({}, {}))


def wide(family: str, init: str) -> list[nn.Module]:
    """Both networks, of first weights by `init`."""
    recipe = recipe_of(family, *many_weights(family), init=init, latent_dim=100)
    return list(built(recipe, ImageShape(28, 28, 3)).values())


@pytest.mark.parametrize("family", SIZED)
def test_normal_weights(family):
    for network in wide(family, "normal"):
        for layer in layers(network, nn.Linear, nn.Conv2d, nn.ConvTranspose2d):
            count = layer.weight.numel()
            # Four standard errors of a mean, and of a standard deviation.
            assert abs(layer.weight.mean().item()) < 4 * 0.02 / count**0.5
            assert abs(layer.weight.std().item() / 0.02 - 1) < 4 / (2 * count) ** 0.5
            assert layer.bias is None or not layer.bias.any()
        for norm in layers(network, nn.BatchNorm1d, nn.BatchNorm2d):
            assert abs(norm.weight.mean().item() - 1) < 4 * 0.02 / len(norm.weight) ** 0.5
            assert 0 < norm.weight.std() < 0.04 and not norm.bias.any()


def fan_in_of(layer: nn.Module) -> float:
    if isinstance(layer, nn.ConvTranspose2d):
        return layer.in_channels * layer.kernel_size[0] ** 2 / 4  # a kernel's weights go to 2x2 outputs
    return layer.weight[0].numel()


@pytest.mark.parametrize("init", ["he", "glorot", "equalised"])
@pytest.mark.parametrize("family", SIZED)
def test_scaled_weights(family, init):
    for network in wide(family, init):
        for name, layer in network.named_modules():
            if not isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
                continue
            assert layer.bias is None or not layer.bias.any()
            gain = getattr(layer, "init_gain", 1.0 if init == "glorot" else 2**0.5)
            if family == "resnet" and init != "he":  # wider in a residual branch
                assert gain == (2**0.5 if ".branch." in name else 1)
            if init == "equalised":
                original, factor = layer.parametrizations.weight.original, getattr(layer, "lr_factor", 1.0)
                torch.testing.assert_close(layer.weight, original * (factor * gain / fan_in_of(layer) ** 0.5))
                assert original.numel() <= 1000 or abs(factor * original.std().item() - 1) < 0.1
                continue
            bound = (6 / fan_in_of(layer)) ** 0.5
            if init == "glorot":
                bound = gain * (6 / (sum(layer.weight.shape[:2]) * layer.weight[0, 0].numel())) ** 0.5
            assert layer.weight.abs().max() <= bound
            if layer.weight.numel() > 1000:
                assert layer.weight.abs().max() > 0.98 * bound
                assert abs(layer.weight.std().item() / (bound / 3**0.5) - 1) < 0.05


def test_torch_weights():
    recipe = recipe_of("mlp", *WIDE["mlp"], init="torch")
    ours = built(recipe, ImageShape(28, 28, 1))["critic"]
    torch.manual_seed(0)
    build_network("generator", recipe, ImageShape(28, 28, 1))
    theirs = [nn.Linear(784, 256), nn.Linear(256, 256), nn.Linear(256, 1)]
    for layer, other in zip(layers(ours, nn.Linear), theirs, strict=True):
        assert torch.equal(layer.weight, other.weight) and torch.equal(layer.bias, other.bias)


SIDES = {"data": {"a": "digits", "b": {"source": "digits", "transform": "invert"}}, "objective": "cyclegan"}
TWO, THREE, FOUR = {"channels": [4, 4]}, {"channels": [4, 4, 4]}, {"channels": [4] * 4}
TOO_DEEP = [
    ("dcgan", 28, THREE, TWO, "`model.generator.channels` divides the image size by 8"),
    ("dcgan", 28, TWO, THREE, "`model.critic.channels` divides the image size by 8"),
    ("dcgan", 100, TWO, FOUR, "`model.critic.channels` divides the image size by 16"),
    ("dcgan", 8, {**THREE, "norm": "instance"}, TWO, "`model.generator.channels` leaves 1x1 pixels"),
    ("dcgan", 8, TWO, {**THREE, "norm": "instance"}, "`model.critic.channels` leaves 1x1 pixels"),
    ("resnet", 28, FOUR, {}, "`model.generator.channels` divides the image size by 8"),
    ("resnet", 28, TWO, {"halvings": 3}, "`model.critic.halvings` divides the image size by 8"),
    ("resnet", 8, {**FOUR, "norm": "instance"}, {}, "`model.generator.channels` leaves 1x1 pixels"),
    ("resnet", 8, TWO, {"halvings": 3, "norm": "instance"}, "`model.critic.halvings` leaves 1x1 pixels"),
    ("style", 28, FOUR, TWO, "`model.generator.channels` divides the image size by 8"),
    ("style", 28, TWO, FOUR, "`model.critic.channels` divides the image size by 8"),
    ("style", 8, {**FOUR, "styling": "adain"}, TWO, "`model.generator.channels` leaves 1x1 pixels"),
    ("translation", 28, {"halvings": 3}, {}, "`model.generator.halvings`"),
    ("translation", 28, {}, FOUR, "`model.critic.channels`"),
    ("translation", 8, {"halvings": 1}, THREE, "`model.critic.channels`"),
]


@pytest.mark.parametrize(("family", "size", "generator", "critic", "message"), TOO_DEEP)
def test_too_many_stages_are_refused(family, size, generator, critic, message):
    model = {"name": family, "generator": generator, "critic": critic}
    more = SIDES if family == "translation" else {}
    recipe = recipe_from_dict({"model": model, "steps": 1, **more}, "a test")
    for role in ROLES:  # before anything is trained, whichever network is too deep
        with pytest.raises(WganError) as refused:
            build_network(role, recipe, ImageShape(size, size, 1))
        assert refused.value.message.startswith(message)
        assert message.split("`")[1] in refused.value.hint and ".image_size" in refused.value.hint


@pytest.mark.parametrize("size", [4, 30, 516])
@pytest.mark.parametrize("family", FAMILIES)
def test_unsupported_sizes_are_refused(family, size):
    with pytest.raises(WganError) as refused:
        build_network("generator", small(family, 28, DEFAULTS[0]), ImageShape(size, size, 1))
    assert f"{size} pixels" in refused.value.message
    assert "data.image_size" in refused.value.hint


def test_missing_registry_entries_are_named(monkeypatch):
    recipe, image = recipe_of("mlp", {}, {}), ImageShape(8, 8, 1, 3)
    monkeypatch.setitem(networks.FAMILIES, "mlp", {"generator": networks.FAMILIES["mlp"]["generator"]})
    with pytest.raises(WganError, match=r"networks.build.FAMILIES\['mlp'\]` has no .*'encoder'"):
        build_network("encoder", recipe, image)
    monkeypatch.delitem(networks.FAMILIES, "mlp")
    with pytest.raises(WganError, match="`wgan_cli.networks.build.FAMILIES` has no .*'mlp'") as caught:
        build_network("generator", recipe, image)
    assert "add it to that table" in caught.value.hint


@pytest.mark.parametrize("family", SIZED)
def test_spectral_norm_bounds_every_critic_layer(family):
    model = {"name": family, "init": "equalised", "critic": {"spectral_norm": True}}
    recipe = recipe_from_dict({"model": model, "objective": "hinge", "steps": 1}, "a test")
    networks = built(recipe, ImageShape(8, 8, 1))
    assert not any("_u" in name for name in networks["generator"].state_dict())
    layers = [m for m in networks["critic"].modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    for layer in layers:
        assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1, abs=0.1)
