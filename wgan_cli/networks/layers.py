"""Activations, normalization, initialization and spectral norm.

Optional attributes of layers, read by this package:
    init_gain, lr_factor: see `initialize` and `equalize`.
    spectral_norm: True for a layer that `normalize_weights` divides by its largest singular value.
    torch_name: the torch.nn layers that it stands for, in tables of layers.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm, weight_norm
from torch.nn.utils.parametrize import register_parametrization

from wgan_cli.networks.resampling import SmoothUpConvTranspose2d
from wgan_cli.networks.sharded_layers import BatchNorm1d, BatchNorm2d, Dropout
from wgan_cli.recipe.layer_settings import Activation, Init, LayerSettings, Norm

WEIGHT_LAYERS = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
WeightLayer = nn.Linear | nn.Conv2d | nn.ConvTranspose2d


class _LeakyReLUGradient(torch.autograd.Function):
    """grad * (1 where the output is positive, else `slope`): linear in grad, and a function of nothing else."""

    @staticmethod
    def forward(ctx: Any, grad: Tensor, output: Tensor, slope: float) -> Tensor:
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(output)
        ctx.slope = slope
        return torch.ops.aten.leaky_relu_backward(grad, output, slope, True)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad_outputs: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        (grad,), (output,) = grad_outputs, ctx.saved_tensors
        grad_grad = None if grad is None else torch.ops.aten.leaky_relu_backward(grad, output, ctx.slope, True)
        return grad_grad, None, None


class _LeakyReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, slope: float) -> Tensor:
        # An absent gradient must stay absent: as zeros, it would propagate through every layer below.
        ctx.set_materialize_grads(False)
        output = F.leaky_relu(x, slope)
        ctx.save_for_backward(output)
        ctx.slope = slope
        return output

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        (grad,) = grad_outputs
        if grad is None:
            return None, None
        (output,) = ctx.saved_tensors
        if grad.stride() != output.stride() and output.is_contiguous(memory_format=torch.channels_last):
            # mixed memory layouts make the kernel thirty times slower
            grad = grad.contiguous(memory_format=torch.channels_last)
        return _LeakyReLUGradient.apply(grad, output.detach(), ctx.slope), None


class PiecewiseLinear(nn.Module):
    """LeakyReLU without a second derivative: max(x, slope*x), 0 <= slope <= 1.

    A gradient penalty differentiates the critic twice. The second derivative of nn.LeakyReLU sends zeros through the
    whole forward graph, a third of the convolutions' backward work. Here the gradient does not depend on the input, so
    autograd skips that graph. The gradients are equal.
    """

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope = slope
        self.torch_name = f"LeakyReLU({slope:g})" if slope else "ReLU"

    def forward(self, x: Tensor) -> Tensor:
        # Without gradients, and therefore when a network is exported, use the plain operator.
        if not torch.is_grad_enabled() or not x.requires_grad:
            return F.leaky_relu(x, self.slope)
        if torch.compiler.is_compiling():  # fused by the compiler; the factor has no gradient either
            return x * torch.where(x.detach() > 0, 1.0, self.slope).to(x.dtype)
        return _LeakyReLU.apply(x, self.slope)


def same_conv(fan_in: int, fan_out: int, kernel: int) -> nn.Conv2d:
    """Return a convolution of odd kernel size that keeps height and width."""
    return nn.Conv2d(fan_in, fan_out, kernel, padding=kernel // 2)


def activation(name: Activation, slope: float) -> nn.Module:
    """Return the activation of a hidden layer."""
    smooth = {"elu": nn.ELU, "silu": nn.SiLU, "gelu": nn.GELU, "tanh": nn.Tanh}
    return smooth[name]() if name in smooth else PiecewiseLinear(slope if name == "leaky_relu" else 0.0)


def norm(name: Norm, features: int, spatial: bool, affine: bool = True) -> list[nn.Module]:
    """Return the normalization of a hidden layer as a list of no or one module.

    Args:
        features: channels of (N, features, H, W) if `spatial`, else the width of (N, features).
        affine: learn a gain and a bias per feature.
    """
    if name == "none":
        return []
    if name == "batch":
        return [(BatchNorm2d if spatial else BatchNorm1d)(features, affine=affine)]
    if name == "layer" or not spatial:  # for vectors, instance norm is layer norm
        return [nn.GroupNorm(1, features, affine=affine)]
    return [nn.GroupNorm(features, features, affine=affine)]  # nn.InstanceNorm2d, with weight and bias


def activation_and_dropout(settings: LayerSettings) -> list[nn.Module]:
    """Return the activation and dropout that follow a hidden layer."""
    dropout = [Dropout(settings.dropout)] if settings.dropout else []
    return [activation(settings.activation, settings.slope), *dropout]


def hidden_layer(settings: LayerSettings, layer: WeightLayer, number: int = 0) -> list[nn.Module]:
    """Return a layer with its normalization, activation and dropout; `number` counts the hidden layers."""
    spatial = not isinstance(layer, nn.Linear)
    features = layer.out_channels if spatial else layer.out_features
    return [layer, *norm(settings.norm_of(number), features, spatial), *activation_and_dropout(settings)]


def dense_layers(settings: LayerSettings, widths: Sequence[int], number: int = 0) -> nn.Sequential:
    """Return fully connected hidden layers between vectors of these widths; empty for a single width."""
    layers = nn.Sequential()
    for i, (a, b) in enumerate(pairwise(widths), start=number):
        layers.extend(hidden_layer(settings, nn.Linear(a, b), i))
    return layers


def _fan_in(module: WeightLayer) -> float:
    """Count the inputs of an output; a transposed convolution spreads its kernel over stride^2 outputs."""
    if isinstance(module, nn.ConvTranspose2d):
        return module.in_channels // module.groups * math.prod(module.kernel_size) / math.prod(module.stride)
    return module.weight[0].numel()


def normal_values(*size: int) -> Tensor:
    """Draw values of N(0, 1), but not on the meta device, where torch would import its compiler."""
    values = torch.empty(size)
    return values if values.is_meta else values.normal_()


def set_init_gain(layer: nn.Module, gain: float) -> None:
    """Set the gain with which `initialize` draws a layer's weights for `glorot` and `equalised`."""
    vars(layer)["init_gain"] = gain


