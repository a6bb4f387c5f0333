"""Base class of all recipe sections, and the error that their validators raise."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import Self

from wgan_cli.errors import WganError

T = TypeVar("T")


def invalid(message: str, hint: str = "") -> PydanticCustomError:
    """Return the error for a validator to raise: one line that names the setting, and one that fixes it."""
    return PydanticCustomError("invalid_setting", "{message}", {"message": message, "hint": hint})


class Settings(BaseModel):
    """Frozen section of a recipe; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), validate_default=True)

    @classmethod
    def default(cls) -> Self:
        """Return the section with the default of every setting."""
        return cls.model_validate({})

    @classmethod
    def accepts(cls) -> list[str]:
        """Return the names of all settings, including those that stand for others."""
        return [*cls.model_fields]

    @model_validator(mode="before")
    @classmethod
    def _reject_booleans_for_numbers(cls, values: Any) -> Any:
        # bool is a subclass of int: `steps: true` would train for one step.
        for name, value in values.items() if isinstance(values, dict) else ():
            field = cls.model_fields.get(name)
            if isinstance(value, bool) and field is not None and field.annotation is not bool:
                raise invalid(f"`{name}` is {str(value).lower()}, but it is not a boolean", "give a number or a word")
        return values


def named_by(key: str, section: Any, words: Iterable[str], default: str | None = None) -> BeforeValidator:
    """Accept a section written as one of `words`, the value of its `key`; a dict without `key` gets `default`."""

    def expand(value: Any) -> Any:
        if isinstance(value, str):
            return {key: value}
        return {key: default, **value} if default and isinstance(value, dict) else value

    return BeforeValidator(expand, json_schema_input_type=Literal[(*words,)] | section)


def classes_of(section: object) -> dict[str, Any]:
    """Return the classes of ModelSettings or ObjectiveSettings by their name in a recipe."""
    return {member.model_fields["name"].default: member for member in get_args(get_args(section)[0])}


def registered(table: Mapping[str, T], setting: str, name: str, place: str) -> T:
    """Return the entry of a table of code for a name that recipes accept.

    Raises: WganError for developers who added a name to the settings only.
    """
    if name not in table:
        message = f"`{setting}` accepts {name}, but `{place}` has no entry {name!r}"
        raise WganError(message, f"add it to that table, which has {', '.join(table)}")
    return table[name]
