"""Translation of pydantic's validation errors into a message and a hint about one setting."""

import difflib
import re
import shlex
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from wgan_cli.errors import WganError, did_you_mean
from wgan_cli.recipe.data_settings import SIDES, for_side
from wgan_cli.recipe.renamed import RENAMED, RENAMED_VALUES
from wgan_cli.recipe.schema import MEMBERS, Recipe
from wgan_cli.recipe.settings import Settings
from wgan_cli.recipe.synonyms import meant

_LIMITS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
_LIST_ALL = "`wgan recipes --schema` lists every setting"


def explain_invalid(error: ValidationError, origin: str, changed: Mapping[str, str]) -> WganError:
    """Return the first validation error as one that names the setting, where it was set, and the fix.

    Args:
        error: result of validating a recipe.
        origin: file or run that the values come from.
        changed: options by the dotted names of the settings that they set: --set, or one of its own.
    """
    first = min(error.errors(include_url=False), key=lambda e: e["type"] != "extra_forbidden")
    section, keys = _walk(first["loc"])
    kind, value, context = first["type"], first.get("input"), first.get("ctx", {})
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        keys = [*keys, "name"]
        value = value.get("name") if isinstance(value, dict) else value
    dotted = ".".join(keys)
    setting = dotted.partition("[")[0] + "."
    set_by = [key for key in changed if setting.startswith(f"{key}.") or f"{key}.".startswith(setting)]
    if set_by:
        origin = changed[max(set_by, key=len)]
    shown = text if len(text := repr(value)) <= 60 else f"{text[:57]}..."

    if kind == "invalid_setting":
        message, hint = context["message"], context["hint"]
        if keys[:1] == ["data"] and keys[1:2] and keys[1] in SIDES:
            message, hint = for_side(message, keys[1]), for_side(hint, keys[1])
    elif kind == "extra_forbidden":
        owner = "a recipe" if len(keys) == 1 else _tag(section) or ".".join(keys[:-1])
        message = f"unknown setting `{dotted}`"
        hint = f"{_meant(keys, section)}{owner} has: {', '.join(section.accepts())}"
    elif kind in ("missing", "union_tag_not_found"):
        parent = section.model_fields.get(keys[-2]) if keys[1:] else None
        choices = [_tag(model) for model in _models(parent.annotation)] if parent else []
        message, hint = f"`{dotted}` is not set", f"choose {', '.join(choices)}" if choices else _LIST_ALL
    elif choices := context.get("expected_tags") or context.get("expected"):
        message, hint = f"unknown `{dotted}` {shown}", _choose(choices, dotted, value)
        if "," not in choices and " or " not in choices:  # nothing to choose: the description says why
            hint = f"leave out {_describe(section.model_fields.get(keys[-1]), dotted)}"
    else:
        message = f"invalid `{dotted}` {shown}: {_in_plain_words(kind, first['msg'])}"
        hint = _describe(section.model_fields.get(keys[-1].partition("[")[0]) if keys else None, dotted)
        if kind in ("tuple_type", "list_type") and isinstance(value, str) and "," in value:
            both = f"optim.{keys[-1]}"  # of all networks, as `optim.betas` sets them
            name = both if {f"optim.{role}.{keys[-1]}" for role in ("generator", "critic")} <= {*changed} else dotted
            hint = f"write --set {shlex.quote(f'{name}=[{value}]')}"
        elif kind in ("model_type", "model_attributes_type") and (inner := _inner_settings(section, keys)):
            hint = f"`{dotted}` has settings of its own, such as {dotted}.{inner[0]}: {', '.join(inner)}"
    if set_by and origin != "--set" and f"`{dotted}`" in message:
        return WganError(message.replace(f"`{dotted}`", origin), hint)
    return WganError(f"{origin}: {message}", hint)


def _in_plain_words(kind: str, message: str) -> str:
    """Return pydantic's description of a wrong value without the terms of Python: `must be at least 10`."""
    if kind in ("tuple_type", "list_type"):
        return "it is not a list"
    if kind in ("model_type", "model_attributes_type"):
        return "it is a section, not a value"
    message = message.partition(", unable to parse")[0].replace("Input should be", "must be")
    return message[0].lower() + message[1:]


def _inner_settings(section: type[Settings], keys: list[str]) -> list[str]:
    """Return the settings of a section that is a key of another section."""
    field = section.model_fields.get(keys[-1]) if keys else None
    models = _models(field.annotation) if field else []
    return models[0].accepts() if models else []


