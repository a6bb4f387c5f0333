"""Types of the settings for decoding image files."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag

from wgan_cli.recipe.settings import invalid

Fit = Literal["crop", "pad", "stretch", "random_crop"]
Frames = Literal["all", "first"]

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


_Bound = Annotated[float, Field(allow_inf_nan=False)]
Range = Annotated[
    Annotated[Literal["auto", "dtype"], Tag("word")]
    | Annotated[tuple[_Bound, _Bound], AfterValidator(_check_order), Tag("list")],
    Discriminator(_word_or_list),
]
