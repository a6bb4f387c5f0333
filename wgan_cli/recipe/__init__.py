"""Recipes: one frozen, typed object with every setting of a run."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wgan_cli.recipe.load import apply_settings, load_recipe, read_recipe_file, recipe_from_dict
    from wgan_cli.recipe.overrides import flat_settings
    from wgan_cli.recipe.recipe_files import read_recipe_text, recipe_header, recipe_names, recipe_path
    from wgan_cli.recipe.schema import ImageShape, Recipe

__all__ = [
    "ImageShape",
    "Recipe",
    "apply_settings",
    "flat_settings",
    "load_recipe",
    "read_recipe_file",
    "read_recipe_text",
    "recipe_from_dict",
    "recipe_header",
    "recipe_names",
    "recipe_path",
]

_MODULES = {
    "load": ("apply_settings", "load_recipe", "read_recipe_file", "recipe_from_dict"),
    "overrides": ("flat_settings",),
    "recipe_files": ("read_recipe_text", "recipe_header", "recipe_names", "recipe_path"),
    "schema": ("ImageShape", "Recipe"),
}


def __getattr__(name: str) -> Any:
    """Import names on first use, so that help and completion start without the schema."""
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
