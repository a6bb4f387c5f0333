"""Every model and objective that a recipe can select by `name`.

Their networks are registered in wgan_cli/networks, their losses in wgan_cli/objectives.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar, get_args

from pydantic import Field

from wgan_cli.errors import WganError
from wgan_cli.recipe.model_settings import (
    DcganSettings,
    MlpSettings,
    ResnetSettings,
    StyleSettings,
    TranslationSettings,
)
from wgan_cli.recipe.objective_settings import (
    CvaeGanSettings,
    CycleganSettings,
    GanSettings,
    HingeSettings,
    LsganSettings,
    R3ganSettings,
    WganGpSettings,
    WganSettings,
)

T = TypeVar("T")

ModelSettings = Annotated[
    MlpSettings | DcganSettings | ResnetSettings | StyleSettings | TranslationSettings, Field(discriminator="name")
]
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
]


def classes_of(section: object) -> dict[str, Any]:
    """Return the classes of ModelSettings or ObjectiveSettings by their name in a recipe."""
    union, _ = get_args(section)
    return {member.model_fields["name"].default: member for member in get_args(union)}


def registered(table: Mapping[str, T], setting: str, name: str, place: str) -> T:
    """Return the entry of a table of code for a name that recipes accept.

    Raises: WganError for developers who added a name to the settings only.
    """
    if name not in table:
        raise WganError(
            f"`{setting}` accepts {name}, but `{place}` has no entry {name!r}",
            f"add it to that table, which has {', '.join(table)}",
        )
    return table[name]
