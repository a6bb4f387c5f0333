"""`wgan recipes`."""

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer

from wgan_cli.cli.arguments.completion import complete_recipe
from wgan_cli.cli.arguments.options import Json, examples
from wgan_cli.console import data
from wgan_cli.recipe import Recipe, load_recipe, read_recipe_text, recipe_header, recipe_names, recipe_path
from wgan_cli.recipe.benchmarks import measurements, thumbnail
from wgan_cli.recipe.schema import json_schema
from wgan_cli.recipe.scores import format_score, title_of
from wgan_cli.utils.files import make_parent, write_text

_HEADINGS = ("recipe", "images", "networks", "length", "time", "memory", "score", "what it learns")
_MIN_WIDTHS = (18, 14, 8, 13, 8, 7, 13, 0)  # so that columns line up across papers


@examples(
    "wgan recipes",
    "wgan recipes mnist_dcgan > mine.yaml",
    "wgan recipes mnist_dcgan --schema > mine.yaml",
)
def recipes(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Recipe to print.", autocompletion=complete_recipe)
    ] = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON schema of all settings; with NAME, the recipe for editors.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List the recipes by paper, or print one to copy and change."""
    if name is not None:
        text = read_recipe_text(recipe_path(name))
        data().print((_modeline() if schema else "") + text, end="", soft_wrap=True)
    elif schema:
        data().print(_schema(), soft_wrap=True)
    elif as_json:
        data().print(json.dumps(_facts()), soft_wrap=True)
    else:
        _list()


def _list() -> None:
    """Print a line for each recipe, with its benchmark."""
    known = measurements()
    by_paper: dict[str, list[tuple[str, ...]]] = {}
    for name, (recipe, purpose) in _load_all().items():
        length = f"{recipe.steps:,} steps" if recipe.steps else f"{recipe.epochs:g} epochs"
        time = memory = score = ""
        if measured := known.recipes.get(name):
            time = f"{measured.minutes:.1f} min"
            memory = "" if measured.gigabytes is None else f"{measured.gigabytes:.2f} GB"
            score = f"{title_of(measured.score)} {format_score(measured.score, measured.value)}"
        row = (name, recipe.data.title, recipe.model.name, length, time, memory, score, purpose)
        by_paper.setdefault(f"{recipe.objective.name}: {recipe.objective.paper}", []).append(row)
    for paper, rows in {"": [_HEADINGS], **by_paper}.items():
        if paper:
            data().print(paper, style="bold")
        widths = [max(least, *map(len, column)) for least, *column in zip(_MIN_WIDTHS, *rows, strict=True)]
        for row in rows:
            line = " ".join(map(str.ljust, row, widths)).rstrip()
            data().print(f"  {line}", style=None if paper else "dim", soft_wrap=True)
    pictured = next((path for name in known.recipes if (path := thumbnail(name))), None)
    pictures = f" Samples: {pictured.parent / 'NAME.png'}" if pictured else ""
    data().print(f"Time, memory and scores measured on {known.where}.{pictures}", style="dim", soft_wrap=True)


def _facts() -> list[dict[str, Any]]:
    """Return the list for programs."""
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
            "purpose": purpose,
            "measured": asdict(known[name]) if name in known else None,
            "thumbnail": str(path) if (path := thumbnail(name)) else None,
        }
        for name, (recipe, purpose) in _load_all().items()
    ]


def _load_all() -> dict[str, tuple[Recipe, str]]:
    """Return every recipe, with the settings of the command in its header, and its purpose."""
    headers = {name: recipe_header(name) for name in recipe_names()}
    return {name: (load_recipe(name, settings), purpose) for name, (settings, purpose) in headers.items()}


def _schema() -> str:
    return json.dumps(json_schema(), indent=2)


def _modeline() -> str:
    """Return the first line that points editors to the schema, and write the schema to the cache folder.

    Only on request: a recipe starts with its command, and the path means nothing on another machine.
    """
    from wgan_cli.data import default_data_root

    path = (default_data_root() / "recipe.schema.json").absolute()
    make_parent(path)
    write_text(path, _schema() + "\n")
    return f"# yaml-language-server: $schema={path.as_uri()}\n"
