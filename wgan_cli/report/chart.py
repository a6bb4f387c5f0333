"""Curves as SVG whose colours and fonts are the page's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 400, 220
LEFT, RIGHT, TOP, BOTTOM = 48, 392, 10, 192  # of the field in which curves are drawn
MOST_POINTS = 300  # of a curve; the field has no more pixels
COLOURS = 8  # that the page knows; a ninth curve takes the first again, dashed


@dataclass(frozen=True)
class Curve:
    """A number's course. values: finite, as many as steps, which rise.

    rough: the same before it was smoothed, as a shade behind it. colour: which of the page's, from 0 on, or None for
    a dashed line without one. dots: mark each point, where there are few that were measured.
    """

    name: str
    steps: Sequence[int]
    values: Sequence[float]
    rough: Sequence[float] | None = None
    colour: int | None = 0
    dots: bool = False


@dataclass(frozen=True)
class Scale:
    """Which place in the field a value has. low < high; both above 0 where it is logarithmic."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        low, high = self.low, self.high
        value = min(max(value, low), high)  # a spike ends at the field's edge
        if self.logarithmic:
            value, low, high = math.log(value), math.log(low), math.log(high)
        return self.start + (value - low) / (high - low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Round numbers within the scale, a few."""
        return _round_powers(self.low, self.high) if self.logarithmic else _round_steps(self.low, self.high)


def _round_steps(low: float, high: float, wanted: int = 5) -> list[float]:
    """Multiples of 1, 2, 2.5 or 5 times a power of ten."""
    rough = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def _round_powers(low: float, high: float) -> list[float]:
    """1, 2 and 5 times the powers of ten; only the powers where those are many, evenly spaced where they are few."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    fine = [tick for power in powers for factor in (1, 2, 5) if low <= (tick := factor * 10.0**power) <= high]
    if len(fine) > 7:
        every = -(-len(powers) // 7)
        return [10.0**power for power in powers[::every] if low <= 10.0**power <= high]
    return fine if len(fine) > 2 else _round_steps(low, high)


def scales(curves: Sequence[Curve], logarithmic: bool = False) -> tuple[Scale, Scale]:
    """The scales in which all curves have room, of steps and of values, with a little air; spikes of rough ones not."""
    steps = [step for curve in curves for step in curve.steps]
    values = [value for curve in curves for value in (*curve.values, *_usual(curve.rough or ()))]
    first, last = min(steps), max(steps)
    if first == last:  # a single record
        first, last = first - 1, last + 1
    low, high = min(values), max(values)
    logarithmic = logarithmic and low > 1e-99 and high < 1e99  # a file from somewhere may say anything
    if logarithmic:
        air = max((high / low) ** 0.06, 1.05)
        low, high = low / air, high * air
    else:
        size = max(abs(low), abs(high), 1e-12)
        air = 0.06 * (high - low) if high - low > 1e-9 * size else 0.1 * size
        low, high = low - air, high + air
    return Scale(first, last, LEFT, RIGHT), Scale(low, high, BOTTOM, TOP, logarithmic)


def _usual(values: Sequence[float]) -> list[float]:
    """The values without the twentieth of them that is least, and that which is greatest."""
    few = len(values) // 20
    return sorted(values)[few : len(values) - few]


def draw(curves: Sequence[Curve], label: str, logarithmic: bool = False) -> str:
    """An SVG picture of curves over their common steps.

    Args:
        label: what the picture shows, in words for those who do not see it.
    """
    across, up = scales(curves, logarithmic)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">',
        *(_level(up(tick), short(tick)) for tick in up.ticks()),
        *(_place(across(tick), short(tick)) for tick in across.ticks() if tick == round(tick) and tick >= 0),
        f'<line class="axis" x1="{LEFT}" x2="{RIGHT}" y1="{BOTTOM}" y2="{BOTTOM}"/>',
        *(_shade(curve, across, up) for curve in curves if curve.rough is not None),
        *(_line(curve, across, up) for curve in curves),
        '<g class="cursor"></g></svg>',
    ]
    return "".join(parts)


def _level(y: float, text: str) -> str:
    return (
        f'<line class="level" x1="{LEFT}" x2="{RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'
    )


def _place(x: float, text: str) -> str:
    anchor = "end" if x > RIGHT - 12 else "middle"
    return f'<text x="{x:.1f}" y="{BOTTOM + 18}" text-anchor="{anchor}">{text}</text>'


def _line(curve: Curve, across: Scale, up: Scale) -> str:
    points = [(across(step), up(value)) for step, value in _thinned(curve.steps, curve.values)]
    style = style_of(curve.colour)
    on_samples = f'<path class="curve {style}" d="{_path(points)}"/>'
    if curve.dots or len(points) == 1:
        on_samples += "".join(f'<circle class="dot {style}" cx="{x:.1f}" cy="{y:.1f}" r="2.6"/>' for x, y in points)
    return on_samples


def _shade(curve: Curve, across: Scale, up: Scale) -> str:
    points = [(across(step), up(value)) for step, value in _thinned(curve.steps, curve.rough)]
    return f'<path class="rough {style_of(curve.colour)}" d="{_path(points)}"/>'


def style_of(colour: int | None) -> str:
    """The classes by which the page gives a curve of a colour its own and its dashes."""
    if colour is None:
        return "floor"
    return f"s{colour % COLOURS}" + (" again" if colour >= COLOURS else "")


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _thinned(steps: Sequence[int], values: Sequence[float]) -> list[tuple[int, float]]:
    """The least and the greatest value of each of so many stretches, in their order: peaks stay."""
    pairs = list(zip(steps, values, strict=True))
    if len(pairs) <= MOST_POINTS:
        return pairs
    stretches, kept = MOST_POINTS // 2, []
    for number in range(stretches):
        part = pairs[number * len(pairs) // stretches : (number + 1) * len(pairs) // stretches]
        ends = {min(part, key=lambda pair: pair[1]), max(part, key=lambda pair: pair[1])}
        kept += sorted(ends)
    return kept


def short(value: float) -> str:
    """A number of few letters: 2,500 as 2.5k, 0.0001 as 1e-4."""
    size = abs(value)
    if size < 1e-12:
        return "0"
    if size < 1e-3 or size >= 1e9:
        digits, _, power = f"{value:.1e}".partition("e")
        return f"{float(digits):g}e{int(power)}"
    for limit, letter in ((1e6, "M"), (1e3, "k")):
        if size >= limit:
            return f"{value / limit:.4g}{letter}"
    return f"{value:.4g}"
