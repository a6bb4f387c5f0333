"""`data:` in a recipe that learns to translate: two sides, a and b, of images that need not correspond."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, ClassVar

from pydantic import Discriminator, Tag, model_validator

from wgan_cli.recipe.base import Settings, named_by
from wgan_cli.recipe.data_settings import DataSettings

Side = Annotated[DataSettings, named_by("source")]
_OF_READING = (
    "transform",
    "augment",
    "memory_limit",
    "on_bad_file",
    "test_path",
)  # settings that do not say which images
SIDES = ("a", "b")


class PairSettings(Settings):
    """Two sides of images.

    Where they show the same images and differ in `transform` alone, each takes every second one: the right answer to an
    image is known, and is not among those that the translators learn from.
    """

    translates: ClassVar[bool] = True
    diff_augment: ClassVar[tuple[str, ...]] = ()  # changes what one critic sees; here each side has its own

    a: Side
    b: Side

    @model_validator(mode="after")
    def _makes_sense(self) -> PairSettings:
        for name in SIDES:
            if getattr(self, name).diff_augment:
                raise ValueError(
                    f"`data.{name}.diff_augment` is for a critic of one set of images|"
                    f"leave it out, or change real images alone with `data.{name}.augment`"
                )
        if self.same_images and self.a.transform == self.b.transform:
            raise ValueError(
                "`data.a` and `data.b` are the same images, and there is nothing to translate|"
                "give them different `classes`, `path` or `transform`"
            )
        return self

    @property
    def same_images(self) -> bool:
        """Whether the sides show the same images in two ways, so that each translation has a known right answer."""
        a, b = (side.model_dump(exclude=set(_OF_READING)) for side in (self.a, self.b))
        return a == b

    @property
    def scores(self) -> tuple[str, ...]:
        """By what the best translators can be told."""
        return ("paired_l1",) if self.same_images else ("fd",)

    @property
    def title(self) -> str:
        """Both sides in a few words: `mnist <-> mnist invert`."""
        return f"{self.a.title} <-> {self.b.title}"

    def with_paths(self, change: Callable[[str], str]) -> PairSettings:
        """The same with every path changed."""
        return self.model_copy(update={name: getattr(self, name).with_paths(change) for name in SIDES})


_SETTING = re.compile(rf"(?<![\w./])data\.(?=(?:{'|'.join(DataSettings.model_fields)})\b)")


def of_side(text: str, side: str) -> str:
    """What is said of the settings of `data`, said of those of one side: `data.a.path` for `data.path`."""
    return _SETTING.sub(f"data.{side}.", text)


def _kind(values: Any) -> str:
    if isinstance(values, dict):
        return (PairSettings if values.keys() & set(SIDES) else DataSettings).__name__
    return (PairSettings if isinstance(values, PairSettings) else DataSettings).__name__


#: One set of images, or two sides where `a` or `b` is set.
AnyDataSettings = Annotated[
    Annotated[DataSettings, Tag("DataSettings")] | Annotated[PairSettings, Tag("PairSettings")],
    Discriminator(_kind),
]
