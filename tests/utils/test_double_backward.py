"""Penalties' second derivatives of convolutions: equal to autograd's, without its image-sized kernels."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from wgan_cli.networks import build_network
from wgan_cli.objectives.penalties import gradient_penalty
from wgan_cli.recipe import ImageShape, load_recipe
from wgan_cli.utils.double_backward import FastDoubleBackward, _Geometry, _InputGradient

LAYERS = {
    "5x5, stride 2": nn.Conv2d(4, 6, 5, stride=2, padding=2),
    "no bias": nn.Conv2d(4, 6, 3, bias=False),
    "groups, dilation": nn.Conv2d(4, 6, 3, padding=2, dilation=2, groups=2),
    "uneven": nn.Conv2d(4, 6, (3, 1), stride=(1, 2), padding=(0, 1)),
    "padding by name": nn.Conv2d(4, 6, 3, padding="same"),
    "reflected": nn.Conv2d(4, 6, 3, padding=1, padding_mode="reflect"),
    "transposed": nn.ConvTranspose2d(4, 6, 4, stride=2, padding=1),
    "transposed, output padding": nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2),
    "pooled": nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(4, 6, 1)),
    "pooled, padding": nn.Sequential(nn.AvgPool2d(3, (1, 2), 1, ceil_mode=True), nn.Conv2d(4, 6, 1)),
}


def second_gradients(network: nn.Module, images: Tensor, mode: AbstractContextManager[object]) -> list[Tensor]:
    """Return the derivatives of a penalty on the input gradient with respect to the weights."""
    network.zero_grad()
    images = images.detach().requires_grad_()
    with mode:
        scores = network(images)
    (gradient,) = torch.autograd.grad(scores.sum(), images, create_graph=True)
    (gradient.float().flatten(1).norm(dim=1) - 1).square().mean().backward()
    return [torch.zeros(()) if p.grad is None else p.grad for p in network.parameters()]


@pytest.mark.parametrize("activation", [nn.LeakyReLU(0.2), nn.Tanh()], ids=["piecewise linear", "smooth"])
@pytest.mark.parametrize("layer", LAYERS)
def test_equals_autograd(layer, activation):
    """With a smooth activation, the penalty also depends on the values of the forward pass."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), activation, LAYERS[layer], activation, nn.Conv2d(6, 1, 2))
    network, images = network.double(), torch.randn(3, 2, 8, 8, dtype=torch.float64)
    expected = [gradient.clone() for gradient in second_gradients(network, images, nullcontext())]
    assert any(gradient.abs().max() > 1e-3 for gradient in expected)
    torch.testing.assert_close(second_gradients(network, images, FastDoubleBackward()), expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("transposed", "weight", "output"), [(False, (4, 3, 3, 3), (2, 4, 3, 3)), (True, (3, 4, 3, 3), (2, 4, 12, 12))]
)
def test_input_gradient_is_differentiable(transposed, weight, output):
    images = torch.randn(2, 3, 6, 6, dtype=torch.float64)
    geometry = _Geometry((2, 2), (1, 1), (1, 1), transposed, (int(transposed),) * 2, 1)
    inputs = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in (output, weight)]
    assert torch.autograd.gradcheck(lambda *given: _InputGradient.apply(*given, images, geometry), inputs)


def test_autocast():
    """Products are as in autocast's convolutions, and gradients arrive in float32."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(2, 4, 3), nn.LeakyReLU(0.2), nn.Conv2d(4, 1, 6))
    images, found = torch.randn(8, 2, 8, 8), []
    for mode in (nullcontext(), FastDoubleBackward()):
        with torch.autocast("cpu", torch.bfloat16):
            found.append([gradient.clone() for gradient in second_gradients(network, images, mode)])
    for plain, fast in zip(*found, strict=True):
        assert fast.dtype == torch.float32
        assert (fast - plain).norm() <= 0.02 * plain.norm()


def test_average_pooling_differentiates_nothing_below_it_twice():
    below, above = nn.Conv2d(2, 4, 3), nn.Conv2d(4, 1, 3)
    images, visits = torch.randn(2, 2, 8, 8).requires_grad_(), []
    with FastDoubleBackward():
        features = below(images)
        scores = above(nn.AvgPool2d(2)(features))
    (gradient,) = torch.autograd.grad(scores.sum(), images, create_graph=True)
    features.register_hook(visits.append)
    gradient.square().sum().backward()
    assert not visits
    assert below.weight.grad is not None and below.weight.grad.any()


class LargestKernel(TorchDispatchMode):
    side = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.overloadpacket is torch.ops.aten.convolution:
            self.side = max(self.side, args[1].shape[-1])
        return func(*args, **(kwargs or {}))


def test_penalty_convolves_with_no_image():
    recipe = load_recipe("mnist_dcgan", [])
    critic = build_network("critic", recipe, ImageShape(28, 28, 1, 10))
    real, fake = torch.randn(2, 4, 1, 28, 28)
    with LargestKernel() as largest:
        gradient_penalty(critic, real, fake).backward()
    assert 0 < largest.side <= recipe.model.critic.kernel
