"""Recipes from names, files and `--set` to one validated Recipe."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from wgan_cli.errors import WganError
from wgan_cli.recipe.overrides import with_overrides
from wgan_cli.recipe.recipe_files import read_recipe_text, recipe_path, recipe_title
from wgan_cli.recipe.renamed import is_written_by_run, with_current_names, with_former_defaults
from wgan_cli.recipe.schema import Recipe
from wgan_cli.recipe.validation_errors import explain_invalid
from wgan_cli.recipe.yaml import parse_yaml
from wgan_cli.utils.format import Log


def load_recipe(name: str, settings: Sequence[str] = (), log: Log | None = None) -> Recipe:
    """Load a recipe and apply `key=value` settings, as --set does: dotted keys, YAML values.

    Args:
        name: name of a packaged recipe, or path of a .yaml file or run folder.
        settings: changes, in order.
        log: receives a line if a change makes other settings fall back to their defaults.

    Raises: WganError naming a setting that is unknown, out of range, or in conflict with others.
    """
    return read_recipe_file(recipe_path(name), settings, log)


def read_recipe_file(path: Path, settings: Sequence[str] = (), log: Log | None = None) -> Recipe:
    """Read a recipe file and apply `key=value` settings, as `load_recipe`."""
    title = recipe_title(path)
    values = parse_yaml(read_recipe_text(path), title)
    if not isinstance(values, dict):
        hint = "a recipe is `key: value` lines; `wgan recipes` lists working examples"
        raise WganError(f"{title} contains no settings", hint)
    values.setdefault("name", path.stem)
    return apply_settings(values, settings, title, log)


def recipe_from_dict(values: Any, origin: str) -> Recipe:
    """Validate plain values from a file or checkpoint, as `apply_settings`."""
    return apply_settings(values if isinstance(values, dict) else {}, (), origin)


def apply_settings(values: dict[str, Any], settings: Sequence[str], origin: str, log: Log | None = None) -> Recipe:
    """Apply `dotted.key=value` settings to plain values, called `origin` in errors, and validate as `load_recipe`."""
    values = with_current_names(values)
    if is_written_by_run(values):
        values = with_former_defaults(values)
    values, changed = with_overrides(values, settings, log)
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise explain_invalid(error, origin, changed) from None