def _choose(choices: str, dotted: str, value: Any) -> str:
    """Return the hint for a value that isn't one of some words, which pydantic quotes: 'a', 'b' or 'c'."""
    words = re.findall("'([^']*)'", choices)
    members = MEMBERS.get(dotted.removesuffix(".name"), {})
    summaries = {word: getattr(members.get(word), "summary", "") for word in words}
    if any(summaries.values()):
        choices = ", ".join(f"{word} ({summary})" if summary else word for word, summary in summaries.items())
    hint = f"choose {choices}".replace("'", "")
    if not isinstance(value, str):
        return hint
    if new := RENAMED_VALUES.get(dotted, {}).get(value):
        return f"{value} is now called {new}; {hint}"
    return f"{meant(dotted, value, words)}{hint}"


def _describe(field: FieldInfo | None, dotted: str) -> str:
    if field is None or not field.description:
        return _LIST_ALL
    limits = [
        f"{word} {getattr(limit, name)}"
        for limit in field.metadata
        for name, word in _LIMITS.items()
        if hasattr(limit, name)
    ]
    return f"`{dotted}`: {field.description.rstrip('.')}" + (f" ({', '.join(limits)})" if limits else "")


def _meant(keys: list[str], section: type[Settings]) -> str:
    """Explain an unknown setting: its current name, others that have it, a near name, or the same in a subsection."""
    *above, name = keys
    if new := RENAMED.get(".".join(keys)):
        return f"`{name}` is now called `{new.rpartition('.')[2]}`. "
    if others := [each for each, member in MEMBERS.get(".".join(above), {}).items() if name in member.model_fields]:
        return f"`{name}` is a setting of {', '.join(others)}. "
    if near := did_you_mean(name, section.accepts()):
        return near
    alike = [path for path in _paths(Recipe) if path[-1] == name and list(path[: len(above)]) == above]
    found = [path for path in alike if list(path) != keys]  # it exists in another form of its section
    found = [path for path in found if {"generator", "critic"} & {*path}] or found
    found = [("optim", name) if path[0] == "optim" else path for path in found]  # of both networks
    dotted = list(dict.fromkeys(f"`{'.'.join(path)}`" for path in found))
    return f"did you mean {' or '.join(dotted[:2])}? " if dotted else ""


def setting_named(name: str) -> str | None:
    """Return the dotted setting of a name in any section, or the one with the nearest name.

    Of several, it is the critic's; of optimizers, that of both networks.
    """
    paths = [*_paths(Recipe)]
    near = difflib.get_close_matches(name, {path[-1] for path in paths}, n=1, cutoff=0.85)
    found = [path for path in paths if path[-1] == name] or [path for path in paths if path[-1] in near]
    chosen = next((path for path in found if "critic" in path), found[0] if found else None)
    if chosen and chosen[0] == "optim":
        chosen = ("optim", chosen[-1])
    return ".".join(chosen) if chosen else None


def _paths(model: type[BaseModel], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the keys of every setting of a section and its subsections, for all models and objectives."""
    for name, field in model.model_fields.items():
        inner = _models(field.annotation)
        if not inner:
            yield (*above, name)
        for each in inner:
            yield from _paths(each, (*above, name))


def _walk(location: tuple[int | str, ...]) -> tuple[type[Settings], list[str]]:
    """Return the section that holds an error's location, and the keys as a user writes them."""
    section: type[Settings] = Recipe
    members: list[type[Settings]] = [Recipe]
    keys: list[str] = []
    for part in location:
        if isinstance(part, int):  # an index, or a key that isn't a word
            keys[-1:] = [f"{keys[-1]}[{part}]"] if keys else [str(part)]
            continue
        if keys and not members:  # pydantic adds the kind of a value, or the member of a union
            continue
        chosen = [each for each in members if part in (_tag(each), each.__name__)]
        if len(members) > 1 and chosen:  # pydantic adds the member of a union, which the user did not write
            members = chosen
            continue
        section = members[0] if members else section
        keys.append(part)
        field = section.model_fields.get(part)
        members = _models(field.annotation) if field else []
    return section, keys


def _models(annotation: Any) -> list[type[Settings]]:
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return [annotation]
    return [model for each in typing.get_args(annotation) for model in _models(each)]


def _tag(model: type[BaseModel]) -> str:
    """Return the name that selects a member of a union, or ""."""
    field = model.model_fields.get("name")
    return field.default if field else ""
