"""`wgan recipes`."""

from __future__ import annotations

import re
import shlex
from itertools import pairwise
from typing import Annotated

import typer

from wgan_cli.commands.options import example

_LEAST = (18, 14, 7, 13, 0)  # letters in a column, so that those of most papers stand below each other


def recipes(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Print this recipe's file.")] = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON schema of every setting.")] = False,
) -> None:
    """List the recipes by paper, or print one to copy and change."""
    from wgan_cli.console import data
    from wgan_cli.recipe import load_recipe, read_recipe_text, recipe_names, recipe_path
    from wgan_cli.recipe.schema import Recipe

    if schema:
        import json

        data().print(json.dumps(Recipe.model_json_schema(), indent=2), soft_wrap=True)
        return
    if name is not None:
        data().print(read_recipe_text(recipe_path(name)), end="", soft_wrap=True)
        return
    by_paper: dict[str, list[tuple[str, ...]]] = {}
    for each in recipe_names():
        recipe = load_recipe(each, _settings_of_its_command(each))
        length = f"{recipe.steps:,} steps" if recipe.steps else f"{recipe.epochs:g} epochs"
        row = (each, recipe.data.title, recipe.model.name, length, _purpose(each))
        by_paper.setdefault(f"{recipe.objective.name}: {recipe.objective.paper}", []).append(row)
    for paper, rows in by_paper.items():
        data().print(paper, style="bold")
        widths = [
            max(least, *(map(len, column))) for least, column in zip(_LEAST, zip(*rows, strict=True), strict=True)
        ]
        for row in rows:
            line = " ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            data().print(f"  {line.rstrip()}", soft_wrap=True)


recipes.__doc__ += "\n\n" + example("wgan recipes", "wgan recipes mnist_dcgan > mine.yaml")


def _purpose(name: str) -> str:
    """What a recipe says of itself on its first line, behind the command."""
    return re.split(r"\s{2,}", _first_line(name), maxsplit=1)[-1]


def _settings_of_its_command(name: str) -> list[str]:
    """What the command on a recipe's first line sets, for a recipe that says nothing of whose images."""
    words = shlex.split(_first_line(name).partition("  ")[0])
    return [value for option, value in pairwise(words) if option == "--set"]


def _first_line(name: str) -> str:
    from wgan_cli.recipe import recipe_path

    return recipe_path(name).read_text(encoding="utf-8").partition("\n")[0]
