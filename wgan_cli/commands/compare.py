"""`wgan compare`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wgan_cli.commands.options import Json, example
from wgan_cli.errors import one_line

if TYPE_CHECKING:
    from wgan_cli.comparison.compare import Comparison


def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN RUN...", help="Run folders.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.png|.html", help="Also draw curves and last grids together.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Set runs side by side: in what they differ, losses, scores, speed and samples."""
    from wgan_cli.comparison.compare import compare_runs
    from wgan_cli.console import data, say

    compared = compare_runs(runs)
    rows = _rows(compared)
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


def _rows(compared: Comparison) -> list[tuple[str, list[str]]]:
    """The table: what each run is, in which settings they differ, and how far each came."""
    from wgan_cli.commands.progress import clock

    facts = [
        ("recipe", [run.recipe["name"] for run in compared.runs]),
        ("state", [run.state for run in compared.runs]),
        ("step", [f"{run.step:,} of {run.steps:,}" for run in compared.runs]),
        ("time", [clock(run.seconds) for run in compared.runs]),
        ("images/s", [f"{1000 * run.kimg / run.seconds:,.0f}" if run.seconds else "" for run in compared.runs]),
        ("diverged", [f"{run.rollbacks} times" if run.rollbacks else "" for run in compared.runs]),
    ]
    settings = [(name, [_value(value) for value in values]) for name, values in compared.settings.items()]
    numbers = {**compared.losses, **compared.scores}
    measured = [(name, [_value(value) for value in values]) for name, values in numbers.items()]
    return [(name, values) for name, values in facts if any(values)] + settings + measured


def _value(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _print_table(names: tuple[str, ...], rows: list[tuple[str, list[str]]]) -> None:
    from rich.table import Table

    from wgan_cli.console import data

    table = Table(box=None)
    for heading in ("", *names):
        table.add_column(one_line(heading), overflow="fold")
    for name, values in rows:
        table.add_row(*map(one_line, (name, *values)))
    data().print(table)
