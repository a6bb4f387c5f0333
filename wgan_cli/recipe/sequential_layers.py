"""Layers of `model: {name: sequential}`: the names and arguments of torch.nn, as an allow list."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    SerializeAsAny,
    ValidationError,
    ValidationInfo,
    model_serializer,
)

from wgan_cli.errors import did_you_mean
from wgan_cli.recipe.layer_settings import (
    Width,
)
from wgan_cli.recipe.settings import Settings, invalid

MAX_LAYERS = 200
_MOST_LISTED_KERNEL = 11  # larger in a list: torch's arguments were copied with the number of inputs
_MAY_BE_INPLACE = ("ReLU", "LeakyReLU", "ELU", "SiLU")
_INPUTS = ("in_features", "in_channels", "num_features", "num_channels")
_Kernel = Annotated[int, Field(ge=1, le=128)]
_Padding = Annotated[int, Field(ge=0, le=128)]
_Small = Annotated[float, Field(gt=0.0, le=1.0)]
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

    out_features: Width
    bias: bool = True
    spectral_norm: bool = False
    in_features: _Inputs = None


class Conv2d(Layer):
    """Convolution."""

    out_channels: Width
    kernel_size: _Kernel
    stride: _Kernel = 1
    padding: _Padding = 0
    dilation: _Kernel = 1
    groups: Width = 1
    bias: bool = True
    spectral_norm: bool = False
    in_channels: _Inputs = None


class ConvTranspose2d(Layer):
    """Transposed convolution; as the first layer it takes z as an image of one pixel."""

    out_channels: Width
    kernel_size: _Kernel
    stride: _Kernel = 1
    padding: _Padding = 0
    output_padding: _Padding = 0
    groups: Width = 1
    bias: bool = True
    dilation: _Kernel = 1
    spectral_norm: bool = False
    in_channels: _Inputs = None


class _BatchNorm(Layer):
    eps: _Small = 1e-5
    momentum: _Small = 0.1
    affine: bool = True
    num_features: _Inputs = None


class BatchNorm1d(_BatchNorm):
    """Batch norm of vectors."""


class BatchNorm2d(_BatchNorm):
    """Batch norm of images."""


class InstanceNorm2d(Layer):
    """Instance norm."""

    eps: _Small = 1e-5
    affine: bool = False
    num_features: _Inputs = None


class LayerNorm(Layer):
    """Layer norm over all values of an image or vector."""

    eps: _Small = 1e-5


class GroupNorm(Layer):
    """Group norm."""

    num_groups: Width
    eps: _Small = 1e-5
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
    size: _Kernel | None = None
    mode: Literal["nearest", "bilinear"] = "nearest"


class PixelShuffle(Layer):
    """Channels to blocks of pixels."""

    upscale_factor: _Kernel


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


class MinibatchDiscrimination(Layer):
    """Appended features that compare the images of a batch (Salimans et al. 2016, section 3.2)."""

    features: Annotated[int, Field(ge=1, le=1024)] = 16


class MinibatchStdDev(Layer):
    """Appended channel with the standard deviation of the batch (Karras et al. 2018, section 3)."""


class Crop(Layer):
    """Center of an image."""

    size: _Kernel


#: Layers by their name in a recipe.
LAYERS: dict[str, type[Layer]] = {
    layer.__name__: layer
    for layer in (
        *(Linear, Conv2d, ConvTranspose2d, BatchNorm1d, BatchNorm2d, InstanceNorm2d, LayerNorm, GroupNorm),
        *(ReLU, LeakyReLU, ELU, SiLU, GELU, Tanh, Sigmoid, MaxPool2d, AvgPool2d, Upsample, PixelShuffle),
        *(Flatten, Unflatten, Dropout, Dropout2d, SelfAttention, MinibatchDiscrimination, MinibatchStdDev, Crop),
    )
}


def _parse_layers(values: Any, info: ValidationInfo) -> Any:
    """Parse the list of a role, naming the layer in errors."""
    if not isinstance(values, list | tuple):
        raise invalid(f"`model.{info.field_name}` is not a list of layers", "for example [{Linear: 64}, ReLU]")
    return tuple(_parse_layer(value, f"`model.{info.field_name}` layer {i}") for i, value in enumerate(values))


def _parse_layer(value: Any, place: str) -> Layer:
    """Parse `ReLU`, `LeakyReLU: 0.2`, `Conv2d: [64, 4, 2, 1]` or `Conv2d: {out_channels: 64, kernel_size: 4}`."""
    if isinstance(value, Layer):
        return value
    name, given = next(iter(value.items())) if isinstance(value, dict) and len(value) == 1 else (value, None)
    if name == "spectral_norm":  # torch.nn.utils.spectral_norm(layer)
        return _with_spectral_norm(_parse_layer(given, place), place)
    if not isinstance(name, str) or name not in LAYERS:
        near = did_you_mean(name, LAYERS) if isinstance(name, str) else ""
        raise invalid(f"{place}: unknown layer {name!r:.60}", f"{near}layers: {', '.join(LAYERS)}")
    layer = LAYERS[name]
    if name == "Unflatten":
        given = _shape_of_unflatten(given)
    elif name in _MAY_BE_INPLACE:
        given = _without_inplace(given)
    try:
        return layer.model_validate(_by_name(layer, given, place))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        argument = ".".join(map(str, first["loc"])) or "arguments"
        arguments = ", ".join(layer.model_fields) or "none"
        if isinstance(given, list | tuple | int | float) and any(name in _INPUTS for name in layer.model_fields):
            arguments += "; a list has no number of inputs, which is inferred"
        problem = "not set" if first["type"] == "missing" else first["msg"]
        raise invalid(f"{place}, {name}: {argument}: {problem}", f"its arguments: {arguments}") from None


def _without_inplace(given: Any) -> Any:
    """Leave out `inplace`, which changes no result."""
    if isinstance(given, dict):
        return {name: value for name, value in given.items() if name != "inplace"}
    values = given if isinstance(given, list | tuple) else [given]
    return [value for value in values if value is not None and not isinstance(value, bool)]


def _by_name(layer: type[Layer], given: Any, place: str) -> dict[str, Any]:
    """Return arguments by name: a dict as it is, a list or single value in the order of torch.nn."""
    if isinstance(given, dict):
        return given
    values = given if isinstance(given, list | tuple) else [] if given is None else [given]
    named = dict(zip(layer.model_fields, values, strict=False))
    kernel = named.get("kernel_size")
    if layer in (Conv2d, ConvTranspose2d) and isinstance(kernel, int) and kernel > _MOST_LISTED_KERNEL:
        raise invalid(
            f"{place}, {layer.__name__}: {list(values)} means out_channels {values[0]} and kernel_size {kernel}",
            "leave out the number of inputs, which is inferred; or write kernel_size by name",
        )
    return named if len(values) <= len(layer.model_fields) else {**named, "more arguments": values}


def _shape_of_unflatten(given: Any) -> Any:
    """Accept torch's arguments, dim 1 and a shape, next to the shape alone."""
    if isinstance(given, dict):
        return {name: value for name, value in given.items() if (name, value) != ("dim", 1)}
    return [given[1] if len(given) == 2 and given[0] == 1 else given] if isinstance(given, list | tuple) else given


