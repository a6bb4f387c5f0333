"""Recipes: one frozen, typed object that says everything about a run."""

from wgan_cli.recipe.load import (
    apply_settings,
    flat_settings,
    load_recipe,
    read_recipe_file,
    read_recipe_text,
    recipe_from_dict,
    recipe_names,
    recipe_path,
)
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
    "recipe_names",
    "recipe_path",
]
