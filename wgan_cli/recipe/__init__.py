"""Recipes: one frozen, typed object with every setting of a run."""

from wgan_cli.recipe.load import (
    apply_settings,
    load_recipe,
    read_recipe_file,
    read_recipe_text,
    recipe_from_dict,
    recipe_header,
    recipe_names,
    recipe_path,
)
from wgan_cli.recipe.overrides import flat_settings
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
