"""The pieces that networks are made of: activations, normalisations, first weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm
from torch.nn.utils.parametrize import register_parametrization

from wgan_cli.networks.batch_norm import BatchNorm1d, BatchNorm2d, Dropout
from wgan_cli.recipe.layer_settings import Activation, Init, LayerSettings, Norm


class _LeakyReLUGradient(torch.autograd.Function):
    """grad * (1 where the activation let its input through, `slope` elsewhere), linear in grad and in nothing else."""

    @staticmethod
    def forward(ctx, grad: Tensor, output: Tensor, slope: float) -> Tensor:
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(output)
        ctx.slope = slope
        return torch.ops.aten.leaky_relu_backward(grad, output, slope, True)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor | None):
        if grad is None:
            return None, None, None
        (output,) = ctx.saved_tensors
        return torch.ops.aten.leaky_relu_backward(grad, output, ctx.slope, True), None, None


class _LeakyReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, slope: float) -> Tensor:
        # An absent gradient must stay absent: made into zeros, it would travel on through every layer below.
        ctx.set_materialize_grads(False)
        output = F.leaky_relu(x, slope)
        ctx.save_for_backward(output)
        ctx.slope = slope
        return output

    @staticmethod
    def backward(ctx, grad: Tensor | None):
        if grad is None:
            return None, None
        (output,) = ctx.saved_tensors
        if grad.stride() != output.stride() and output.is_contiguous(memory_format=torch.channels_last):
            grad = grad.contiguous(
                memory_format=torch.channels_last
            )  # two layouts in one kernel take thirty times as long
        return _LeakyReLUGradient.apply(grad, output.detach(), ctx.slope), None


class PiecewiseLinear(nn.Module):
    """LeakyReLU whose second derivative is not only zero but absent: max(x, slope*x), 0 <= slope <= 1.

    A gradient penalty differentiates the critic twice. The framework's activation then sends zeros back from its second
    derivative through the whole forward graph, a third of all the convolutions' backward work, for nothing. Here the
    gradient does not depend on the input, so autograd never visits that graph. The gradients are the same.
    """

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        # Where nothing is differentiated, and so where a network is exported, plain operators serve.
        if not torch.is_grad_enabled() or not x.requires_grad:
            return F.leaky_relu(x, self.slope)
        if torch.compiler.is_compiling():  # fuses these three, and the factor has no gradient to send back either
            return x * torch.where(x.detach() > 0, 1.0, self.slope).to(x.dtype)
        return _LeakyReLU.apply(x, self.slope)

    def extra_repr(self) -> str:
        return f"slope={self.slope}"


def activation(name: Activation, slope: float) -> nn.Module:
    """The activation of a hidden layer."""
    smooth = {"elu": nn.ELU, "silu": nn.SiLU, "gelu": nn.GELU, "tanh": nn.Tanh}
    if name in smooth:
        return smooth[name]()
    return PiecewiseLinear(slope if name == "leaky_relu" else 0.0)


def norm(name: Norm, features: int, spatial: bool, affine: bool = True) -> list[nn.Module]:
    """The normalisation of a hidden layer, as the modules to add: none or one.

    Args:
        features: channels of (N, features, H, W) if `spatial`, else width of (N, features).
        affine: whether it learns a gain and a bias for each of them.
    """
    if name == "none":
        return []
    if name == "batch":
        return [(BatchNorm2d if spatial else BatchNorm1d)(features, affine=affine)]
    if name == "layer" or not spatial:  # an instance of a flat layer is the whole layer
        return [nn.GroupNorm(1, features, affine=affine)]
    return [nn.GroupNorm(features, features, affine=affine)]  # instance norm that also has a weight and a bias


def after(settings: LayerSettings, features: int, spatial: bool) -> list[nn.Module]:
    """What follows a layer: the normalisation, activation and dropout that the settings ask for."""
    return [*norm(settings.norm, features, spatial), *active(settings)]


def active(settings: LayerSettings) -> list[nn.Module]:
    """The activation and dropout that the settings ask for."""
    dropout = [Dropout(settings.dropout)] if settings.dropout else []
    return [activation(settings.activation, settings.slope), *dropout]


def hidden(settings: LayerSettings, layer: nn.Module, features: int, spatial: bool) -> list[nn.Module]:
    """A layer with all that follows it."""
    return [layer, *after(settings, features, spatial)]


def hidden_layers(settings: LayerSettings, widths: Sequence[int]) -> nn.Sequential:
    """Fully connected hidden layers between vectors of these widths: empty for a single one."""
    layers = [hidden(settings, nn.Linear(a, b), b, spatial=False) for a, b in pairwise(widths)]
    return nn.Sequential(*(module for layer in layers for module in layer))


def _fan_in(module: nn.Linear | nn.Conv2d | nn.ConvTranspose2d) -> float:
    """Inputs that each output sums; a transposed convolution spreads its kernel over stride^2 outputs."""
    if isinstance(module, nn.ConvTranspose2d):
        return module.in_channels * math.prod(module.kernel_size) / math.prod(module.stride)
    return module.weight[0].numel()


def initialize(network: nn.Module, init: Init) -> nn.Module:
    """Draw first weights from torch's default random state, and return the network.

    normal: N(0, 0.02), and N(1, 0.02) for batch norm's (Radford et al. 2016). he: U(-b, b) with b = sqrt(6 / fan_in)
    (He et al. 2015). glorot: b = gain * sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010), the gain 1 but where a
    layer carries another as `init_gain`. torch: the framework's own. Biases are zero but for `torch`. equalised: see
    `equalise`.
    """
    if init == "equalised":
        return equalise(network)
    if init == "torch" or next(network.parameters()).is_meta:  # which holds shapes alone, and drawing takes a second
        return network
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
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
    return network


def equalise(network: nn.Module) -> nn.Module:
    """Draw weights from N(0, 1), and multiply them in every pass by a constant: gain / sqrt(fan_in).

    So each is as large beside its gradient as any other, and one learning rate suits all (Karras et al. 2018, section
    4.1). The gain is sqrt(2) (He et al. 2015), but where a layer carries another as `init_gain`. A layer that carries
    `lr_factor` f learns as if its learning rate were f times as high: its parameters are 1/f times as large and count
    f times. Biases are zero. Returns: the network.
    """
    for module in list(network.modules()):
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            factor = getattr(module, "lr_factor", 1.0)
            if not module.weight.is_meta:
                nn.init.normal_(module.weight, 0.0, 1 / factor)
            gain = getattr(module, "init_gain", math.sqrt(2))
            register_parametrization(module, "weight", _Scaled(factor * gain / math.sqrt(_fan_in(module))))
            if module.bias is not None:
                if not module.bias.is_meta:
                    nn.init.zeros_(module.bias)
                if factor != 1:
                    register_parametrization(module, "bias", _Scaled(factor))
    return network


class _Scaled(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, weight: Tensor) -> Tensor:
        return weight * self.factor


def apply_spectral_norm(network: nn.Module) -> nn.Module:
    """Divide the weights of each layer by their largest singular value, so that none stretches more than by 1.

    Miyato et al. 2018, Algorithm 1: the value comes from one power iteration in each forward pass in training; its
    vectors are buffers, and so part of a checkpoint. Returns: the network.
    """
    for module in list(network.modules()):
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            spectral_norm(module)
            module.parametrizations.weight[-1] = _InFloat32(module.parametrizations.weight[-1])
    return network


class _InFloat32(nn.Module):
    """Computes a weight from another in float32 also under autocast, whose half precision would move the result."""

    def __init__(self, parametrization: nn.Module) -> None:
        super().__init__()
        self.inner = parametrization

    def forward(self, weight: Tensor) -> Tensor:
        if weight.is_meta:  # which autocast does not know
            return self.inner(weight)
        with torch.autocast(weight.device.type, enabled=False):
            return self.inner(weight)
