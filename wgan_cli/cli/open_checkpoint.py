"""Weights of other programs: the options that `sample` and `export` share, and what is said of such a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wgan_cli.errors import WganError

if TYPE_CHECKING:
    from wgan_cli.runs.checkpoint import Checkpoint

_PANEL = "Weights of other programs"

ForeignRecipe = Annotated[
    str | None,
    typer.Option(
        "--recipe", metavar="NAME|FILE", rich_help_panel=_PANEL, help="Take a bare state_dict as this recipe's."
    ),
]
ForeignSettings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", rich_help_panel=_PANEL, help="Change a setting of that recipe."),
]


def open_checkpoint(path: Path, recipe: str | None, settings: list[str] | None) -> Checkpoint:
    """The checkpoint of a file or run or, with a recipe, weights that another program saved; says what was matched.

    Raises: WganError.
    """
    from wgan_cli.console import print_message
    from wgan_cli.data import native_shape
    from wgan_cli.outputs.import_weights import foreign_checkpoint
    from wgan_cli.recipe import load_recipe
    from wgan_cli.runs.checkpoint import generator_file, load_checkpoint

    if recipe is None:
        if settings:
            raise WganError(
                "--set changes the recipe that --recipe names, and a checkpoint keeps its own",
                "leave out --set, or name a recipe for a file of weights alone",
            )
        return load_checkpoint(generator_file(path))
    wanted = load_recipe(recipe, settings or [])
    checkpoint, found = foreign_checkpoint(path, wanted, native_shape(wanted.data))
    print_message(f"{len(found.pairs)} tensors of {path} fit {wanted.name} by {found.how}:")
    weights = checkpoint.networks["generator"]
    width = max(len(theirs) for theirs, _ in found.pairs)
    for theirs, ours in found.pairs:
        print_message(f"  {theirs:<{width}}  {ours}  {'x'.join(map(str, weights[ours].shape))}")
    return checkpoint
