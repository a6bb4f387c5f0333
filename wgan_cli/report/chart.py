"""Line charts as SVG, drawn by matplotlib with the page's own colors and fonts."""

from __future__ import annotations

import io
import logging
import re
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from markupsafe import Markup, escape

from wgan_cli.outputs.curves import Curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT = 400, 220
LEFT, RIGHT, TOP, BOTTOM = 48, 392, 10, 192  # of the axes; page.js uses the same numbers
NUM_COLORS = 8  # defined by the style sheet; the ninth curve is the first color dashed
#: Stand-ins that become CSS colors, so that a chart follows the page's light or dark scheme.
_COLORS = {"#010101": "currentColor", "#020202": "var(--soft)", "#030303": "var(--line)"}
_CURVE, _TEXT, _GRID = _COLORS
_lock = threading.Lock()  # matplotlib's settings are global; `wgan explore` draws in threads


def curve_style(color: int | None) -> str:
    """Return the CSS classes of a curve color."""
    if color is None:
        return "baseline"
    return f"s{color % NUM_COLORS}" + (" again" if color >= NUM_COLORS else "")


class Chart(NamedTuple):
    """A drawn chart and the data limits of its axes."""

    svg: Markup
    x_limits: tuple[float, float]
    y_limits: tuple[float, float]
    log: bool


def draw_chart(curves: Sequence[Curve], label: str, log: bool = False) -> Chart:
    """Draw curves over their common steps, described by a label; log: on a log scale if all values are positive."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it reports its font cache
    import matplotlib
    from matplotlib.figure import Figure

    file = io.StringIO()
    with _lock, matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": label}):
        figure = Figure(figsize=(WIDTH / 72, HEIGHT / 72), frameon=False)
        position = (LEFT / WIDTH, 1 - BOTTOM / HEIGHT, (RIGHT - LEFT) / WIDTH, (BOTTOM - TOP) / HEIGHT)
        axes = figure.add_axes(position, frameon=False)
        _plot(axes, curves, log)
        _style(axes)
        figure.savefig(file, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    limits = axes.get_xlim(), axes.get_ylim()
    return Chart(_for_page(file.getvalue(), label), *limits, log=axes.get_yscale() == "log")


def _plot(axes: Axes, curves: Sequence[Curve], log: bool) -> None:
    values = [value for curve in curves for value in curve.values]
    if log and min(values) > 1e-99 and max(values) < 1e99:
        axes.set_yscale("log")
    axes.margins(x=0, y=0.06)
    for curve in curves:
        dots, group = "o" if curve.markers or len(curve.steps) == 1 else None, f"curve {curve_style(curve.color)}"
        axes.plot(curve.steps, curve.values, color=_CURVE, gid=group, lw=2, marker=dots, ms=5)
        if curve.raw is not None:  # spikes of the raw values must not flatten the rest
            axes.update_datalim([(curve.steps[0], value) for value in np.quantile(curve.raw, (0.05, 0.95))])
    axes.autoscale_view()
    axes.autoscale(False)
    for curve in curves:
        if curve.raw is not None:
            axes.plot(curve.steps, curve.raw, color=_CURVE, gid=f"raw {curve_style(curve.color)}", lw=1, zorder=1)


def _style(axes: Axes) -> None:
    from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.xaxis.set_major_formatter(lambda step, _: f"{step:,.0f}" if step == round(step) else "")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)) if axes.get_yscale() == "log" else MaxNLocator(5))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.6g}")
    axes.tick_params(length=0, labelsize=11.5, labelcolor=_TEXT, pad=6)
    axes.grid(axis="y", color=_GRID, linewidth=1)
    axes.axhline(axes.get_ylim()[0], color=_TEXT, linewidth=1)


def _for_page(svg: str, label: str) -> Markup:
    """Make matplotlib's SVG part of a page: no metadata, sizes, fonts, own styles or colors."""
    svg = svg[svg.index("<g id=") :]  # past the prolog, the size and the style sheet
    svg = re.sub(r' id="((?:curve|raw) [^"]*)"', r' class="\1"', svg)
    svg = re.sub(r' id="[\w.]+_\d+"| transform="rotate\(-0[^"]*"|font-[^;"]*; ?| xlink:type="simple"', "", svg)
    for color, variable in _COLORS.items():
        svg = svg.replace(color, variable)
    head = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">'
    return Markup(head + re.sub(r"\s+", " ", svg).replace("</svg>", '<g class="cursor"></g></svg>'))
