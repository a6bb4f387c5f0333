"""The pieces of networks: an activation with no second derivative to follow, and normalisations."""

from __future__ import annotations

import copy
from typing import get_args

import pytest
import torch
from torch import Tensor, nn

from wgan_cli.errors import WganError
from wgan_cli.networks import build_network, layers
from wgan_cli.networks.layers import (
    PiecewiseLinear,
    activation,
    activation_and_dropout,
    initialize,
    norm,
    normalize_weights,
)
from wgan_cli.networks.resampling import doubling
from wgan_cli.networks.sharded_layers import Dropout, Dropout2d
from wgan_cli.recipe import ImageShape, Recipe, recipe_from_dict
from wgan_cli.recipe.layer_settings import Init
from wgan_cli.recipe.model_settings import MlpCriticSettings

SLOPES = [0.0, 0.2, 1.0]


def inputs(dtype: torch.dtype = torch.float64) -> Tensor:
    """Values on both sides of the kink and none on it, where finite differences would straddle it."""
    x = torch.linspace(-2.0, 2.0, 24, dtype=dtype).view(2, 3, 4)
    return x.requires_grad_()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("slope", SLOPES)
def test_equal_to_leaky_relu(slope, dtype):
    torch.manual_seed(0)
    weight = torch.randn(4, 4, dtype=dtype)
    points = torch.cat([torch.randn(15, 4, dtype=dtype), torch.zeros(1, 4, dtype=dtype)])  # the kink as well

    def derivatives(layer: nn.Module) -> list[Tensor]:
        x, w = points.clone().requires_grad_(), weight.clone().requires_grad_()
        y = layer(x @ w)
        (first,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
        second = torch.autograd.grad(first.square().sum(), [x, w])
        return [y, first, *second]

    for ours, theirs in zip(derivatives(PiecewiseLinear(slope)), derivatives(nn.LeakyReLU(slope)), strict=True):
        assert ours.dtype == theirs.dtype == dtype
        assert torch.equal(ours, theirs)


def test_second_derivative_skips_the_input():
    x, v = inputs(), torch.ones(2, 3, 4, dtype=torch.float64, requires_grad=True)
    (first,) = torch.autograd.grad(PiecewiseLinear(0.2)(x), x, v, create_graph=True)
    by_input, by_vector = torch.autograd.grad(first.sum(), [x, v], allow_unused=True)
    assert by_input is None, "so autograd never walks the forward graph a second time"
    assert torch.equal(by_vector, torch.ones_like(x).where(x > 0, 0.2))  # linear in the incoming gradient

    (framework,) = torch.autograd.grad(nn.LeakyReLU(0.2)(x), x, v, create_graph=True)
    assert torch.autograd.grad(framework.sum(), x)[0].eq(0).all(), "where the framework sends zeros"


def test_absent_gradient_stays_absent():
    """Zeros in place of an absent gradient, as from a convolution's second derivative, would go through all layers."""

    class NoGradient(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x: Tensor) -> Tensor:
            return x.clone()

        @staticmethod
        def backward(ctx, grad: Tensor) -> None:
            return None

    x = inputs()
    NoGradient.apply(PiecewiseLinear(0.2)(x)).sum().backward()
    assert x.grad is None


def test_plain_operator_without_gradients(monkeypatch):
    monkeypatch.setattr(layers._LeakyReLU, "apply", None)  # exporters know the plain operator only
    with torch.no_grad():
        assert torch.equal(PiecewiseLinear(0.2)(inputs()), nn.functional.leaky_relu(inputs(), 0.2))
    assert PiecewiseLinear(0.2)(inputs().detach()).min() == -0.4


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("relu", nn.functional.relu),
        ("leaky_relu", lambda x: nn.functional.leaky_relu(x, 0.3)),
        ("elu", nn.functional.elu),
        ("silu", nn.functional.silu),
        ("gelu", nn.functional.gelu),
        ("tanh", torch.tanh),
    ],
)
def test_activations(name, function):
    assert torch.allclose(activation(name, 0.3)(inputs()), function(inputs()))


