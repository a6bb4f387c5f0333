"""What a recipe's `model` and `objective` may be: every settings class, told apart by `name`, is joined here.

The networks of a name are in the table of wgan_cli/networks, an objective's phases in that of wgan_cli/objectives.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeVar, get_args

from pydantic import Field

from wgan_cli.errors import WganError
from wgan_cli.recipe.base import Settings
from wgan_cli.recipe.cvae_gan_settings import CvaeGanSettings
from wgan_cli.recipe.model_settings import DcganSettings, MlpSettings, ResnetSettings
from wgan_cli.recipe.objective_settings import (
    GanSettings,
    HingeSettings,
    LsganSettings,
    R3ganSettings,
    WganGpSettings,
    WganSettings,
)
from wgan_cli.recipe.style_settings import StyleSettings
from wgan_cli.recipe.translation_settings import CycleganSettings, TranslationSettings

T = TypeVar("T")

ModelSettings = Annotated[
    MlpSettings
    | DcganSettings
    | ResnetSettings
    | StyleSettings
    | TranslationSettings,
    Field(discriminator="name"),
]  # fmt: skip

ObjectiveSettings = Annotated[
    WganGpSettings
    | WganSettings
    | GanSettings
    | LsganSettings
    | HingeSettings
    | R3ganSettings
    | CvaeGanSettings
    | CycleganSettings,
    Field(discriminator="name"),
]  # fmt: skip


def classes_of(section: object) -> dict[str, type[Settings]]:
    """The settings classes of ModelSettings or ObjectiveSettings by the name that a recipe gives them."""
    union, _ = get_args(section)
    return {arm.model_fields["name"].default: arm for arm in get_args(union)}


def registered(table: Mapping[str, T], setting: str, name: str, place: str) -> T:
    """What a table of code holds for a name that recipes may give.

    Raises: WganError for somebody who adds such a name, and forgot the line that is missing.
    """
    if name not in table:
        raise WganError(
            f"`{setting}` may be {name}, and `{place}` has no {name!r}",
            f"add it to that table; it has {', '.join(table)}",
        )
    return table[name]
