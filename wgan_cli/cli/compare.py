"""`wgan compare`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wgan_cli.cli.completion import complete_run
from wgan_cli.cli.options import Json, example
from wgan_cli.errors import WganError, one_line

if TYPE_CHECKING:
    from wgan_cli.report.comparison import Comparison


def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN RUN...", help="Run folders.", autocompletion=complete_run)],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.png|.html", help="Also draw curves and last grids together.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Set runs side by side: in what they differ, losses, scores, speed and samples."""
    from wgan_cli.console import data, print_message
    from wgan_cli.report.comparison import compare_runs, table_rows

    compared = compare_runs(runs)
    if out is not None:
        _draw(compared, runs, out)
        print_message(f"side by side: {out}")
    if as_json:
        content = {**asdict(compared), "grids": [grid and str(grid) for grid in compared.grids]}
        data().print(json.dumps(content), soft_wrap=True)
    else:
        _print_table(compared.names, table_rows(compared))


compare.__doc__ += "\n\n" + example(
    "wgan compare runs/mnist_dcgan runs/mnist_dcgan-2",
    "wgan compare runs/* --out compared.html",
)


def _draw(compared: Comparison, runs: list[Path], out: Path) -> None:
    """Write a picture, or the page that `wgan report` writes. Raises: WganError for another ending."""
    if out.suffix.lower() == ".png":
        from wgan_cli.report.comparison_image import save_comparison

        save_comparison(compared, out)
    elif out.suffix.lower() == ".html":
        from wgan_cli.report.facts import gather
        from wgan_cli.report.html_page import write_page

        write_page(gather(runs), out)
    else:
        raise WganError(f"--out {out} ends in neither .png nor .html", f"write --out {out.stem or 'compared'}.png")


def _print_table(names: tuple[str, ...], rows: list[tuple[str, list[str]]]) -> None:
    from rich.table import Table

    from wgan_cli.console import data

    table = Table(box=None)
    for heading in ("", *names):
        table.add_column(one_line(heading), overflow="fold")
    for name, values in rows:
        table.add_row(*map(one_line, (name, *values)))
    data().print(table)
