"""What every section of a recipe shares."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator


class Settings(BaseModel):
    """A frozen section of a recipe. A key that it does not know is an error, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), validate_default=True)

    @model_validator(mode="before")
    @classmethod
    def _truth_is_no_number(cls, values: Any) -> Any:
        # Python counts true as 1, and `steps: true` would train one step.
        for name, value in values.items() if isinstance(values, dict) else ():
            field = cls.model_fields.get(name)
            if isinstance(value, bool) and field is not None and field.annotation is not bool:
                raise ValueError(f"`{name}` is {str(value).lower()}, which is no value for it|give a number or a word")
        return values


def named_by(key: str, default: str | None = None) -> BeforeValidator:
    """Let a section be written as one word, which its `key` then is, and take the default where it names none."""

    def name(value: Any) -> Any:
        if isinstance(value, str):
            return {key: value}
        return {key: default, **value} if default and isinstance(value, dict) else value

    return BeforeValidator(name)
