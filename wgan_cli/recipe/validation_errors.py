"""From pydantic's list of errors to one that a person can act on."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError

from wgan_cli.errors import WganError, did_you_mean
from wgan_cli.recipe.pair_settings import SIDES, of_side
from wgan_cli.recipe.schema import Recipe


def explain_invalid(error: ValidationError, values: dict[str, Any], origin: str, changed: set[str]) -> WganError:
    """Turn the first of pydantic's errors into an error with the dotted setting, its origin and the repair."""
    first = min(error.errors(include_url=False), key=lambda e: e["type"] != "extra_forbidden")
    section, keys = _walk(first["loc"])
    kind, given = first["type"], first.get("input")
    no_such_arm = kind in ("union_tag_invalid", "union_tag_not_found")
    if no_such_arm:
        keys = [*keys, "name"]
    dotted = ".".join(keys)
    source = "--set" if any(_related(dotted.partition("[")[0], key) for key in changed) else origin
    known = list(section.model_fields) if section else []

    if kind == "extra_forbidden":
        owner = _section_name(section, values, keys)
        meant = did_you_mean(keys[-1], known) or _somewhere_else(keys)
        return WganError(
            f"{source} sets `{dotted}`, which is not a setting of {owner}", f"{meant}Settings: {', '.join(known)}"
        )
    if kind == "missing":
        return WganError(f"{origin} does not set `{dotted}`", "`wgan recipes --schema` lists every setting")
    if no_such_arm:
        arms = _models(section.model_fields[keys[-2]].annotation)
        tags = ", ".join(tag for arm in arms for tag in _tags(arm))
        named = given.get("name") if isinstance(given, dict) else given
        return WganError(f"{source} sets `{dotted}` to {_short(named)}, which is none", f"give one of {tags}")
    if kind == "value_error":
        said = str(first["ctx"]["error"])
        if keys[:1] == ["data"] and keys[1:2] and keys[1] in SIDES:
            said = of_side(said, keys[1])
        message, _, hint = said.partition("|")
        return WganError(f"{source}: {message}", hint or "`wgan recipes --schema` lists every setting")
    return WganError(
        f"{source} sets `{dotted}` to {_short(given)}, which does not fit: {_plain(first['msg'])}",
        f"`{dotted}` is: {_described(section, keys[-1] if keys else '')}",
    )


def _somewhere_else(keys: list[str]) -> str:
    """Where a setting of that very name is, below the given section: `lr` is `optim.generator.lr`; "" if nowhere."""
    *section, name = keys
    found = [place for place in _places(Recipe) if place[-1] == name and list(place[: len(section)]) == section]
    named = [".".join(place) for place in found if {"generator", "critic"} & {*place}] or [".".join(p) for p in found]
    return f"did you mean {' or '.join(f'`{each}`' for each in list(dict.fromkeys(named))[:2])}? " if named else ""


def _places(model: type[BaseModel], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The keys of every setting of a section and of those below it, whatever network or objective they are for."""
    for name, field in model.model_fields.items():
        inner = _models(field.annotation)
        if not inner:
            yield (*above, name)
        for arm in inner:
            yield from _places(arm, (*above, name))


def _related(a: str, b: str) -> bool:
    """Whether two dotted settings are the same, or one holds the other."""
    return a == b or a.startswith(f"{b}.") or b.startswith(f"{a}.")


def _walk(location: tuple[int | str, ...]) -> tuple[type[BaseModel] | None, list[str]]:
    """Follow an error's location through the schema: the section that holds the setting, and the keys a user writes."""
    section: type[BaseModel] | None = Recipe
    keys: list[str] = []
    inner: Any = Recipe
    for part in location:
        if isinstance(part, int):  # a place in a list, or a key that should have been a word
            keys[-1:] = [f"{keys[-1]}[{part}]"] if keys else [str(part)]
            continue
        members = [arm for arm in _models(inner) if isinstance(arm, type)]
        tagged = [arm for arm in members if part in (*_tags(arm), arm.__name__)]
        if len(members) > 1 and tagged:  # pydantic names the arm of a union, which the user did not write
            inner = tagged[0]
            continue
        section = members[0] if members else section
        keys.append(part)
        field = section.model_fields.get(part) if section else None
        inner = field.annotation if field else None
    return section, keys


def _models(annotation: Any) -> list[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for arm in typing.get_args(annotation) for model in _models(arm)]


def _tags(model: type[BaseModel]) -> tuple[Any, ...]:
    field = model.model_fields.get("name")
    return typing.get_args(field.annotation) if field else ()


def _section_name(section: type[BaseModel] | None, values: dict[str, Any], keys: list[str]) -> str:
    """What a user calls the section: `wgan_gp`, `model.generator` or `a recipe`."""
    if len(keys) == 1:
        return "a recipe"
    tags = _tags(section) if section else ()
    return tags[0] if tags else ".".join(keys[:-1])


def _described(section: type[BaseModel] | None, key: str) -> str:
    key = key.partition("[")[0]
    field = section.model_fields.get(key) if section else None
    if field is None:
        return "see `wgan recipes --schema`"
    schema = section.model_json_schema()["properties"][key]
    words = field.description or "a setting"
    limits = [
        f"{word} {schema[name]}"
        for name, word in (
            ("minimum", "at least"),
            ("exclusiveMinimum", "more than"),
            ("maximum", "at most"),
            ("exclusiveMaximum", "less than"),
        )
        if name in schema
    ]
    if "enum" in schema:
        limits.append("one of " + ", ".join(schema["enum"]))
    return f"{words} ({', '.join(limits)})" if limits else words


def _plain(message: str) -> str:
    return message[0].lower() + message[1:]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
