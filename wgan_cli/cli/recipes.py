"""`wgan recipes`."""

import json
from typing import Annotated

import typer

from wgan_cli.cli.arguments.completion import complete_recipe
from wgan_cli.cli.arguments.options import Json, examples
from wgan_cli.console import data
from wgan_cli.recipe.recipe_files import read_recipe_text, recipe_path
from wgan_cli.utils.files import make_parent, write_text


@examples(
    "wgan recipes",
    "wgan recipes mnist_dcgan > mine.yaml",
    "wgan recipes mnist_dcgan --schema > mine.yaml",
)
def recipes(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Recipe to print.", autocompletion=complete_recipe)
    ] = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON schema of all settings; with NAME, the recipe for editors.")
    ] = False,
    wide: Annotated[bool, typer.Option("--wide", help="All columns: networks, length, memory and scores too.")] = False,
    as_json: Json = False,
) -> None:
    """List the recipes by paper, or print one to copy and change."""
    from wgan_cli.cli.render.recipe_list import print_recipes, recipe_facts
    from wgan_cli.recipe.yaml import parse_yaml

    if name is not None:
        text = read_recipe_text(recipe_path(name))
        if as_json:
            text = json.dumps(parse_yaml(text, name)) + "\n"
        data().print((_modeline() if schema and not as_json else "") + text, end="", soft_wrap=True)
    elif schema:
        data().print(_schema(), soft_wrap=True)
    elif as_json:
        data().print(json.dumps(recipe_facts()), soft_wrap=True)
    else:
        print_recipes(wide)


def _schema() -> str:
    from wgan_cli.recipe.schema import json_schema

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
