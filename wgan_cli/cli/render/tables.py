"""How facts are printed: a name and what it is, a row each."""

from __future__ import annotations

from collections.abc import Sequence

from wgan_cli.errors import one_line


def print_rows(*rows: tuple[str, str]) -> None:
    """Print rows of two columns to stdout; long values fold inside their column."""
    from rich.table import Table

    from wgan_cli.console import data

    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for row in rows:
        table.add_row(*map(one_line, row))  # a file from somewhere must not steer the terminal
    data().print(table)


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = (1, 2)) -> None:
    """Print rows below headings, the columns of `right` with their ends in line."""
    from rich.table import Table

    from wgan_cli.console import data

    table = Table(box=None)
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    data().print(table)
