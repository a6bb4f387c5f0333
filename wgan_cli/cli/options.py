"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

MAX_SEED = 2**63 - 1

Device = Annotated[str, typer.Option("--device", help="Device: auto, cpu, cuda, cuda:N or mps.")]
Seed = Annotated[int, typer.Option("--seed", min=0, max=MAX_SEED, help="Random seed.")]
DataRoot = Annotated[
    Path | None, typer.Option("--data-root", help=r"Folder of data sets. \[default: $WGAN_DATA, else a cache folder]")
]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Recipe setting to change; repeatable.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def example(*lines: str) -> str:
    """Return example commands as the end of a help text, one on each line."""
    return "\n".join(("[bold]Examples[/bold]", *lines))
