"""Halving and doubling layers against the framework's own, which compute the same in another form and layout."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from wgan_cli.networks.resampling import (
    MAX_DIRECT,
    BlurPoolConv2d,
    BlurUpConv2d,
    DownConv2d,
    ImageToVector,
    UpConvTranspose2d,
    VectorToImage,
    doubling,
)

KERNELS = range(2, 6)  # odd and even, and one or several blocks of 2x2 entries


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
@settings(max_examples=10)
@given(
    few=st.integers(1, 6),
    wide=st.integers(1, 6),
    batch=st.integers(1, 5),
    height=st.integers(1, 4),
    width=st.integers(1, 4),
    last=st.booleans(),
)
def test_equal_to_torch(kind, kernel, few, wide, batch, height, width, last):
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
@settings(max_examples=10)
@given(fans=st.tuples(st.integers(1, 4), st.integers(1, 6)), height=st.integers(1, 4), width=st.integers(1, 4))
def test_blurred_kernel_equals_two_layers(kind, kernel, bias, fans, height, width):
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


@pytest.mark.parametrize("fan_out", [1, 6])
@pytest.mark.parametrize(("mode", "kernel"), [("nearest", 3), ("nearest", 5), ("bilinear", 3), ("bilinear", 1)])
def test_upsampling_before_a_convolution(mode, kernel, fan_out):
    layer = doubling(mode, 3, fan_out, kernel).double()
    x = torch.randn(2, 3, 8, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    theirs = F.conv2d(F.interpolate(x, scale_factor=2, mode=mode), layer.weight, layer.bias, padding=kernel // 2)
    inside = (..., slice(4, -4), slice(4, -4))  # torch's bilinear interpolation repeats the edge, ours ends in zeros
    torch.testing.assert_close(layer(x)[inside], theirs[inside], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("upsample", ["transpose", "nearest", "bilinear"])
def test_only_a_transposed_convolution_makes_a_pattern_of_a_constant(upsample):
    layer = doubling(upsample, 2, 3, 3).double()
    inside = layer(torch.ones(1, 2, 8, 8, dtype=torch.float64))[:, :, 4:-4, 4:-4]
    spread = (inside - inside.mean((2, 3), keepdim=True)).abs().amax().item()
    assert spread > 0.01 if upsample == "transpose" else spread < 1e-12


@pytest.mark.parametrize("kind", [DownConv2d, UpConvTranspose2d])
def test_form_depends_on_the_channels(monkeypatch, kind):
    """Else the tests above would compare the framework with itself."""
    asked = []
    base = kind.__bases__[0]
    forward = base.forward
    monkeypatch.setattr(base, "forward", lambda self, x: asked.append(type(self)) or forward(self, x))
    for few, wide in ((MAX_DIRECT, MAX_DIRECT + 1), (MAX_DIRECT + 1, MAX_DIRECT)):
        asked.clear()
        kind(few, wide, 4)(torch.ones(2, few, 4, 4))
        decides = few if kind is DownConv2d else wide
        assert bool(asked) == (decides > MAX_DIRECT)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", [DownConv2d, UpConvTranspose2d])
def test_autocast(kind, dtype):
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
@pytest.mark.parametrize("to_vector", [True, False])
def test_vectors_and_images(to_vector, layout):
    torch.manual_seed(0)
    if to_vector:
        layer, other, shape = ImageToVector(IMAGE, 5), [nn.Flatten(), nn.Linear(24, 5)], (7, *IMAGE)
    else:
        layer, other, shape = VectorToImage(5, IMAGE), [nn.Linear(5, 24), nn.Unflatten(1, IMAGE)], (7, 5)
    x = torch.randn(shape, dtype=torch.float64)
    layer, other = layer.double().to(memory_format=layout), nn.Sequential(*other).double()
    other[1 if to_vector else 0].load_state_dict(layer.state_dict())
    given = x.contiguous(memory_format=layout) if to_vector else x
    for ours, theirs in zip(derivatives(layer, given), derivatives(other, x), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)
    assert to_vector or layer(x).is_contiguous(memory_format=torch.channels_last)
