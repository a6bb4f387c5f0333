"""Curves in the terminal, drawn by plotext."""

import importlib.util
from collections.abc import Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from wgan_cli.console import data
from wgan_cli.errors import ExitStatus, WganError, one_line
from wgan_cli.recipe.scores import BASELINE

MIN_WIDTH, MAX_WIDTH, HEIGHT = 40, 64, 11  # characters of a curve
PIPE_WIDTH = 100


def wants_curves(requested: bool | None) -> bool:
    """Return whether to draw curves: on request, or by default on a capable terminal if plotext is installed."""
    installed = importlib.util.find_spec("plotext") is not None
    if requested and not installed:
        raise WganError("--curves needs plotext", "pip install 'wgan[terminal]'", ExitStatus.FAILED)
    capable = data().is_terminal and data().encoding.startswith("utf") and data().width >= MIN_WIDTH
    return installed and capable if requested is None else requested


def print_curves(history: Sequence[dict[str, Any]]) -> None:
    """Print a curve for each loss and score, as many side by side as fit."""
    from wgan_cli.outputs.curves import score_names, series, smoothed, term_names

    console, terms = data(), term_names(history)
    total = console.width if console.is_terminal else PIPE_WIDTH
    columns = max(1, total // MIN_WIDTH)
    width = min(MAX_WIDTH, total // columns - 2)
    cells = []
    for name in (*terms, *score_names(history)):
        steps, values = series(history, name)
        title = f"{one_line(name)}  {values[0]:.4g} -> {values[-1]:.4g}"
        if name == "fd" and (baseline := series(history, BASELINE)[1]):
            title += f" (real images: {baseline[-1]:.4g})"
        curve = draw_curve(steps, smoothed(values) if name in terms else values, width, log=name == "fd")
        cells.append(Text(f"{title}\n", style="bold").append(Text(curve, style="not bold", no_wrap=True)))
    table = Table.grid(padding=(0, 2, 1, 0))
    for start in range(0, len(cells), columns):
        table.add_row(*cells[start : start + columns])
    console.print(table)


def draw_curve(
    steps: Sequence[int], values: Sequence[float], width: int, height: int = HEIGHT, log: bool = False
) -> str:
    """Return a curve as lines of text; log: on a log scale if all values are positive."""
    import plotext

    figure = plotext.figure
    figure.clear()
    figure.theme("colorless")
    figure.plot_size(width, height)
    figure.axes(False, side=[1])
    signal = figure.signal(list(steps), list(values), marker="braille")
    signal.lines()
    figure.draw(signal)
    if log and min(values) > 0:
        figure.ruler("y").scale("log")
    return figure.build().string(colorless=True).rstrip("\n")
