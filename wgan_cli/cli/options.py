"""Option types that several commands share, each written once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wgan_cli.cli.completion import complete_recipe, complete_run

Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:N or mps.")]
MOST_SEED = 2**63 - 1
Seed = Annotated[int, typer.Option("--seed", min=0, max=MOST_SEED, help="Of the random numbers.")]
DataRoot = Annotated[
    Path | None,
    typer.Option("--data-root", help=r"Folder with the data sets. \[default: $WGAN_DATA, else a cache folder]"),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a setting of the recipe; repeat for more."),
]
Runs = typer.Argument(metavar="RUN...", help="Run folders.", autocompletion=complete_run)
RecipeName = typer.Argument(metavar="[NAME]", help="Print this recipe's file.", autocompletion=complete_recipe)
Json = Annotated[bool, typer.Option("--json", help="Print as JSON.")]


def example(*lines: str) -> str:
    """Examples for the end of a command's help, each on its own line."""
    return "\n".join(("[bold]Examples[/bold]", *lines))
