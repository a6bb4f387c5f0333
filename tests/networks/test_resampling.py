"""Halving and doubling layers against the framework's own, which compute the same in another form and layout."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from wgan_cli.networks.resampling import (
    MAX_DIRECT,
    BlurPoolConv2d,
    BlurUpConv2d,
    DownConv2d,
    ImageToVector,
    UpConvTranspose2d,
    VectorToImage,
)
from wgan_cli.recipe.model_settings import DcganCriticSettings, DcganGeneratorSettings

KERNELS = range(2, 10)


def plain(layer: nn.Module) -> nn.Module:
    """The framework's layer with the same settings and weights."""
    kind = nn.Conv2d if isinstance(layer, DownConv2d) else nn.ConvTranspose2d
    more = {} if kind is nn.Conv2d else {"output_padding": layer.output_padding}
    fans = (layer.in_channels, layer.out_channels, layer.kernel_size)
    other = kind(*fans, stride=layer.stride, padding=layer.padding, **more).double()
    other.load_state_dict(layer.state_dict())  # same names and shapes, or this refuses
    return other


def derivatives(layer: nn.Module, x: Tensor) -> list[Tensor]:
    """Values, gradients by input and weights, and the gradients of the former's length as a penalty takes them.

    A curve follows the layer, so that the second derivatives reach the input as well.
    """
    x = x.clone().requires_grad_()
    y = layer(x)
    parameters = list(layer.parameters())
    first = torch.autograd.grad(y.tanh().square().sum(), [x, *parameters], create_graph=True)
    second = torch.autograd.grad(first[0].square().sum(), [x, *parameters])
    return [y, *first, *second]


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("kind", [DownConv2d, UpConvTranspose2d])
@settings(max_examples=20)
@given(
    few=st.integers(1, 6),
    wide=st.integers(1, 6),
    batch=st.integers(1, 5),
    height=st.integers(1, 4),
    width=st.integers(1, 4),
    last=st.booleans(),
)
def test_values_and_both_derivatives_equal_the_frameworks(kind, kernel, few, wide, batch, height, width, last):
    torch.manual_seed(0)
    layer = kind(few, wide, kernel).double()
    size = (2 * height, 2 * width) if kind is DownConv2d else (height, width)
    x = torch.randn(batch, few, *size, dtype=torch.float64)
    if last:
        x = x.contiguous(memory_format=torch.channels_last)
    for ours, theirs in zip(derivatives(layer, x), derivatives(plain(layer), x), strict=True):
        assert ours.shape == theirs.shape
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)
    factor = 0.5 if kind is DownConv2d else 2
    assert layer(x).shape == (batch, wide, *(int(side * factor) for side in size))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
@pytest.mark.parametrize("kind", [BlurPoolConv2d, BlurUpConv2d])
@settings(max_examples=20)
@given(fans=st.tuples(st.integers(1, 4), st.integers(1, 4)), height=st.integers(1, 4), width=st.integers(1, 4))
def test_one_kernel_equals_a_convolution_and_a_change_of_size(kind, kernel, bias, fans, height, width):
    torch.manual_seed(0)
    layer = kind(*fans, kernel).double()
    other = nn.Conv2d(*fans, kernel, padding="same").double()
    other.load_state_dict(layer.state_dict())
    if not bias:
        layer.bias = other.bias = None
    x = torch.randn(2, fans[0], 2 * height, 2 * width, dtype=torch.float64)
    two = nn.Sequential(*([other, nn.AvgPool2d(2)] if kind is BlurPoolConv2d else [nn.Upsample(scale_factor=2), other]))
    for ours, theirs in zip(derivatives(layer, x), derivatives(two, x), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


def test_every_kernel_that_a_recipe_allows_is_tried():
    for kind in (DcganCriticSettings, DcganGeneratorSettings):
        for kernel in KERNELS:
            assert kind(kernel=kernel).kernel == kernel
        for kernel in (KERNELS.start - 1, KERNELS.stop):
            with pytest.raises(ValueError):
                kind(kernel=kernel)


@pytest.mark.parametrize("kind", [DownConv2d, UpConvTranspose2d])
def test_the_form_changes_only_for_few_channels(monkeypatch, kind):
    """Else the tests above would compare the framework with itself."""
    asked = []
    base = kind.__bases__[0]
    forward = base.forward
    monkeypatch.setattr(base, "forward", lambda self, x: asked.append(type(self)) or forward(self, x))
    for few, wide in (
        (1, MAX_DIRECT + 1),
        (MAX_DIRECT, MAX_DIRECT + 1),
        (MAX_DIRECT + 1, 1),
        (MAX_DIRECT + 1, MAX_DIRECT),
    ):
        asked.clear()
        kind(few, wide, 4)(torch.ones(2, few, 4, 4))
        decides = few if kind is DownConv2d else wide
        assert bool(asked) == (decides > MAX_DIRECT)


@pytest.mark.parametrize("kind", [DownConv2d, UpConvTranspose2d])
def test_a_layer_without_a_bias_serves_too(kind):
    layer = kind(2, 3, 4).double()
    layer.bias = None
    weight = layer.weight
    x = torch.randn(2, 2, 4, 4, dtype=torch.float64)
    function = nn.functional.conv2d if kind is DownConv2d else nn.functional.conv_transpose2d
    torch.testing.assert_close(layer(x), function(x, weight, stride=2, padding=1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", [DownConv2d, UpConvTranspose2d])
def test_autocast_gives_products_its_type_and_keeps_weights(kind, dtype):
    layer, x = kind(1, 1, 5), torch.randn(2, 1, 4, 4)
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        y = layer(x)
    y.float().sum().backward()
    assert y.dtype == dtype
    assert layer.weight.grad.dtype == layer.bias.grad.dtype == torch.float32
    torch.testing.assert_close(y.float(), layer(x), rtol=0.02, atol=0.02)


LAYOUTS = [torch.contiguous_format, torch.channels_last]
IMAGE = (3, 4, 2)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_image_becomes_a_vector_as_if_it_were_flattened(layout):
    torch.manual_seed(0)
    layer, other = ImageToVector(IMAGE, 5).double(), nn.Sequential(nn.Flatten(), nn.Linear(24, 5)).double()
    other[1].load_state_dict(layer.state_dict())
    x = torch.randn(7, *IMAGE, dtype=torch.float64)
    for ours, theirs in zip(derivatives(layer, x.contiguous(memory_format=layout)), derivatives(other, x), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_vector_becomes_an_image_as_if_it_were_viewed(layout):
    torch.manual_seed(0)
    layer, other = VectorToImage(5, IMAGE).double(), nn.Sequential(nn.Linear(5, 24), nn.Unflatten(1, IMAGE)).double()
    other[0].load_state_dict(layer.state_dict())
    x = torch.randn(7, 5, dtype=torch.float64)
    for ours, theirs in zip(derivatives(layer.to(memory_format=layout), x), derivatives(other, x), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)
    assert layer(x).is_contiguous(memory_format=torch.channels_last)
