"""A run's curves in the terminal, by plotext."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Sequence
from typing import Any

from wgan_cli.errors import ExitStatus, WganError, one_line

LEAST_WIDE, MOST_WIDE, HIGH = 40, 64, 11  # letters of one curve's field
IN_A_PIPE = 100  # letters of a line, where nobody says how many there are


def wants_curves(asked: bool | None) -> bool:
    """Whether to draw curves: where it was asked for, else on a terminal that can, with plotext at hand.

    Raises: WganError where it was asked for and plotext is missing.
    """
    from wgan_cli.console import data

    there = importlib.util.find_spec("plotext") is not None
    if asked and not there:
        raise WganError(
            "--curves needs the package plotext, which is not installed", "pip install 'wgan[terminal]'",
            ExitStatus.FAILED,
        )  # fmt: skip
    can = data().is_terminal and data().encoding.startswith("utf") and data().width >= LEAST_WIDE
    return there and can if asked is None else asked


def print_curves(history: list[dict[str, Any]]) -> None:
    """Print each loss and score as a curve, as many side by side as the terminal has room for."""
    from rich.table import Table

    from wgan_cli.console import data
    from wgan_cli.outputs.curves import course, score_names, smoothed, term_names
    from wgan_cli.recipe.scores import BASELINE

    console, terms = data(), term_names(history)
    across = console.width if console.is_terminal else IN_A_PIPE
    columns = max(1, across // LEAST_WIDE)
    wide = min(MOST_WIDE, across // columns - 2)
    table = Table.grid(padding=(0, 2, 1, 0))
    cells = []
    for name in (*terms, *score_names(history)):
        steps, values = course(history, name)
        on_samples = draw(steps, smoothed(values) if name in terms else values, wide, logarithmic=name == "fd")
        floor = course(history, BASELINE)[1] if name == "fd" else ()
        cells.append(_cell(name, values, floor[-1] if floor else None, on_samples))
    for start in range(0, len(cells), columns):
        table.add_row(*cells[start : start + columns])
    console.print(table)


def _cell(name: str, values: Sequence[float], floor: float | None, on_samples: str) -> object:
    from rich.text import Text

    beside = "" if floor is None else f" (real images: {floor:.4g})"
    title = f"{one_line(name)}  {values[0]:.4g} -> {values[-1]:.4g}{beside}"
    return Text(f"{title}\n", style="bold").append(Text(on_samples, style="not bold", no_wrap=True))


def draw(steps: Sequence[int], values: Sequence[float], wide: int, high: int = HIGH, logarithmic: bool = False) -> str:
    """A curve as lines of letters, at most so many wide and high."""
    import plotext

    from wgan_cli.report.chart import Curve, scales, short

    across, up = scales([Curve("", steps, values)], logarithmic)
    place = math.log10 if up.logarithmic else float
    figure = plotext.figure
    figure.clear()
    figure.theme("colorless")
    figure.plot_size(wide, high)
    figure.axes(False, side=[1])
    signal = figure.signal(list(steps), [place(value) for value in values], marker="braille")
    signal.lines()
    figure.draw(signal)
    for axis, scale, where in (("x", across, float), ("y", up, place)):
        ticks = scale.ticks()
        ruler = figure.ruler(axis)
        ruler.lim(where(scale.low), where(scale.high))
        ruler.ticks([where(tick) for tick in ticks], [short(tick) for tick in ticks])
    return figure.build().string(colorless=True).rstrip("\n")
