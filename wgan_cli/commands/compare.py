"""`wgan compare`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from wgan_cli.commands.completion import complete_run
from wgan_cli.commands.options import Json, example
from wgan_cli.errors import one_line


def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN RUN...", help="Run folders.", autocompletion=complete_run)],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.png|.html", help="Also draw curves and last grids together.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Set runs side by side: in what they differ, losses, scores, speed and samples."""
    from wgan_cli.comparison.compare import compare_runs, table_rows
    from wgan_cli.console import data, say

    compared = compare_runs(runs)
    rows = table_rows(compared)
    if out is not None:
        from wgan_cli.comparison.page import save_comparison

        save_comparison(compared, rows, out)
        say(f"side by side: {out}")
    if as_json:
        content = {**asdict(compared), "grids": [grid and str(grid) for grid in compared.grids]}
        data().print(json.dumps(content), soft_wrap=True)
    else:
        _print_table(compared.names, rows)


compare.__doc__ += "\n\n" + example(
    "wgan compare runs/mnist_dcgan runs/mnist_dcgan-2",
    "wgan compare runs/* --out compared.html",
)


def _print_table(names: tuple[str, ...], rows: list[tuple[str, list[str]]]) -> None:
    from rich.table import Table

    from wgan_cli.console import data

    table = Table(box=None)
    for heading in ("", *names):
        table.add_column(one_line(heading), overflow="fold")
    for name, values in rows:
        table.add_row(*map(one_line, (name, *values)))
    data().print(table)
