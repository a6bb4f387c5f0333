"""Types of the settings in `data`."""

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, PlainSerializer, Tag

from wgan_cli.recipe.settings import invalid
from wgan_cli.utils.hub import REMOTE


def _one_or_several(value: Any) -> Any:
    if value is None:
        return None
    paths = list(value) if isinstance(value, list | tuple) else [value]
    if not paths or not all(isinstance(path, str) and path for path in paths):
        message = "an image path is empty" if value in ("", [], ()) else f"{value!r:.60} is not an image path"
        raise invalid(message, "write a path, or several: [photos, more_photos]")
    return paths[0] if len(paths) == 1 else tuple(paths)


#: A path, or several that are used together.
Paths = Annotated[str | tuple[str, ...] | None, BeforeValidator(_one_or_several)]


def changed_paths(paths: Any, change: Callable[[str], str]) -> Any:
    """Return paths with `change` applied to each that is on this machine."""
    if paths is None:
        return None
    each = paths if isinstance(paths, tuple) else (paths,)
    return _one_or_several([path if path.startswith(REMOTE) else change(path) for path in each])


Size = tuple[int, int]  # (height, width) in pixels
SMALLEST, LARGEST, DIVISOR = 8, 512, 4  # of both sides of images that networks take


def is_supported(size: Size) -> bool:
    """Return True for a size that networks take."""
    return all(SMALLEST <= side <= LARGEST and side % DIVISOR == 0 for side in size)


def _as_size(value: Any) -> Any:
    """Return one number, [height, width] or HEIGHTxWIDTH as height and width."""
    if isinstance(value, str) and (found := re.fullmatch(r"(\d{1,4})x(\d{1,4})", value.strip())):
        value = [int(side) for side in found.groups()]
    sides: Any = tuple(value) if isinstance(value, list | tuple) else (value, value)
    if len(sides) != 2 or any(type(side) is not int for side in sides):
        message = f"`data.image_size` is {value!r:.60}, which is not a size"
        raise invalid(message, "write 64, or height and width: [48, 64] in a recipe, 48x64 as an option")
    if not SMALLEST <= min(sides) <= max(sides) <= LARGEST:
        message = f"`data.image_size` is {size_text(sides)}, and sides have {SMALLEST} to {LARGEST} pixels"
        height, width = (min(max(SMALLEST, side), LARGEST) for side in sides)
        raise invalid(message, f"write for example {size_text((height, width))}")
    return sides


def _written(size: Size) -> Any:
    """Return a size as in recipes: one number for squares."""
    height, width = size
    return height if height == width else [height, width]


def size_text(size: Size) -> str:
    """Return a size as `--set data.image_size` takes it: 64 or 48x64."""
    height, width = size
    return f"{height}" if height == width else f"{height}x{width}"


_Side = Annotated[int, Field(ge=SMALLEST, le=LARGEST)]
ImageSize = Annotated[
    Size, BeforeValidator(_as_size, json_schema_input_type=_Side | tuple[_Side, _Side]), PlainSerializer(_written)
]
Fit = Literal["crop", "pad", "stretch", "random_crop"]
Frames = Literal["all", "first"]
MAX_CHANNELS = 16

COLORS = {"white": (255, 255, 255), "black": (0, 0, 0), "gray": (128, 128, 128)}
_Level = Annotated[int, Field(ge=0, le=255)]


def _word_or_list(value: Any) -> str:
    return "word" if isinstance(value, str) else "list"


Background = Annotated[
    Annotated[Literal["white", "black", "gray"], Tag("word")] | Annotated[tuple[_Level, _Level, _Level], Tag("list")],
    Discriminator(_word_or_list),
]


def _check_order(bounds: tuple[float, float]) -> tuple[float, float]:
    if bounds[0] >= bounds[1]:
        raise invalid(f"`range` is [{bounds[0]:g}, {bounds[1]:g}]: black must be below white", "write [low, high]")
    return bounds


def _as_list(value: Any) -> Any:
    return [value] if type(value) is int else value


def _check_preview(bands: tuple[int, ...]) -> tuple[int, ...]:
    if len(bands) not in (1, 3):
        raise invalid(f"`preview_channels` names {len(bands)} bands", "give one to show as gray, or three as RGB")
    return bands


#: Numbers of the bands to show, from 1.
Preview = Annotated[
    tuple[Annotated[int, Field(ge=1, le=MAX_CHANNELS)], ...], BeforeValidator(_as_list), AfterValidator(_check_preview)
]

_Bound = Annotated[float, Field(allow_inf_nan=False)]
Range = Annotated[
    Annotated[Literal["auto", "dtype"], Tag("word")]
    | Annotated[tuple[_Bound, _Bound], AfterValidator(_check_order), Tag("list")],
    Discriminator(_word_or_list),
]

Transform = Literal["invert", "thicken", "grey", "colour"]
TO_COLOR = ("grey", "colour")  # transforms of one channel to three
_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9}


def parse_bytes(size: Any) -> int:
    """Return a size such as 500MB or 2GB in bytes. Raises: ValueError."""
    found = re.fullmatch(r"\s*(\d{1,15}(?:\.\d{1,9})?)\s*([KMG]B|)\s*", str(size).upper(), re.ASCII)
    if not found:
        message = f"`data.memory_limit` is {size!r:.60}, which is not a size"
        raise invalid(message, "write for example 500MB or 2GB")
    return round(float(found[1]) * _UNITS[found[2]])


def _check_memory(value: Any) -> str | None:
    if value is not None:
        parse_bytes(value)
    return value if value is None else str(value)


def _check_class(value: Any) -> Any:
    if type(value) not in (int, str):  # the union's own errors would show two unrelated complaints
        message = f"`data.classes` contains {value!r:.60}, which is neither a number nor a name"
        raise invalid(message, "write for example [3, 8] or [cat, dog]")
    return value


MemoryLimit = Annotated[str | None, BeforeValidator(_check_memory)]
#: Name or number of a class.
ClassName = Annotated[int | str, BeforeValidator(_check_class)]
SMALL_DATASET = 1000  # images; a critic soon memorizes fewer (docs/own_images.md)
DIFF_AUGMENTS: tuple[Literal["color", "translation", "cutout"], ...] = ("color", "translation", "cutout")
DiffAugment = Annotated[
    Annotated[Literal["auto"], Tag("auto")]
    | Annotated[tuple[Literal["color", "translation", "cutout"], ...], Tag("list")],
    Discriminator(lambda value: "auto" if value == "auto" else "list"),
]
