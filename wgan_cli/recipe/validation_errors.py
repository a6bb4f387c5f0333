"""Translation of pydantic's validation errors into a message and a hint about one setting."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError

from wgan_cli.errors import WganError, did_you_mean
from wgan_cli.recipe.data_settings import SIDES, for_side
from wgan_cli.recipe.renamed import RENAMED, RENAMED_VALUES
from wgan_cli.recipe.schema import Recipe

_LIMITS = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
    "exclusiveMaximum": "less than",
}
_LIST_ALL = "`wgan recipes --schema` lists every setting"


def explain_invalid(error: ValidationError, origin: str, changed: set[str]) -> WganError:
    """Return the first validation error as one that names the setting, where it was set, and the fix.

    Args:
        error: result of validating a recipe.
        origin: file or run that the values come from.
        changed: dotted names of the settings given with --set.
    """
    first = min(error.errors(include_url=False), key=lambda e: e["type"] != "extra_forbidden")
    section, keys = _walk(first["loc"])
    kind, value, context = first["type"], first.get("input"), first.get("ctx", {})
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        keys = [*keys, "name"]
        value = value.get("name") if isinstance(value, dict) else value
    dotted = ".".join(keys)
    source = "--set" if any(_overlap(dotted.partition("[")[0], key) for key in changed) else origin

    if kind == "invalid_setting":
        message, hint = context["message"], context["hint"]
        if keys[:1] == ["data"] and keys[1:2] and keys[1] in SIDES:
            message, hint = for_side(message, keys[1]), for_side(hint, keys[1])
        return WganError(f"{source}: {message}", hint)
    if kind == "extra_forbidden":
        known = list(section.model_fields) if section else []
        hint = f"{_meant(keys, known)}{_owner(section, keys)} has: {', '.join(known)}"
        return WganError(f"{source}: unknown setting `{dotted}`", hint)
    if kind in ("missing", "union_tag_not_found"):
        names = _names(section, keys[-2]) if len(keys) > 1 else ()
        return WganError(f"{source}: `{dotted}` is not set", f"choose {', '.join(names)}" if names else _LIST_ALL)
    if choices := context.get("expected_tags") or context.get("expected"):
        hint = f"choose {choices}".replace("'", "")
        if isinstance(value, str) and value in RENAMED_VALUES.get(dotted, {}):
            hint = f"{value} is now called {RENAMED_VALUES[dotted][value]}; {hint}"
        return WganError(f"{source}: unknown `{dotted}` {_short(value)}", hint)
    return WganError(
        f"{source}: invalid `{dotted}` {_short(value)}: {first['msg'][0].lower()}{first['msg'][1:]}",
        _describe(section, dotted, keys[-1] if keys else ""),
    )


def _meant(keys: list[str], known: list[str]) -> str:
    """Return "did you mean ...? " for an unknown setting: its current name, a near one, or the same in a subsection."""
    if new := RENAMED.get(".".join(keys)):
        return f"`{keys[-1]}` is now called `{new.rpartition('.')[2]}`. "
    if near := did_you_mean(keys[-1], known):
        return near
    *above, name = keys
    found = [path for path in _paths(Recipe) if path[-1] == name and list(path[: len(above)]) == above]
    dotted = [".".join(path) for path in found if {"generator", "critic"} & {*path}] or [".".join(p) for p in found]
    return f"did you mean {' or '.join(f'`{each}`' for each in list(dict.fromkeys(dotted))[:2])}? " if dotted else ""


def _paths(model: type[BaseModel], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the keys of every setting of a section and its subsections, for all models and objectives."""
    for name, field in model.model_fields.items():
        inner = _models(field.annotation)
        if not inner:
            yield (*above, name)
        for each in inner:
            yield from _paths(each, (*above, name))


def _overlap(a: str, b: str) -> bool:
    """Return True if two dotted settings are the same, or one contains the other."""
    return a == b or a.startswith(f"{b}.") or b.startswith(f"{a}.")


def _walk(location: tuple[int | str, ...]) -> tuple[type[BaseModel] | None, list[str]]:
    """Return the section that holds an error's location, and the keys as a user writes them."""
    section: type[BaseModel] | None = Recipe
    keys: list[str] = []
    inner: Any = Recipe
    for part in location:
        if isinstance(part, int):  # an index, or a key that isn't a word
            keys[-1:] = [f"{keys[-1]}[{part}]"] if keys else [str(part)]
            continue
        members = _models(inner)
        chosen = [each for each in members if part in (*_tags(each), each.__name__)]
        if len(members) > 1 and chosen:  # pydantic adds the member of a union, which the user did not write
            inner = chosen[0]
            continue
        section = members[0] if members else section
        keys.append(part)
        field = section.model_fields.get(part) if section else None
        inner = field.annotation if field else None
    return section, keys


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for each in typing.get_args(annotation) for model in _models(each)]


def _tags(model: type[BaseModel]) -> tuple[Any, ...]:
    field = model.model_fields.get("name")
    return typing.get_args(field.annotation) if field else ()


def _names(section: type[BaseModel] | None, key: str) -> list[str]:
    """Return the names that select a member of a section's union."""
    field = section.model_fields.get(key) if section else None
    return [tag for model in _models(field.annotation) for tag in _tags(model)] if field else []


def _owner(section: type[BaseModel] | None, keys: list[str]) -> str:
    """Return what users call the section: `wgan_gp`, `model.generator` or "a recipe"."""
    if len(keys) == 1:
        return "a recipe"
    tags = _tags(section) if section else ()
    return tags[0] if tags else ".".join(keys[:-1])


def _describe(section: type[BaseModel] | None, dotted: str, key: str) -> str:
    key = key.partition("[")[0]
    field = section.model_fields.get(key) if section else None
    if section is None or field is None or not field.description:
        return _LIST_ALL
    schema = section.model_json_schema()["properties"][key]
    limits = ", ".join(f"{word} {schema[name]}" for name, word in _LIMITS.items() if name in schema)
    return f"`{dotted}`: {field.description.rstrip('.')}" + (f" ({limits})" if limits else "")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