def set_lr_factor(layer: nn.Module, factor: float) -> None:
    """Let a layer learn as with a learning rate multiplied by `factor`, if its weights are drawn by `equalised`."""
    vars(layer)["lr_factor"] = factor


def initialize(network: nn.Module, init: Init) -> nn.Module:
    """Draw initial weights from torch's global random generator, and return the network.

    normal: N(0, 0.02), and N(1, 0.02) for batch norm's gain (Radford et al. 2016). he: U(-b, b) with
    b = sqrt(6 / fan_in) (He et al. 2015). glorot: b = gain * sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010),
    with a layer's `init_gain` or 1. torch: PyTorch's defaults. equalised: see `equalize`. Biases are zero except for
    `torch`. See SmoothUpConvTranspose2d for its weights.
    """
    if init == "equalised":
        return equalize(network)
    if next(network.parameters()).is_meta:  # meta tensors have no values, and drawing is slow
        return network
    for module in network.modules():
        if isinstance(module, WEIGHT_LAYERS) and init != "torch":
            if init == "normal":
                nn.init.normal_(module.weight, 0.0, 0.02)
            elif init == "glorot":
                nn.init.xavier_uniform_(module.weight, getattr(module, "init_gain", 1.0))
            else:
                bound = math.sqrt(6 / _fan_in(module))
                nn.init.uniform_(module.weight, -bound, bound)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) and init == "normal" and module.affine:
            nn.init.normal_(module.weight, 1.0, 0.02)
        if isinstance(module, SmoothUpConvTranspose2d):
            module.smooth_weight_()
    return network


def equalize(network: nn.Module) -> nn.Module:
    """Draw weights from N(0, 1), multiply them in every pass by gain / sqrt(fan_in), and return the network.

    Equalized learning rate (Karras et al. 2018, section 4.1): all weights have the same scale relative to their
    gradient. The gain is a layer's `init_gain` or sqrt(2) (He et al. 2015). A layer with `lr_factor` f learns as with
    an f times higher learning rate: its parameters are 1/f times as large and multiplied by f. Biases are zero.
    """
    for module in list(network.modules()):
        if isinstance(module, WEIGHT_LAYERS):
            factor = getattr(module, "lr_factor", 1.0)
            if not module.weight.is_meta:
                nn.init.normal_(module.weight, 0.0, 1 / factor)
                if isinstance(module, SmoothUpConvTranspose2d):
                    module.smooth_weight_()
            gain = getattr(module, "init_gain", math.sqrt(2))
            _scale(module, "weight", factor * gain / math.sqrt(_fan_in(module)))
            if module.bias is not None:
                nn.init.zeros_(module.bias)
                if factor != 1:
                    _scale(module, "bias", factor)
    return network


def _scale(module: nn.Module, name: str, factor: float) -> None:
    # unsafe: skip a trial pass, for which torch imports its compiler where tensors are meta tensors
    register_parametrization(module, name, Scaled(factor), unsafe=True)


class Scaled(nn.Module):
    """Parametrization that multiplies by a constant."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, weight: Tensor) -> Tensor:
        return weight * self.factor


def mark_for_spectral_norm(layer: nn.Module) -> None:
    """Let `normalize_weights` apply spectral norm to a layer."""
    vars(layer)["spectral_norm"] = True


def normalize_weights(network: nn.Module, spectral: bool = False, weight: bool = False) -> nn.Module:
    """Normalize the weights of all or of marked layers, after their values are drawn, and return the network.

    Args:
        spectral: divide weights by their largest singular value (Miyato et al. 2018, Algorithm 1): one power iteration
            per forward pass in training; its vectors are buffers, and therefore part of a checkpoint.
        weight: replace the weights of each output by g * v / ||v|| (Salimans and Kingma 2016, eq. 2).
    """
    for module in list(network.modules()):
        if isinstance(module, WEIGHT_LAYERS):
            if weight:
                _in_float32(weight_norm(module))
            if spectral or getattr(module, "spectral_norm", False):
                _in_float32(spectral_norm(module))
    return network


def _in_float32(layer: nn.Module) -> None:
    parametrizations = cast(nn.ModuleList, cast(nn.ModuleDict, layer.parametrizations)["weight"])
    parametrizations[-1] = InFloat32(parametrizations[-1])


class InFloat32(nn.Module):
    """Parametrization computed in float32 also under autocast, because half precision changes the result."""

    def __init__(self, parametrization: nn.Module) -> None:
        super().__init__()
        self.inner = parametrization

    def forward(self, *weights: Tensor) -> Tensor:
        if weights[0].is_meta:  # autocast does not support meta tensors
            return self.inner(*weights)
        with torch.autocast(weights[0].device.type, enabled=False):
            return self.inner(*weights)


class LatentGenerator(nn.Module):
    """Generator of images (N, C, H, W) in [-1, 1] from z (N, latent_dim) and optional labels (N,)."""

    def first_weight(self) -> Tensor:
        """Return the weight with which the first layer multiplies z, without the class: (outputs, latent_dim).

        With a style space it is the concatenation of all layers that take w: (outputs, style_dim).
        """
        raise NotImplementedError
