"""Layer lists of `model: {name: sequential}`, in the short and long forms that recipes accept."""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SerializeAsAny, ValidationError, ValidationInfo
from pydantic_core import ErrorDetails

from wgan_cli.recipe.sequential.layer_types import LAYERS, Conv2d, ConvTranspose2d, Flatten, Layer
from wgan_cli.recipe.settings import invalid
from wgan_cli.recipe.synonyms import meant
from wgan_cli.recipe.yaml import parse_yaml

MAX_LAYERS = 200
_MOST_LISTED_KERNEL = 11  # larger in a list: torch's arguments were copied with the number of inputs
_MAY_BE_INPLACE = ("ReLU", "LeakyReLU", "ELU", "SiLU", "Dropout", "Dropout2d")
_INPUTS = ("in_features", "in_channels", "num_features", "num_channels", "normalized_shape")
_MORE = "more arguments"


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
        raise invalid(f"{place}: unknown layer {name!r:.60}", f"{_near(name)}layers: {', '.join(LAYERS)}")
    layer = LAYERS[name]
    if isinstance(given, list | tuple):
        given = [_named(value, place) for value in given]
    if name == "Unflatten":
        given = _shape_of_unflatten(given)
    elif name == "Flatten" and given in (1, [1], [{"start_dim": 1}], {"start_dim": 1}):
        given = None
    elif name in _MAY_BE_INPLACE:
        given = _without_inplace(given)
    try:
        return layer.model_validate(_by_name(layer, given, place))
    except ValidationError as error:
        arguments = ", ".join(layer.model_fields) or "none"
        if isinstance(given, list | tuple | int | float) and any(name in _INPUTS for name in layer.model_fields):
            arguments += "; a list has no number of inputs, which is inferred"
        problem = _problem(error.errors(include_url=False)[0])
        raise invalid(f"{place}, {name}: {problem}", f"its arguments: {arguments}") from None


def _near(name: Any) -> str:
    """Return a hint for a name that is no layer: a similar one, or the form of a layer that is written as a call."""
    if not isinstance(name, str):
        return ""
    call = re.fullmatch(r"(?:torch\.)?(?:nn\.)?(\w+)(?:\((.*)\),?)?", name)
    if call and call[1] in LAYERS:
        return f"write `{call[1]}: [{call[2]}]`; " if call[2] else f"write `{call[1]}`; "
    return meant("layer", name, LAYERS)


def _problem(error: ErrorDetails) -> str:
    argument = ".".join(map(str, error["loc"])) or "arguments"
    if error["type"] == "missing":
        return f"{argument} is not set"
    if error["type"] == "extra_forbidden":
        return f"too many arguments, {error['input']}" if argument == _MORE else f"no argument is called {argument}"
    return f"{argument} is {error['input']!r:.40}: {error['msg'][0].lower()}{error['msg'][1:]}"


def _named(value: Any, place: str) -> Any:
    """Return `bias=False` as {"bias": False}, and any other item of a list of arguments as it is."""
    name, equals, text = value.partition("=") if isinstance(value, str) else ("", "", "")
    return {name.strip(): parse_yaml(text, place)} if equals else value


def _without_inplace(given: Any) -> Any:
    """Leave out `inplace`, which changes no result."""
    if isinstance(given, dict):
        return {name: value for name, value in given.items() if name != "inplace"}
    values = given if isinstance(given, list | tuple) else [given]
    return [
        _without_inplace(value) if isinstance(value, dict) else value
        for value in values
        if value is not None and not isinstance(value, bool)
    ]


def _by_name(layer: type[Layer], given: Any, place: str) -> dict[str, Any]:
    """Return arguments by name: a dict as it is, a list or single value in the order of torch.nn.

    A list may end with named arguments: `[64, 4, bias: false]` or `[64, 4, bias=False]`.
    """
    if isinstance(given, dict):
        return given
    values = given if isinstance(given, list | tuple) else [] if given is None else [given]
    last = {key: value for each in values if isinstance(each, dict) for key, value in each.items()}
    values = [value for value in values if not isinstance(value, dict)]
    named = {**dict(zip(layer.model_fields, values, strict=False)), **last}
    kernel = named.get("kernel_size")
    if layer in (Conv2d, ConvTranspose2d) and isinstance(kernel, int) and kernel > _MOST_LISTED_KERNEL:
        raise invalid(
            f"{place}, {layer.__name__}: {list(values)} means out_channels {values[0]} and kernel_size {kernel}",
            "leave out the number of inputs, which is inferred; or write kernel_size by name",
        )
    return named if len(values) <= len(layer.model_fields) else {**named, _MORE: values}


def _shape_of_unflatten(given: Any) -> Any:
    """Accept torch's arguments, dim 1 and a shape, next to the shape alone."""
    if isinstance(given, dict):
        return {name: value for name, value in given.items() if (name, value) != ("dim", 1)}
    return [given[1] if len(given) == 2 and given[0] == 1 else given] if isinstance(given, list | tuple) else given


def _with_spectral_norm(layer: Layer, place: str) -> Layer:
    if "spectral_norm" not in type(layer).model_fields:
        raise invalid(
            f"{place}: spectral_norm does not apply to {type(layer).__name__}",
            "wrap Linear, Conv2d, ConvTranspose2d or SelfAttention",
        )
    return layer.model_copy(update={"spectral_norm": True})


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
