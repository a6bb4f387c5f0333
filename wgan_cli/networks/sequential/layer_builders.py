"""Layers of a list: one builder per layer, which infers the number of inputs and the shape of the output."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from wgan_cli.errors import WganError
from wgan_cli.networks.layers import WEIGHT_LAYERS, PiecewiseLinear, mark_for_spectral_norm
from wgan_cli.networks.resampling import DownConv2d, ImageToVector, UpConvTranspose2d
from wgan_cli.networks.sequential.own_layers import AppendDiscrimination, AppendStd, Crop, Unflatten
from wgan_cli.networks.sequential.self_attention import SelfAttention
from wgan_cli.networks.sequential.shapes import (
    Shape,
    ShapeError,
    check_groups,
    check_image,
    check_inputs,
    check_sides,
    per_direction,
    shape_text,
)
from wgan_cli.networks.sharded_layers import BatchNorm1d, BatchNorm2d, Dropout, Dropout2d
from wgan_cli.recipe.sequential import layer_types as settings
from wgan_cli.recipe.sequential.layer_types import Layer

Built = tuple[nn.Module, Shape]


def build_layers(layers: Sequence[Layer], shape: Shape, network: str) -> tuple[nn.Sequential, Shape]:
    """Build layers in order.

    Args:
        shape: of the input, without the batch.
        network: name for errors.
    Returns: the layers, and the shape of their output.
    Raises: WganError naming the layer by its index, its input and the fix.
    """
    modules = nn.Sequential()
    for i, layer in enumerate(layers):
        module, shape = build_one(layer, shape, f"{network} layer {i}")
        modules.append(module)
    return modules, shape


def build_one(layer: Layer, shape: Shape, place: str) -> Built:
    """Build one layer, and return it with the shape of its output. Raises: WganError that begins with `place`."""
    try:
        module, shape = _BUILDERS[type(layer)](layer, shape)
    except ShapeError as error:
        message, hint = error.args
        raise WganError(f"{place}, {layer}: {message}", hint) from None
    if getattr(layer, "spectral_norm", False):
        for part in module.modules():
            if isinstance(part, WEIGHT_LAYERS):
                mark_for_spectral_norm(part)
    return module, shape


def _linear(layer: settings.Linear, shape: Shape) -> Built:
    inputs = math.prod(shape)
    check_inputs("in_features", layer.in_features, inputs)
    if len(shape) == 1:
        return nn.Linear(inputs, layer.out_features, layer.bias), (layer.out_features,)
    return ImageToVector(shape, layer.out_features, layer.bias), (layer.out_features,)


def _conv(layer: settings.Conv2d, shape: Shape) -> Built:
    channels, *sides = check_image(shape)
    check_inputs("in_channels", layer.in_channels, channels)
    check_groups(layer.groups, channels, layer.out_channels)
    given = map(per_direction, (layer.kernel_size, layer.stride, layer.padding, layer.dilation))
    out = [
        (side + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
        for side, kernel, stride, padding, dilation in zip(sides, *given, strict=True)
    ]
    check_sides(out, shape)
    kernel = _kernel_of_plain(layer)
    if kernel and layer.padding == (kernel - 1) // 2 and not any(side % 2 for side in sides):
        module = DownConv2d(channels, layer.out_channels, kernel, layer.bias)
    else:
        module = nn.Conv2d(channels, **_torch_arguments(layer))
    return module, (layer.out_channels, *out)


def _conv_transpose(layer: settings.ConvTranspose2d, shape: Shape) -> Built:
    channels, *sides = check_image(shape)
    check_inputs("in_channels", layer.in_channels, channels)
    check_groups(layer.groups, channels, layer.out_channels)
    padding, extra, out = per_direction(layer.padding), per_direction(layer.output_padding), list[int]()
    given = map(per_direction, (layer.kernel_size, layer.stride, layer.dilation))
    for i, (side, kernel, stride, dilation) in enumerate(zip(sides, *given, strict=True)):
        if extra[i] >= max(stride, dilation):
            raise ShapeError("output_padding must be smaller than stride or dilation", "lower output_padding")
        out.append((side - 1) * stride - 2 * padding[i] + dilation * (kernel - 1) + extra[i] + 1)
    check_sides(out, shape)
    kernel = _kernel_of_plain(layer)
    if kernel and padding[0] == padding[1] >= extra[0] == extra[1]:
        module = UpConvTranspose2d(channels, layer.out_channels, kernel, layer.bias, padding[0], extra[0])
    else:
        module = nn.ConvTranspose2d(channels, **_torch_arguments(layer))
    return module, (layer.out_channels, *out)


def _kernel_of_plain(layer: settings.Conv2d | settings.ConvTranspose2d) -> int:
    """Return the size of a square kernel with stride 2 and without dilation or groups; 0 for other layers."""
    kernel, other = per_direction(layer.kernel_size)
    plain = kernel == other > 1 and (layer.stride, layer.dilation, layer.groups) == (2, 1, 1)
    return kernel if plain else 0


def _batch_norm(layer: settings.BatchNorm1d | settings.BatchNorm2d, shape: Shape) -> Built:
    spatial = isinstance(layer, settings.BatchNorm2d)
    if spatial:
        check_image(shape)
    elif len(shape) > 1:
        raise ShapeError(
            f"takes vectors, and its input is {shape_text(shape)}", "use BatchNorm2d, or add Flatten before it"
        )
    check_inputs("num_features", layer.num_features, shape[0])
    kind = BatchNorm2d if spatial else BatchNorm1d
    return kind(shape[0], layer.eps, layer.momentum, layer.affine), shape


def _instance_norm(layer: settings.InstanceNorm2d, shape: Shape) -> Built:
    channels, *sides = check_image(shape)
    check_inputs("num_features", layer.num_features, channels)
    if math.prod(sides) == 1:
        raise ShapeError("normalizes over the pixels of a channel, and its input has only one", "leave it out")
    return nn.GroupNorm(channels, channels, layer.eps, layer.affine), shape  # instance norm, and differentiable twice


def _layer_norm(layer: settings.LayerNorm, shape: Shape) -> Built:
    given = layer.normalized_shape
    check_inputs("normalized_shape", (given,) if isinstance(given, int) else given, tuple(shape))
    return nn.LayerNorm(list(shape), layer.eps), shape


def _group_norm(layer: settings.GroupNorm, shape: Shape) -> Built:
    check_inputs("num_channels", layer.num_channels, shape[0])
    if shape[0] % layer.num_groups:
        raise ShapeError(f"num_groups doesn't divide the {shape[0]} channels of its input", "choose a divisor")
    return nn.GroupNorm(layer.num_groups, shape[0], layer.eps), shape


def _pool(layer: settings.MaxPool2d | settings.AvgPool2d, shape: Shape) -> Built:
    channels, *sides = check_image(shape)
    kernel, stride, padding = layer.kernel_size, layer.stride or layer.kernel_size, layer.padding
    (high, wide), (down, right), (top, left) = per_direction(kernel), per_direction(stride), per_direction(padding)
    if top > high // 2 or left > wide // 2:
        raise ShapeError("padding is more than half of kernel_size", "lower padding")
    out = [(sides[0] + 2 * top - high) // down + 1, (sides[1] + 2 * left - wide) // right + 1]
    check_sides(out, shape)
    kind = nn.MaxPool2d if isinstance(layer, settings.MaxPool2d) else nn.AvgPool2d
    return kind(kernel, stride, padding), (channels, *out)


def _upsample(layer: settings.Upsample, shape: Shape) -> Built:
    channels, *sides = check_image(shape)
    if (layer.size is None) == (layer.scale_factor is None):
        raise ShapeError("needs either scale_factor or size", "for example Upsample: 2")
    factors = per_direction(layer.scale_factor or 1)
    out = (
        per_direction(layer.size)
        if layer.size
        else [side * factor for side, factor in zip(sides, factors, strict=True)]
    )
    return nn.Upsample(layer.size, layer.scale_factor, layer.mode), (channels, *out)


def _pixel_shuffle(layer: settings.PixelShuffle, shape: Shape) -> Built:
    channels, *sides = check_image(shape)
    factor = layer.upscale_factor
    if channels % factor**2:
        raise ShapeError(f"divides channels by {factor**2}, and its input has {channels}", "change the layer before it")
    return nn.PixelShuffle(factor), (channels // factor**2, *(factor * side for side in sides))


def _flatten(layer: settings.Flatten, shape: Shape) -> Built:
    return nn.Flatten(), (math.prod(shape),)


def _unflatten(layer: settings.Unflatten, shape: Shape) -> Built:
    target = layer.unflattened_size
    if math.prod(shape) != math.prod(target):
        wanted = f"{shape_text(target)} has {math.prod(target)} values"
        raise ShapeError(f"{wanted}, and its input {math.prod(shape)}", f"give the layer before it {math.prod(target)}")
    return Unflatten(target), target


def _crop(layer: settings.Crop, shape: Shape) -> Built:
    channels, *sides = check_image(shape)
    size = per_direction(layer.size)
    if size[0] > sides[0] or size[1] > sides[1]:
        raise ShapeError(f"is larger than its input, {shape_text(shape)}", "use Upsample")
    return Crop(size), (channels, *size)


def _dropout2d(layer: settings.Dropout2d, shape: Shape) -> Built:
    return Dropout2d(layer.p), check_image(shape)


def _self_attention(layer: settings.SelfAttention, shape: Shape) -> Built:
    return SelfAttention(check_image(shape)[0]), shape


def _minibatch_discrimination(layer: settings.MinibatchDiscrimination, shape: Shape) -> Built:
    inputs = math.prod(shape)
    return AppendDiscrimination(inputs, layer.features), (inputs + layer.features,)


def _minibatch_std(layer: settings.MinibatchStdDev, shape: Shape) -> Built:
    channels, *sides = check_image(shape)
    return AppendStd(), (channels + 1, *sides)


def _torch_arguments(layer: Layer) -> dict[str, Any]:
    return {name: value for name, value in layer if name not in ("in_channels", "spectral_norm")}


def _same_shape(module: Callable[[Any], nn.Module]) -> Callable[[Any, Shape], Built]:
    return lambda layer, shape: (module(layer), shape)


_BUILDERS: dict[type[Layer], Callable[[Any, Shape], Built]] = {
    settings.Linear: _linear,
    settings.Conv2d: _conv,
    settings.ConvTranspose2d: _conv_transpose,
    settings.BatchNorm1d: _batch_norm,
    settings.BatchNorm2d: _batch_norm,
    settings.InstanceNorm2d: _instance_norm,
    settings.LayerNorm: _layer_norm,
    settings.GroupNorm: _group_norm,
    settings.ReLU: _same_shape(lambda layer: PiecewiseLinear(0.0)),
    settings.LeakyReLU: _same_shape(lambda layer: PiecewiseLinear(layer.negative_slope)),
    settings.ELU: _same_shape(lambda layer: nn.ELU(layer.alpha)),
    settings.SiLU: _same_shape(lambda layer: nn.SiLU()),
    settings.GELU: _same_shape(lambda layer: nn.GELU()),
    settings.Tanh: _same_shape(lambda layer: nn.Tanh()),
    settings.Sigmoid: _same_shape(lambda layer: nn.Sigmoid()),
    settings.MaxPool2d: _pool,
    settings.AvgPool2d: _pool,
    settings.Upsample: _upsample,
    settings.PixelShuffle: _pixel_shuffle,
    settings.Flatten: _flatten,
    settings.Unflatten: _unflatten,
    settings.Dropout: _same_shape(lambda layer: Dropout(layer.p)),
    settings.Dropout2d: _dropout2d,
    settings.SelfAttention: _self_attention,
    settings.MinibatchDiscrimination: _minibatch_discrimination,
    settings.MinibatchStdDev: _minibatch_std,
    settings.Crop: _crop,
}