@pytest.mark.parametrize(
    ("name", "spatial", "over"),
    [
        ("batch", True, (0, 2, 3)),
        ("batch", False, (0,)),
        ("instance", True, (2, 3)),
        ("instance", False, (1,)),  # an instance of a flat layer is the whole layer
        ("layer", True, (1, 2, 3)),
        ("layer", False, (1,)),
    ],
)
def test_norms(name, spatial, over):
    (layer,) = norm(name, 8, spatial)
    shape = (6, 8, 5, 5) if spatial else (6, 8)
    x = sum(torch.randn(shape[:axis] + (1,) * (len(shape) - axis)) for axis in range(1, len(shape) + 1))
    x = x * torch.rand(1, *shape[1:])  # so that images, channels and pixels all differ in level and spread
    variance, mean = torch.var_mean(x, over, correction=0, keepdim=True)
    torch.testing.assert_close(layer(x), (x - mean) / (variance + 1e-5).sqrt(), rtol=1e-4, atol=1e-4)
    assert [p.numel() for p in layer.parameters()] == [8, 8]
    assert norm("none", 8, spatial) == []


def test_spectral_norm_is_one():
    """After enough forward passes, the largest singular value of each layer's weights is 1."""
    torch.manual_seed(0)
    network = normalize_weights(nn.Sequential(nn.Linear(6, 9), PiecewiseLinear(0.1), nn.Linear(9, 1)), spectral=True)
    for _ in range(50):
        network(torch.randn(3, 6))
    for layer in (network[0], network[2]):
        assert torch.linalg.matrix_norm(layer.weight, 2).item() == pytest.approx(1, abs=1e-3)
    one, other = torch.randn(2, 500, 6)
    slopes = (network(one) - network(other)).abs().squeeze(1) / (one - other).norm(dim=1)
    assert slopes.max() <= 1.001


def test_weight_norm():
    """The weights are g * v / ||v||, and start with the values that they had."""
    torch.manual_seed(0)
    plain = nn.Linear(6, 9)
    before = plain.weight.detach().clone()
    layer = normalize_weights(plain, weight=True)
    torch.testing.assert_close(layer.weight, before)
    g, v = layer.parametrizations.weight.original0, layer.parametrizations.weight.original1
    with torch.no_grad():
        v.mul_(3)
        g.fill_(2)
    torch.testing.assert_close(layer.weight, 2 * before / before.norm(dim=1, keepdim=True))


@pytest.mark.parametrize("kind", ["spectral", "weight"])
def test_normalized_weights_are_differentiable_twice(kind):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 4, 3), PiecewiseLinear(0.1), nn.Flatten(), nn.Linear(16, 1))
    normalize_weights(network, **{kind: True})
    x = torch.randn(2, 1, 4, 4, requires_grad=True)
    (gradient,) = torch.autograd.grad(network(x).sum(), x, create_graph=True)
    gradient.square().sum().backward()
    assert all(p.grad.isfinite().all() for name, p in network.named_parameters() if not name.endswith("bias"))
    twin = copy.deepcopy(network)
    twin.load_state_dict(network.state_dict())
    torch.testing.assert_close(twin.eval()(x), network.eval()(x))
    assert not {p.data_ptr() for p in twin.parameters()} & {p.data_ptr() for p in network.parameters()}


def test_spectral_norm_in_half_precision():
    class Square(nn.Module):
        def forward(self, weight: Tensor) -> Tensor:
            return weight @ weight

    layer = normalize_weights(nn.Sequential(nn.Linear(8, 8)), spectral=True)[0]
    layer.parametrizations.weight[0].inner = Square()
    with torch.autocast("cpu", torch.bfloat16):
        half = layer.weight
    assert half.dtype == torch.float32 and torch.equal(half, layer.weight)


@pytest.mark.parametrize("spatial", [False, True])
def test_dropout(spatial):
    torch.manual_seed(0)
    settings = MlpCriticSettings(dropout=0.25)
    network = nn.Sequential(*activation_and_dropout(settings))
    x = torch.ones(80, 50, 2, 2) if spatial else torch.ones(200, 50)
    y = network(x)
    assert (y == 0).float().mean().item() == pytest.approx(0.25, abs=0.02)
    torch.testing.assert_close(y[y != 0], torch.ones_like(y[y != 0]) / 0.75)
    assert torch.equal(network.eval()(x), x)


