"""Checkpoints for all commands that read one, including weights of other programs."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wgan_cli.console import print_message
from wgan_cli.errors import WganError
from wgan_cli.recipe.recipe_files import DEFAULT_RECIPE

if TYPE_CHECKING:
    from wgan_cli.runs.checkpoint import Checkpoint

_PANEL = "Weights of other programs"

ImportRecipe = Annotated[
    str | None,
    typer.Option("--recipe", metavar="NAME|FILE", rich_help_panel=_PANEL, help="Recipe of a bare state_dict."),
]
ImportSettings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", rich_help_panel=_PANEL, help="Setting of that recipe.")
]

ImportEntry = Annotated[
    str | None,
    typer.Option("--entry", metavar="NAME", rich_help_panel=_PANEL, help="Entry of the file that holds the generator."),
]


def chosen_checkpoint(source: Path | None, ckpt: Path | None, command: str) -> Path:
    """Return the checkpoint, given as an argument or an option of a command. Raises: WganError for both or none."""
    if source is not None and ckpt is not None:
        raise WganError(f"{source} and --ckpt {ckpt} both name a checkpoint", "leave out one of them")
    chosen = source or ckpt
    if chosen is None:
        runs = sorted(Path("runs").glob("*/G.pth"), key=os.path.getmtime)
        example = runs[-1].parent if runs else DEFAULT_RECIPE
        raise WganError("no run or checkpoint given", f"for example: {command} {shlex.quote(str(example))}")
    return chosen


def import_options(recipe: str | None, settings: list[str] | None, entry: str | None) -> list[str]:
    """Return the options of weights of another program as words of a command line."""
    options = {"--recipe": [recipe], "--set": settings or [], "--entry": [entry]}
    return [word for option, values in options.items() for value in values if value for word in (option, value)]


def check_entry(recipe: str | None, entry: str | None) -> None:
    """Raise a WganError for an entry of a file that no recipe is given for."""
    if recipe is None and entry is not None:
        raise WganError("--entry needs --recipe", "add --recipe, or remove --entry")


def open_checkpoint(
    path: Path, recipe: str | None, settings: list[str] | None = None, entry: str | None = None
) -> Checkpoint:
    """Open a run or checkpoint or, with a recipe, weights of another program, and print how they were matched."""
    from wgan_cli.data import native_shape
    from wgan_cli.outputs.imported.import_weights import import_checkpoint
    from wgan_cli.recipe import load_recipe
    from wgan_cli.runs.checkpoint import generator_file, load_checkpoint

    check_entry(recipe, entry)
    if recipe is None:
        if settings:
            raise WganError(
                "--set needs --recipe: a checkpoint's own recipe is fixed",
                "remove --set, or name the recipe of a bare state_dict with --recipe",
            )
        return load_checkpoint(generator_file(path))
    wanted = load_recipe(recipe, settings or [])
    checkpoint, found = import_checkpoint(path, wanted, native_shape(wanted.data), entry, print_message)
    print_message(f"{len(found.pairs)} tensors of {path} fit {wanted.name} by {found.how}:")
    weights = checkpoint.networks["generator"]
    width = max(len(theirs) for theirs, _ in found.pairs)
    for theirs, ours in found.pairs:
        print_message(f"  {theirs:<{width}}  {ours}  {'x'.join(map(str, weights[ours].shape))}")
    return checkpoint
