"""Layers of `model: {name: sequential}`: the names and arguments of torch.nn, as an allow list."""

import math
import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StrictBool, model_serializer

from wgan_cli.recipe.layer_settings import Width
from wgan_cli.recipe.settings import Settings, invalid


def _product(given: Any) -> Any:
    """Accept a product of whole numbers, as in `Linear: 128*7*7`."""
    if isinstance(given, str) and re.fullmatch(r"\d{1,4}( *\* *\d{1,4}){1,3}", given):
        return math.prod(map(int, given.split("*")))
    return given


_Width = Annotated[Width, BeforeValidator(_product)]


def _directions(least: int, most: int) -> BeforeValidator:
    """Accept one number for both directions, or [vertical, horizontal]; equal ones become one."""

    def check(given: Any) -> Any:
        both: Any = given if isinstance(given, list | tuple) else (given,)
        if len(both) not in (1, 2) or not all(type(each) is int and least <= each <= most for each in both):
            raise invalid(f"give a number from {least} to {most}, or two: [vertical, horizontal]")
        return both[0] if both[0] == both[-1] else (both[0], both[1])

    return BeforeValidator(check)


Directions = int | tuple[int, int]  # of an argument: one number for both, or (vertical, horizontal)
_Kernel = Annotated[Directions, _directions(1, 128)]
_Padding = Annotated[Directions, _directions(0, 128)]
_Size = Annotated[Directions, _directions(1, 512)]
_Factor = Annotated[int, Field(ge=1, le=128)]
_Eps = Annotated[float, Field(gt=0.0, lt=1.0)]  # BatchNorm2d: 1 is a number of inputs
_Inputs = int | None  # inferred, and checked if given


class Layer(Settings):
    """Layer of a list: named as in torch.nn, with the arguments there in their order.

    The number of inputs is inferred, so it comes last.
    """

    def arguments(self) -> dict[str, Any]:
        """Return the arguments that differ from their defaults."""
        fields = type(self).model_fields
        return {name: value for name, value in self if value != fields[name].default}

    @model_serializer
    def _as_written(self) -> Any:
        arguments = self.arguments()
        return {type(self).__name__: arguments} if arguments else type(self).__name__

    def __str__(self) -> str:
        listed = (f"{name}={value}" for name, value in self.arguments().items())
        return f"{type(self).__name__}({', '.join(listed)})"


class Linear(Layer):
    """Linear layer; an image is flattened first."""

    out_features: _Width
    bias: StrictBool = True
    spectral_norm: StrictBool = False
    in_features: _Inputs = None


class Conv2d(Layer):
    """Convolution."""

    out_channels: _Width
    kernel_size: _Kernel
    stride: _Kernel = 1
    padding: _Padding = 0
    dilation: _Kernel = 1
    groups: Width = 1
    bias: StrictBool = True
    spectral_norm: StrictBool = False
    in_channels: _Inputs = None


class ConvTranspose2d(Layer):
    """Transposed convolution; as the first layer it takes z as an image of one pixel."""

    out_channels: _Width
    kernel_size: _Kernel
    stride: _Kernel = 1
    padding: _Padding = 0
    output_padding: _Padding = 0
    groups: Width = 1
    bias: StrictBool = True
    dilation: _Kernel = 1
    spectral_norm: StrictBool = False
    in_channels: _Inputs = None


class _BatchNorm(Layer):
    eps: _Eps = 1e-5
    momentum: float = Field(0.1, gt=0.0, le=1.0)
    affine: StrictBool = True
    num_features: _Inputs = None


class BatchNorm1d(_BatchNorm):
    """Batch norm of vectors."""


class BatchNorm2d(_BatchNorm):
    """Batch norm of images."""


class InstanceNorm2d(Layer):
    """Instance norm."""

    eps: _Eps = 1e-5
    affine: StrictBool = False
    num_features: _Inputs = None


class LayerNorm(Layer):
    """Layer norm over all values of an image or vector."""

    eps: _Eps = 1e-5
    normalized_shape: int | tuple[int, ...] | None = None


class GroupNorm(Layer):
    """Group norm."""

    num_groups: Width
    eps: _Eps = 1e-5
    num_channels: _Inputs = None


class ReLU(Layer):
    """ReLU."""


class LeakyReLU(Layer):
    """Leaky ReLU."""

    negative_slope: float = Field(0.01, ge=0.0, le=1.0)


class ELU(Layer):
    """ELU."""

    alpha: float = Field(1.0, gt=0.0, le=100.0)


class SiLU(Layer):
    """SiLU (swish)."""


class GELU(Layer):
    """GELU."""


class Tanh(Layer):
    """Hyperbolic tangent."""


class Sigmoid(Layer):
    """Sigmoid; at the end of a generator, [0, 1] is mapped to [-1, 1]."""


class _Pool(Layer):
    kernel_size: _Kernel
    stride: _Kernel | None = None
    padding: _Padding = 0


class MaxPool2d(_Pool):
    """Maximum of patches."""


class AvgPool2d(_Pool):
    """Mean of patches."""


class Upsample(Layer):
    """Enlargement by a factor, or to a size."""

    scale_factor: _Kernel | None = None
    size: _Size | None = None
    mode: Literal["nearest", "bilinear"] = "nearest"


class PixelShuffle(Layer):
    """Channels to blocks of pixels."""

    upscale_factor: _Factor


class Flatten(Layer):
    """Image to vector."""


class Unflatten(Layer):
    """Vector to image; takes [C, H, W], or as in torch.nn 1 and [C, H, W]."""

    unflattened_size: tuple[Width, Width, Width]


class Dropout(Layer):
    """Dropout."""

    p: float = Field(0.5, ge=0.0, lt=1.0)


class Dropout2d(Layer):
    """Dropout of whole channels."""

    p: float = Field(0.5, ge=0.0, lt=1.0)


class SelfAttention(Layer):
    """Self-attention between pixels (Zhang et al. 2019, section 3)."""

    spectral_norm: StrictBool = False


class MinibatchDiscrimination(Layer):
    """Appended features that compare the images of a batch (Salimans et al. 2016, section 3.2)."""

    features: Annotated[int, Field(ge=1, le=1024)] = 16


class MinibatchStdDev(Layer):
    """Appended channel with the standard deviation of the batch (Karras et al. 2018, section 3)."""


class Crop(Layer):
    """Center of an image."""

    size: _Size


#: Layers by their name in a recipe.
LAYERS: dict[str, type[Layer]] = {
    layer.__name__: layer
    for layer in (
        *(Linear, Conv2d, ConvTranspose2d, BatchNorm1d, BatchNorm2d, InstanceNorm2d, LayerNorm, GroupNorm),
        *(ReLU, LeakyReLU, ELU, SiLU, GELU, Tanh, Sigmoid, MaxPool2d, AvgPool2d, Upsample, PixelShuffle),
        *(Flatten, Unflatten, Dropout, Dropout2d, SelfAttention, MinibatchDiscrimination, MinibatchStdDev, Crop),
    )
}

BATCH_NORMS = (BatchNorm1d, BatchNorm2d)
#: Layers that only change the shape.
RESHAPES = (Flatten, Unflatten, Crop, Upsample, PixelShuffle)
