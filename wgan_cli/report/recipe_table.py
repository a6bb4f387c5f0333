"""A run's recipe compared with the shipped recipe of the same name."""

import json
import re
from contextlib import suppress
from typing import Any

from wgan_cli.errors import WganError
from wgan_cli.recipe import flat_settings, load_recipe, recipe_names
from wgan_cli.recipe.yaml import dump_yaml

NOT_SET = "not set"
_KEY = re.compile(r"( *)(\w+):")


def shipped_settings(recipe: dict[str, Any]) -> dict[str, Any] | None:
    """Return the settings of the shipped recipe of that name by dotted names, or None if there is none.

    A recipe for the user's own images is completed with the run's data section.
    """
    name = recipe["name"]
    if name not in recipe_names():
        return None
    for settings in ((), (f"data={json.dumps(recipe['data'])}",)):
        with suppress(WganError):  # it needs a path to images, or its data section has changed since the run
            return flat_settings(load_recipe(name, settings).as_dict())
    return None


def changes(recipe: dict[str, Any], shipped: dict[str, Any] | None) -> dict[str, tuple[str, str]]:
    """Return the settings that differ, by dotted name: the shipped value and the run's value as YAML."""
    if shipped is None:
        return {}
    ours = flat_settings(recipe)
    return {
        name: (_as_yaml(shipped.get(name)), _as_yaml(ours.get(name)))
        for name in dict.fromkeys((*ours, *shipped))
        if shipped.get(name) != ours.get(name)
    }


def _as_yaml(value: Any) -> str:
    return NOT_SET if value is None else dump_yaml([value]).strip()[1:-1]


def yaml_lines(recipe: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the recipe as YAML lines, each with the dotted name of its setting, or "" for a continuation line."""
    lines, path = [], []
    for line in dump_yaml(recipe).splitlines():
        key = _KEY.match(line)
        if key is not None:
            path = [*path[: len(key[1]) // 2], key[2]]
        lines.append((line, "" if key is None else ".".join(path)))
    return lines
