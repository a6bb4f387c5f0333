"""From a name, a file or a dict to a checked Recipe; every complaint names the setting and the repair."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from wgan_cli.errors import WganError, describe_os_error, did_you_mean
from wgan_cli.recipe.schema import SHORT_FORMS, Recipe
from wgan_cli.recipe.validation_errors import explain_invalid
from wgan_cli.recipe.yaml import MAX_LENGTH, parse_yaml
from wgan_cli.utils.files import open_plain

DEFAULT_RECIPE = "digits_dcgan"  # where none is named
MOST_IN_A_KEY = 200  # letters; the longest that there is has thirty
_SUFFIXES = (".yaml", ".yml")


def recipes_folder() -> Path:
    """Where the recipes lie: inside the installed package, or at the top of a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "recipes"
    return installed if installed.is_dir() else package.parent / "recipes"


def recipe_names() -> list[str]:
    """Names of the recipes that come with the program, sorted."""
    return sorted(path.stem for path in recipes_folder().glob("*.yaml"))


def recipe_path(name: str) -> Path:
    """The file of a recipe: one that comes with the program by its name, else a path, of a run's folder too.

    Raises: WganError with the nearest names.
    """
    path = Path(name)
    if name not in recipe_names() and os.path.isfile(path / "recipe.yaml"):  # a run's folder
        return path / "recipe.yaml"
    if path.suffix.lower() in _SUFFIXES or len(path.parts) > 1:
        if os.path.exists(path):  # False where the system cannot even look
            return path
        raise WganError(f"there is no recipe file {name}", "check the path, or name one of `wgan recipes`")
    if name in recipe_names():
        return recipes_folder() / f"{name}.yaml"
    if os.path.isdir(path):
        raise WganError(
            f"{name} is a folder, and no recipe",
            f"to learn from the images in it: --recipe folder_dcgan --set {shlex.quote(f'data.path={name}')}",
        )
    hint = did_you_mean(name, recipe_names()) or "give one of `wgan recipes`, or the path of a .yaml file. "
    raise WganError(f"there is no recipe named {name!r}", f"{hint}Recipes: {', '.join(recipe_names())}")


def load_recipe(name: str, settings: list[str] | tuple[str, ...] = ()) -> Recipe:
    """Read a recipe and put `key=value` settings over it, as --set does: dotted keys, values as in YAML.

    Args:
        name: of a recipe that comes with the program, or the path of a .yaml file or of a run's folder.
    Raises: WganError naming the setting that is unknown, out of range, or does not fit the others.
    """
    return read_recipe_file(recipe_path(name), settings)


def read_recipe_file(path: Path, settings: list[str] | tuple[str, ...] = ()) -> Recipe:
    """Read a recipe file and put `key=value` settings over it."""
    values = parse_yaml(read_recipe_text(path), path.name)
    if not isinstance(values, dict):
        raise WganError(
            f"{path.name} holds no settings", "a recipe is `key: value` lines; `wgan recipes` lists working examples"
        )
    values.setdefault("name", path.stem)
    return apply_settings(values, settings, path.name)


def read_recipe_text(path: Path) -> str:
    """The text of a recipe file, or as much of a larger file as shows that it is none. Raises: WganError."""
    try:
        with open_plain(path) as file:
            return file.read(4 * MAX_LENGTH + 1).decode("utf-8")  # a letter takes 4 bytes at most
    except OSError as error:
        raise WganError(
            f"cannot read {path}: {describe_os_error(error)}",
            "give the path of a recipe, a .yaml file that you may read",
        ) from None
    except UnicodeDecodeError:
        raise WganError(f"{path} is not a text file", "give the path of a recipe, a .yaml file") from None


def recipe_from_dict(values: Any, origin: str) -> Recipe:
    """Check plain values, from a file's or checkpoint's text, as a Recipe; `origin` is the name that errors give it.

    Raises: WganError, as `load_recipe`.
    """
    return apply_settings(values if isinstance(values, dict) else {}, (), origin)


def apply_settings(values: dict[str, Any], settings: list[str] | tuple[str, ...], origin: str) -> Recipe:
    """Put `dotted.key=value` settings over plain values and check the whole; a value is read as YAML."""
    changed = set()
    for setting in settings:
        key, equals, text = setting.partition("=")
        key = key.strip()
        if not equals or len(key) > MOST_IN_A_KEY or not key.isprintable() or not all(key.split(".")):
            raise WganError(
                f"--set {setting[:MOST_IN_A_KEY]!r} is not KEY=VALUE", "write for example --set optim.critic.lr=0.001"
            )
        values = _with_value(values, key.split("."), parse_yaml(text, f"--set {key}"))
        changed.add(key)
    # A run's length is said in one unit, so a setting in one replaces a recipe's in the other.
    for given, other in (("steps", "epochs"), ("epochs", "steps")):
        if given in changed and other not in changed:
            values = {**values, other: None}
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise explain_invalid(error, values, origin, changed) from None


def flat_settings(section: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings of nested sections by their dotted names, as `--set` takes them."""
    flat = {}
    for key, value in section.items():
        flat |= flat_settings(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def _with_value(values: dict[str, Any], keys: list[str], value: Any) -> dict[str, Any]:
    """A copy of nested dicts with one value changed; a section in its short form `wgan_gp` becomes a dict."""
    head, *rest = keys
    if not rest:
        return {**values, head: value}
    section = values.get(head)
    if isinstance(section, str) and head in SHORT_FORMS:
        section = {SHORT_FORMS[head]: section}
    return {**values, head: _with_value(section if isinstance(section, dict) else {}, rest, value)}
