"""SVG charts: values are at their places, and a spike does not flatten the rest."""

from __future__ import annotations

import re

import numpy as np
import pytest

from wgan_cli.outputs.curves import Curve
from wgan_cli.report.chart import BOTTOM, LEFT, RIGHT, TOP, draw_chart


def points(svg: str, style: str) -> np.ndarray:
    """The points of a curve, (N, 2)."""
    path = re.search(rf'class="{style}"> *<path d="M ([^"]*)"', svg)[1]
    return np.array([pair.split() for pair in re.split(" [LM] ", path)], float)


def tick_labels(svg: str) -> list[str]:
    return re.findall(r"<text [^>]*>([^<]*)</text>", svg)


def test_points_are_to_scale():
    chart = draw_chart([Curve("loss", [0, 10, 20], [1.0, 2.0, 3.0])], "loss")
    x, y = points(chart.svg, "curve s0").T
    assert x == pytest.approx([LEFT, (LEFT + RIGHT) / 2, RIGHT], abs=0.1)
    assert TOP < y[2] < y[1] < y[0] < BOTTOM and y[0] - y[1] == pytest.approx(y[1] - y[2], abs=0.1)
    low, high = chart.y_limits  # what the page's script uses to place its marks
    assert y[1] == pytest.approx(BOTTOM + (2.0 - low) / (high - low) * (TOP - BOTTOM), abs=0.1)
    assert chart.x_limits == (0, 20) and not chart.log


def test_log_scale():
    chart = draw_chart([Curve("fd", [1, 2, 3], [1.0, 10.0, 100.0])], "fd", log=True)
    _, y = points(chart.svg, "curve s0").T
    assert chart.log and y[0] - y[1] == pytest.approx(y[1] - y[2], abs=0.1)
    assert {"1", "10", "100"} <= set(tick_labels(chart.svg))
    assert not draw_chart([Curve("fd", [1, 2], [0.0, 10.0])], "fd", log=True).log  # no log of zero


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("values", [(0.0, 1.0), (-3.7, 12.9), (1.4, 1.9), (1e-7, 3e-7), (1e299, 1.0), (5.0,), (0.0,)])
def test_every_chart_has_ticks(values, log):
    chart = draw_chart([Curve("loss", range(len(values)), values)], "loss", log)
    assert 3 <= len(tick_labels(chart.svg)) <= 16
    assert "nan" not in chart.svg and "inf" not in chart.svg


def test_spikes_of_raw_values_are_clipped():
    smooth = [1.0 + 0.01 * (step % 5) for step in range(100)]
    chart = draw_chart([Curve("loss", range(100), smooth, raw=[1000.0, *smooth[1:]])], "loss")
    assert chart.y_limits[1] < 2
    _, y = points(chart.svg, "raw s0").T
    assert np.ptp(y[2:]) > (BOTTOM - TOP) / 2
    assert "clip-path" in chart.svg


def test_many_points_are_simplified_and_peaks_stay():
    values = [0.0] * 10_000
    values[7777] = 1.0
    x, y = points(draw_chart([Curve("loss", range(10_000), values)], "loss").svg, "curve s0").T
    assert len(x) <= 300 and min(y) < TOP + 20 and (np.diff(x) >= 0).all()


def test_colors_come_from_the_page():
    curves = [Curve(str(number), [0, 1], [0.0, number], color=number) for number in range(9)]
    svg = draw_chart([*curves, Curve("real images", [0, 1], [1.0, 1.0], color=None)], "<many>").svg
    assert {"s0", "s7", "s0 again", "baseline"} <= set(re.findall(r'class="curve ([^"]*)"', svg))
    assert "currentColor" in svg and not re.search("(stroke|fill): #|font-", svg)
    assert 'aria-label="&lt;many&gt;"' in svg
