"""Tables on stdout. Text from files is shortened to one printable line."""

from collections.abc import Sequence

from rich.table import Table

from wgan_cli.console import data
from wgan_cli.errors import one_line


def print_rows(*rows: tuple[str, str]) -> None:
    """Print names and values in two columns, without rows that have no value."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in rows:
        if value:
            table.add_row(one_line(name), one_line(value))
    data().print(table)


def make_table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = (1, 2), title: str | None = None
) -> Table:
    """Return rows below headings. right: indices of right-aligned columns."""
    table = Table(box=None, title=title, title_justify="left")
    for number, heading in enumerate(headings):
        table.add_column(one_line(heading), justify="right" if number in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(one_line, row))
    return table


def print_table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = (1, 2), title: str | None = None
) -> None:
    """Print the table of `make_table`."""
    data().print(make_table(headings, rows, right, title))