@pytest.mark.parametrize("layer", [Dropout, Dropout2d])
def test_dropout_in_half_precision(layer):
    torch.manual_seed(0)
    y = layer(0.001)(torch.ones(1000, 500, 1, 1, dtype=torch.bfloat16))
    assert y.dtype == torch.bfloat16
    assert (y == 0).float().mean().item() == pytest.approx(0.001, rel=0.2)


PAIR = {"data": {"a": "digits", "b": {"source": "digits", "transform": "invert"}}, "objective": "cyclegan"}
#: A family with the sizes of its generator and critic, and its layers that may have a norm.
NORMED = [
    ("mlp", {"widths": [6, 5]}, {"widths": [4, 3, 2]}, 2, 3),
    ("dcgan", {"channels": [8, 6]}, {"channels": [4, 6], "dense": [5]}, 2, 3),
    ("resnet", {"channels": [8, 6, 4]}, {"channels": [4, 6, 6]}, 5, 4),
    ("translation", {"channels": 4, "halvings": 1, "blocks": 2}, {"channels": [4, 5, 6]}, 7, 2),
]


def norms_of(network: nn.Module) -> list[str]:
    """The norms of a network in order, as settings name them."""
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm)
    found = (module for module in network.modules() if isinstance(module, kinds))
    groups = (getattr(module, "num_groups", 0) for module in found)
    return [{0: "batch", 1: "layer"}.get(count, "instance") for count in groups]


@pytest.mark.parametrize(("family", "generator", "critic", "own", "others"), NORMED, ids=[case[0] for case in NORMED])
def test_norm_of_each_layer(family, generator, critic, own, others):
    lists = [["layer", "batch", "none", "instance", "batch", "layer", "batch"][:own]]
    lists.append(["none", "instance", "layer", "layer"][:others])

    def recipe(*norms: object) -> Recipe:
        sizes = zip(("generator", "critic"), (generator, critic), norms, strict=True)
        model = {"name": family, **{role: {**size, "norm": norm} for role, size, norm in sizes}}
        return recipe_from_dict({"model": model, "steps": 1, **(PAIR if family == "translation" else {})}, "a test")

    for role, norms in zip(("generator", "critic"), lists, strict=True):
        image = ImageShape(16, 16, 1)
        network = build_network(role, recipe(*lists), image)
        if family == "translation":
            network = next(network.children())  # for one direction
        wanted = [norm for norm in norms if norm != "none"]
        if family == "mlp":  # vectors
            wanted = [norm.replace("instance", "layer") for norm in wanted]
        assert norms_of(network) == wanted
        every = build_network(role, recipe(*(["layer"] * len(each) for each in lists)), image)
        assert every.state_dict().keys() == build_network(role, recipe("layer", "layer"), image).state_dict().keys()
    with pytest.raises(WganError, match=f"`model.critic.norm` lists {others + 1} layers, and there are {others}"):
        recipe(lists[0], [*lists[1], "none"])
    if family != "translation":
        with pytest.raises(WganError, match="`model.critic.norm` does not work with a gradient penalty"):
            recipe(lists[0], ["none"] * (others - 1) + ["batch"])


@pytest.mark.parametrize("groups", [1, 4])
def test_he_variance_of_transposed_convolutions(groups):
    torch.manual_seed(0)
    layer = initialize(nn.ConvTranspose2d(64, 64, 4, 2, 1, groups=groups), "he")
    inside = layer(torch.randn(8, 64, 12, 12))[:, :, 4:-4, 4:-4]
    assert inside.var().item() == pytest.approx(2, rel=0.1)  # halved by a rectifier


@pytest.mark.parametrize("init", get_args(get_args(Init)[0]))
@pytest.mark.parametrize("kernel", [3, 4, 5])
def test_icnr_starts_without_a_pattern_and_with_the_same_variance(init, kernel):
    torch.manual_seed(0)
    smooth, plain = (initialize(doubling(kind, 64, 8, kernel), init) for kind in ("icnr", "transpose"))
    assert {name: value.shape for name, value in smooth.state_dict().items()} == {
        name: value.shape for name, value in plain.state_dict().items()
    }
    inside = smooth(torch.ones(1, 64, 8, 8))[:, :, 4:-4, 4:-4]
    torch.testing.assert_close(inside, inside[:, :, :1, :1].expand_as(inside))
    noise = torch.randn(8, 64, 12, 12)
    assert smooth(noise).var().item() == pytest.approx(plain(noise).var().item(), rel=0.25)
