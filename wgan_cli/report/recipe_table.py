"""A run's recipe beside the one that it comes from."""

from __future__ import annotations

import re
from typing import Any

from wgan_cli.errors import WganError
from wgan_cli.recipe import Recipe, flat_settings, load_recipe, read_recipe_text, recipe_names, recipe_path
from wgan_cli.recipe.load import apply_settings
from wgan_cli.recipe.yaml import dump_yaml, parse_yaml

NOT_SET = "not set"
_KEY = re.compile(r"( *)(\w+):")


def shipped_settings(recipe: dict[str, Any]) -> dict[str, Any] | None:
    """The settings of the recipe of that name that comes with the program, by dotted names; None where there is none.

    A recipe that is for anybody's images takes the run's.
    """
    name = recipe["name"]
    if name not in recipe_names():
        return None
    try:
        shipped = load_recipe(name)
    except WganError:  # it needs a folder of images
        shipped = _with_data(name, recipe["data"])
    return flat_settings(shipped.as_dict()) if shipped else None


def _with_data(name: str, data: dict[str, Any]) -> Recipe | None:
    path = recipe_path(name)
    try:
        return apply_settings({**parse_yaml(read_recipe_text(path), path.name), "name": name, "data": data}, (), name)
    except WganError:  # the data no longer fits
        return None


def changes(recipe: dict[str, Any], shipped: dict[str, Any] | None) -> dict[str, tuple[str, str]]:
    """What differs from the shipped recipe, by dotted name: the value there and the one here."""
    if shipped is None:
        return {}
    ours = flat_settings(recipe)
    return {
        name: (as_text(shipped.get(name)), as_text(ours.get(name)))
        for name in dict.fromkeys((*ours, *shipped))
        if shipped.get(name) != ours.get(name)
    }


def as_text(value: Any) -> str:
    """A value as YAML writes it."""
    return NOT_SET if value is None else dump_yaml([value]).strip()[1:-1]


def lines(recipe: dict[str, Any]) -> list[tuple[str, str]]:
    """The recipe as lines of YAML, each with its setting's dotted name; "" for what goes on from above."""
    found, above = [], []
    for line in dump_yaml(recipe).splitlines():
        key = _KEY.match(line)
        if key is None:
            found.append((line, ""))
            continue
        above = [*above[: len(key[1]) // 2], key[2]]
        found.append((line, ".".join(above)))
    return found
