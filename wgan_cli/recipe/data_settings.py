"""`data:` in a recipe: which images, how many of them, and what becomes of each before a network sees it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from pydantic import BeforeValidator, Field, model_validator

from wgan_cli.recipe.base import Settings
from wgan_cli.recipe.scores import SCORES, SELECTABLE

Fit = Literal["crop", "pad", "stretch", "random_crop"]
Transform = Literal["invert", "thicken", "grey", "colour"]
#: Sets that have a name, and a split to learn from and another to be tested by.
NAMED = ("digits", "mnist", "fashion_mnist", "cifar10")


class Own(NamedTuple):
    """A source of one's own images, which `path` leads to.

    example: what such a path looks like. without: settings that make no sense for it; because, instead: why, and what
    else to do.
    """

    example: str
    without: tuple[str, ...] = ()
    because: str = ""
    instead: str = ""


OWN = {
    "folder": Own("give a folder of images: --set data.path=photos"),
    "shards": Own(
        "give WebDataset shards: --set 'data.path=images-{000..255}.tar'",
        without=("transform", "memory_limit"),
        because="is for images that are decoded before training, and shards are decoded as they are read",
        instead=", or unpack the shards and set `data.source` to folder",
    ),
}
GIVEN = "given"  # by a Python program that trains, which alone has them
_OF_OWN = ("path", "test_path", "channels")  # settings of one's own images alone
_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9}


def parse_bytes(text: str) -> int:
    """Read a size such as 500MB or 2GB in bytes. Raises: ValueError for anything else."""
    found = re.fullmatch(r"\s*(\d{1,15}(?:\.\d{1,9})?)\s*([KMG]B|)\s*", text.upper(), re.ASCII)
    if not found:
        raise ValueError(f"{text!r} is no size")
    return round(float(found[1]) * _UNITS[found[2]])


def _checked_size(value: Any) -> Any:
    value = str(value) if type(value) is int else value
    try:
        return value if value is None or parse_bytes(value) >= 0 else None
    except (ValueError, TypeError, AttributeError):
        raise ValueError(f"`data.memory_limit` is {value!r:.60}, no size|write for example 500MB or 2GB") from None


def _checked_class(value: Any) -> Any:
    if type(value) not in (int, str):  # not left to the union, whose two complaints would name neither number nor name
        raise ValueError(
            f"`data.classes` holds {value!r:.60}, no class|name classes by number or name, as [3, 8] or [cat, dog]"
        )
    return value


def _either(words: Sequence[str]) -> str:
    """`a`, `b` or `c`."""
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


class AugmentSettings(Settings):
    """Changes of real images, drawn anew each time one is shown."""

    mirror: bool = Field(False, description="flip half of them left to right")
    random_crop: int = Field(0, ge=0, le=64, description="shift by up to so many pixels, edges repeated")
    color_jitter: float = Field(0.0, ge=0.0, le=1.0, description="change brightness, contrast and saturation by this")


class DataSettings(Settings):
    """Which images to learn from."""

    translates: ClassVar[bool] = False
    scores: ClassVar[tuple[str, ...]] = tuple(name for name in SELECTABLE if not SCORES[name].needs)  # for `best_by`

    source: Literal[(*NAMED, *OWN, GIVEN)] = Field(
        "digits",
        description=f"`digits` (inside the package), a set under --data-root, or your own images: {', '.join(OWN)}; "
        f"`{GIVEN}` where a Python program hands them over",
    )
    path: str | None = Field(
        None,
        min_length=1,
        description="of a folder, .zip or .tar, whose subfolders are classes; of shards images-{000..255}.tar",
    )
    test_path: str | None = Field(
        None, min_length=1, description="of more such images, to measure against; default a fifth of those in `path`"
    )
    split: Literal["train", "test", "all"] = Field("train", description="which part of a named set")
    classes: tuple[Annotated[int | str, BeforeValidator(_checked_class)], ...] | None = Field(
        None, min_length=1, description="only these, by name or number, as [3, 8]; they become 0, 1..."
    )
    limit: int | None = Field(None, ge=1, description="take only the first so many images")
    image_size: int | None = Field(None, ge=8, le=128, description="resize to this height and width, in pixels")
    channels: Literal[1, 3, 4] | None = Field(None, description="of your own images; default as they are, 1 or 3")
    transform: Transform | None = Field(
        None, description="negatives, thicker strokes, or grey images in three channels: grey, or on a scale of colours"
    )
    fit: Fit = Field("crop", description="how your own images become square")
    on_bad_file: Literal["stop", "skip"] = Field("stop", description="when a file among your own is no image")
    memory_limit: Annotated[str | None, BeforeValidator(_checked_size)] = Field(
        None, description="stream images that take more, such as 2GB; default half of what is free"
    )
    augment: AugmentSettings = AugmentSettings()
    diff_augment: tuple[Literal["color", "translation", "cutout"], ...] = Field(
        (), description="of real and fake alike, for small sets (Zhao et al. 2020)"
    )

    @model_validator(mode="after")
    def _fits_source(self) -> DataSettings:
        own = OWN.get(self.source)
        if own and self.path is None:
            raise ValueError(f"`data.path` is not set|{own.example}")
        for name in () if own else _OF_OWN:
            if getattr(self, name) is not None:
                first, *others = OWN
                these = _either([f"`data.source: {first}`", *(f"`{other}`" for other in others)])
                raise ValueError(
                    f"`data.{name}` is only for {these}|set `data.source` to {_either(list(OWN))}, "
                    "or take a recipe for your own images: --recipe folder_dcgan"
                )
        for name in own.without if own else ():
            if getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"`data.{name}` {own.because}|leave out `data.{name}`{own.instead}")
        return self

    @property
    def has_splits(self) -> bool:
        """Whether the source itself holds images to be tested by, of the same kind as those to learn from."""
        return self.source in NAMED

    @property
    def title(self) -> str:
        """Which images, in a few words."""
        chosen = "" if self.classes is None else " " + ", ".join(map(str, self.classes))
        return f"{self.source}{chosen}" + ("" if self.transform is None else f" {self.transform}")

    def with_paths(self, change: Callable[[str], str]) -> DataSettings:
        """The same with its paths changed, if it has any."""
        given = {name: getattr(self, name) for name in ("path", "test_path")}
        return self.model_copy(update={name: change(path) for name, path in given.items() if path is not None})
