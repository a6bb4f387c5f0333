"""Curves as SVG: numbers stand where they belong, and a spike does not flatten the rest."""

from __future__ import annotations

import re

import pytest

from wgan_cli.report.chart import BOTTOM, LEFT, MOST_POINTS, RIGHT, TOP, Curve, Scale, draw, scales, short


def points(svg: str, style: str) -> list[tuple[float, float]]:
    """The places that a curve goes through."""
    path = re.search(rf'class="{style}" d="M([^"]*)"', svg)[1]
    return [tuple(map(float, pair.split())) for pair in path.split("L")]


def test_a_straight_line_stays_one_from_edge_to_edge():
    places = points(draw([Curve("loss", [0, 10, 20], [1.0, 2.0, 3.0])], "loss"), "curve s0")
    assert [x for x, _ in places] == pytest.approx([LEFT, (LEFT + RIGHT) / 2, RIGHT], abs=0.1)
    heights = [y for _, y in places]
    assert TOP < heights[2] < heights[1] < heights[0] < BOTTOM
    assert heights[0] - heights[1] == pytest.approx(heights[1] - heights[2], abs=0.11)


def test_equal_factors_are_equal_heights_on_a_scale_of_powers():
    _, up = scales([Curve("fd", [1, 2, 3], [1.0, 10.0, 100.0])], logarithmic=True)
    assert up(1.0) - up(10.0) == pytest.approx(up(10.0) - up(100.0))
    _, plain = scales([Curve("fd", [1, 2], [0.0, 10.0])], logarithmic=True)
    assert not plain.logarithmic  # zero has no place among powers


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-3.7, 12.9), (99.99, 100.01), (0.0, 12_500.0), (1e-7, 3e-7)])
def test_ticks_are_round_few_and_within(low, high):
    ticks = Scale(low, high, 0, 1).ticks()
    assert 2 <= len(ticks) <= 9
    assert all(low - 1e-12 <= tick <= high * (1 + 1e-12) for tick in ticks)
    steps = {round((b - a) / (ticks[1] - ticks[0]), 6) for a, b in zip(ticks, ticks[1:], strict=False)}
    assert steps == {1.0}


@pytest.mark.parametrize(("low", "high"), [(0.1, 70.0), (1.4, 1.9), (1e-6, 1e6), (3.0, 30.0)])
def test_ticks_among_powers(low, high):
    ticks = Scale(low, high, 0, 1, logarithmic=True).ticks()
    assert 2 <= len(ticks) <= 9 and all(low <= tick <= high * (1 + 1e-12) for tick in ticks)


def test_a_spike_among_rough_values_ends_at_the_edge():
    calm = [1.0 + 0.01 * (step % 5) for step in range(100)]
    spiky = [1000.0, *calm[1:]]
    svg = draw([Curve("loss", range(100), calm, rough=spiky)], "loss")
    (_, top), *rest = points(svg, "rough s0")
    assert top == TOP
    assert max(y for _, y in rest) - min(y for _, y in rest) > (BOTTOM - TOP) / 2


def test_many_points_become_few_and_peaks_stay():
    values = [0.0] * 10_000
    values[7777] = 1.0
    places = points(draw([Curve("loss", range(10_000), values)], "loss"), "curve s0")
    assert len(places) <= MOST_POINTS
    assert min(y for _, y in places) < TOP + 20
    assert [x for x, _ in places] == sorted(x for x, _ in places)


def test_a_ninth_curve_has_dashes():
    svg = draw([Curve(str(number), [0, 1], [0.0, number], colour=number) for number in range(9)], "many")
    assert len({re.sub("again", "", style) for style in re.findall(r'class="curve ([^"]*)"', svg)}) == 9
    assert "curve s0 again" in svg


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (2500, "2.5k"), (12_000_000, "12M"), (0.0001, "1e-4"), (-3.14159, "-3.142"), (1e200, "1e200")],
)
def test_short_numbers(value, text):
    assert short(value) == text
