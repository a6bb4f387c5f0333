"""`wgan recipes`."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wgan_cli.cli.completion import complete_recipe
from wgan_cli.cli.options import Json, example

if TYPE_CHECKING:
    from wgan_cli.recipe import Recipe
    from wgan_cli.recipe.benchmarks import Measured

_LEAST = (18, 14, 8, 13, 8, 7, 13, 0)  # letters in a column, so that those of most papers stand below each other


_HEADINGS = ("recipe", "images", "networks", "length", "time", "memory", "score", "what it learns")


def recipes(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="Recipe to print.", autocompletion=complete_recipe),
    ] = None,
    schema: Annotated[
        bool,
        typer.Option("--schema", help="Print the JSON schema of every setting; with NAME, the recipe for editors."),
    ] = False,
    as_json: Json = False,
) -> None:
    """List the recipes by paper, or print one to copy and change."""
    from wgan_cli.console import data
    from wgan_cli.recipe import read_recipe_text, recipe_path

    if name is not None:
        text = read_recipe_text(recipe_path(name))
        data().print((_modeline() if schema else "") + text, end="", soft_wrap=True)
    elif schema:
        data().print(_schema(), soft_wrap=True)
    elif as_json:
        data().print(json.dumps(_facts()), soft_wrap=True)
    else:
        _list()


recipes.__doc__ += "\n\n" + example(
    "wgan recipes",
    "wgan recipes mnist_dcgan > mine.yaml",
    "wgan recipes mnist_dcgan --schema > mine.yaml",
)


def _list() -> None:
    """A line for each recipe, with what was measured of it."""
    from wgan_cli.console import data
    from wgan_cli.recipe.benchmarks import measurements, thumbnail

    known = measurements()
    by_paper: dict[str, list[tuple[str, ...]]] = {}
    for name, recipe in _every_recipe().items():
        length = f"{recipe.steps:,} steps" if recipe.steps else f"{recipe.epochs:g} epochs"
        measured = _columns(known.recipes.get(name))
        row = (name, recipe.data.title, recipe.model.name, length, *measured, purpose(name))
        by_paper.setdefault(f"{recipe.objective.name}: {recipe.objective.paper}", []).append(row)
    data().print("  " + _in_columns(_HEADINGS, _LEAST), style="dim", soft_wrap=True)
    for paper, rows in by_paper.items():
        data().print(paper, style="bold")
        widths = [
            max(least, *(map(len, column))) for least, column in zip(_LEAST, zip(*rows, strict=True), strict=True)
        ]
        for row in rows:
            data().print("  " + _in_columns(row, widths), soft_wrap=True)
    pictured = next((path for name in known.recipes if (path := thumbnail(name))), None)
    pictures = f" Their samples: {pictured.parent / 'NAME.png'}" if pictured else ""
    data().print(f"Minutes, memory and scores: measured on {known.where}.{pictures}", style="dim", soft_wrap=True)


def _in_columns(cells: Sequence[str], widths: Sequence[int]) -> str:
    return " ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _columns(measured: Measured | None) -> tuple[str, str, str]:
    """Minutes, memory and score, or nothing where nobody has measured them."""
    if measured is None:
        return "", "", ""
    from wgan_cli.recipe.scores import format_score, title_of

    memory = "" if measured.gigabytes is None else f"{measured.gigabytes:.2f} GB"
    return (
        f"{measured.minutes:.1f} min",
        memory,
        f"{title_of(measured.score)} {format_score(measured.score, measured.value)}",
    )


def _facts() -> list[dict[str, Any]]:
    """The same for programs."""
    from dataclasses import asdict

    from wgan_cli.recipe.benchmarks import measurements, thumbnail

    known = measurements().recipes
    return [
        {
            "name": name,
            "objective": recipe.objective.name,
            "paper": recipe.objective.paper,
            "data": recipe.data.title,
            "model": recipe.model.name,
            "steps": recipe.steps,
            "epochs": recipe.epochs,
            "purpose": purpose(name),
            "measured": asdict(known[name]) if name in known else None,
            "thumbnail": str(path) if (path := thumbnail(name)) else None,
        }
        for name, recipe in _every_recipe().items()
    ]


def _every_recipe() -> dict[str, Recipe]:
    from wgan_cli.recipe import load_recipe, recipe_names

    return {name: load_recipe(name, _settings_of_its_command(name)) for name in recipe_names()}


def _schema() -> str:
    from wgan_cli.recipe.json_schema import json_schema

    return json.dumps(json_schema(), indent=2)


def _modeline() -> str:
    """The first line by which editors find the schema, which is kept in the cache for them.

    Only on request: a recipe opens with its command, and a path on this machine says nothing on another.
    """
    from wgan_cli.data import default_data_root
    from wgan_cli.utils.files import make_parent, write_text

    path = (default_data_root() / "recipe.schema.json").absolute()
    make_parent(path)
    write_text(path, _schema() + "\n")
    return f"# yaml-language-server: $schema={path.as_uri()}\n"


def purpose(name: str) -> str:
    """What a recipe says of itself on its first line, behind the command."""
    return re.split(r"\s{2,}", _first_line(name), maxsplit=1)[-1]


def _settings_of_its_command(name: str) -> list[str]:
    """What the command on a recipe's first line sets, for a recipe that says nothing of whose images."""
    words = shlex.split(_first_line(name).partition("  ")[0])
    return [value for option, value in pairwise(words) if option == "--set"]


def _first_line(name: str) -> str:
    from wgan_cli.recipe import recipe_path

    return recipe_path(name).read_text(encoding="utf-8").partition("\n")[0]
