"""Convolutions and average pooling whose double backward does no more work than a plain backward."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode


class FastDoubleBackward(TorchFunctionMode):
    """Context for computing an input gradient that is differentiated again, as a gradient penalty does.

    The gradient of sum(g * conv(x, w)) with respect to x is conv^T(g, w). When autograd differentiates that with
    respect to w, it convolves x's gradient v with g as if g, as large as the image, were a kernel: slow everywhere,
    several times so on a GPU. But conv^T is linear in w, and its derivative is the ordinary weight gradient of a
    convolution with input v and output gradient g. Results are equal up to rounding; compare conv2d_gradfix in NVIDIA's
    StyleGAN2-ADA.

    Applies to all 2d convolutions inside. With `create_graph`, their backward returns no gradient of the weights, which
    an input gradient doesn't need.

    It also applies to average pooling, whose gradient doesn't depend on its input: autograd's second derivative sends
    zeros from there through the whole forward graph below.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        replacement = _REPLACEMENTS.get(func)
        return (replacement or func)(*args, **(kwargs or {}))


class _Geometry(NamedTuple):
    """Arguments of aten's convolution after input, weight and bias."""

    stride: Sequence[int]
    padding: Sequence[int]
    dilation: Sequence[int]
    transposed: bool
    output_padding: Sequence[int]
    groups: int


def _conv2d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
    groups: int = 1,
) -> Tensor:  # fmt: skip
    if isinstance(padding, str) or not input.requires_grad:
        return torch.conv2d(input, weight, bias, stride, padding, dilation, groups)
    return _convolve(
        input, weight, bias, _Geometry(_pair(stride), _pair(padding), _pair(dilation), False, (0, 0), groups)
    )


def _conv_transpose2d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
    output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
) -> Tensor:  # fmt: skip
    if not input.requires_grad:
        return torch.conv_transpose2d(input, weight, bias, stride, padding, output_padding, groups, dilation)
    geometry = _Geometry(_pair(stride), _pair(padding), _pair(dilation), True, _pair(output_padding), groups)
    return _convolve(input, weight, bias, geometry)


def _avg_pool2d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Tensor:  # fmt: skip
    kernel = _pair(kernel_size)
    stride = _pair(stride) if stride else kernel
    window = (kernel, stride, _pair(padding), ceil_mode, count_include_pad, divisor_override)
    return cast(Tensor, _AveragePool.apply(input, window))


_REPLACEMENTS: dict[Any, Callable[..., Tensor]] = {
    torch.conv2d: _conv2d,
    torch.conv_transpose2d: _conv_transpose2d,
    F.avg_pool2d: _avg_pool2d,
}


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else tuple(value)


def _convolve(input: Tensor, weight: Tensor, bias: Tensor | None, geometry: _Geometry) -> Tensor:
    device = input.device.type
    if torch.is_autocast_enabled(device):  # autocast doesn't reach into autograd functions
        dtype = torch.get_autocast_dtype(device)
        input, weight = input.to(dtype), weight.to(dtype)
        bias = None if bias is None else bias.to(dtype)
        with torch.autocast(device, enabled=False):
            return cast(Tensor, _Convolution.apply(input, weight, bias, geometry))
    return cast(Tensor, _Convolution.apply(input, weight, bias, geometry))


def _gradients(
    gradient: Tensor, input: Tensor, weight: Tensor, mask: list[bool], geometry: _Geometry
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of a convolution's input, weight and bias, where the mask wants them."""
    bias = [weight.shape[1] * geometry.groups if geometry.transposed else weight.shape[0]]
    backward: Any = torch.ops.aten.convolution_backward
    return backward(gradient, input, weight, bias, *geometry, mask)


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor, bias: Tensor | None, geometry: _Geometry) -> Tensor:
        ctx.save_for_backward(input, weight)
        ctx.geometry = geometry
        return torch.ops.aten.convolution(input, weight, bias, *geometry)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        (gradient,), (input, weight) = gradients, ctx.saved_tensors
        if torch.is_grad_enabled():  # the first derivative, with create_graph
            return _InputGradient.apply(gradient, weight, input.detach(), ctx.geometry), None, None, None
        return *_gradients(gradient, input, weight, list(ctx.needs_input_grad[:3]), ctx.geometry), None


class _InputGradient(torch.autograd.Function):
    """Gradient of a convolution with respect to its input: linear in the output's gradient and in the weight."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, weight: Tensor, input: Tensor, geometry: _Geometry) -> Tensor:
        ctx.save_for_backward(gradient, weight)
        ctx.geometry = geometry
        return _gradients(gradient, input, weight, [True, False, False], geometry)[0]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad_outputs: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return the derivatives of <v, conv^T(g, w)> = <conv(v, w), g> in g and w, with v the result's gradient."""
        (v,), (gradient, weight) = grad_outputs, ctx.saved_tensors
        of_gradient, of_weight = None, None
        if ctx.needs_input_grad[0]:
            of_gradient = torch.ops.aten.convolution(v, weight, None, *ctx.geometry)
        if ctx.needs_input_grad[1]:
            of_weight = _gradients(gradient, v, weight, [False, True, False], ctx.geometry)[1]
        return of_gradient, of_weight, None, None


class _AveragePool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, input: Tensor, window: tuple[Any, ...]) -> Tensor:
        ctx.save_for_backward(input)
        ctx.window = window
        return torch.ops.aten.avg_pool2d(input, *window)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        (gradient,), (input,) = gradients, ctx.saved_tensors
        return _AveragePoolGradient.apply(gradient, input.detach(), ctx.window), None


class _AveragePoolGradient(torch.autograd.Function):
    """Gradient of average pooling: linear in the output's gradient; of its input, only the shape counts."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, input: Tensor, window: tuple[Any, ...]) -> Tensor:
        ctx.window = window
        return torch.ops.aten.avg_pool2d_backward(gradient, input, *window)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad_outputs: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return torch.ops.aten.avg_pool2d(grad_outputs[0], *ctx.window), None, None