def _with_spectral_norm(layer: Layer, place: str) -> Layer:
    if "spectral_norm" not in type(layer).model_fields:
        wrapped = type(layer).__name__
        raise invalid(f"{place}: spectral_norm does not apply to {wrapped}", "wrap Linear, Conv2d or ConvTranspose2d")
    return layer.model_copy(update={"spectral_norm": True})


BATCH_NORMS = (BatchNorm1d, BatchNorm2d)
#: Layers that only change the shape.
RESHAPES = (Flatten, Unflatten, Crop, Upsample, PixelShuffle)
_Name = Literal[(*LAYERS,)]  # pyright: ignore[reportInvalidTypeForm]
LayerList = Annotated[
    tuple[SerializeAsAny[Layer], ...],
    Field(min_length=1, max_length=MAX_LAYERS, description="Layers in order: `Conv2d: [64, 4, 2, 1]`, `ReLU`, ..."),
    BeforeValidator(_parse_layers, json_schema_input_type=list[_Name | dict[_Name, Any]]),
]


def last_layer(layers: Sequence[Layer], but: tuple[type[Layer], ...]) -> Layer:
    """Return the last layer that isn't one of some types."""
    return next((layer for layer in reversed(layers) if not isinstance(layer, but)), layers[-1])


def output_layer(layers: Sequence[Layer]) -> Layer:
    """Return the layer that computes a network's outputs, which only Flatten may follow."""
    return last_layer(layers, (Flatten,))
