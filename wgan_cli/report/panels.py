"""Panels of curves for reports and `wgan explore`, with what each number means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from wgan_cli.outputs.curves import score_names, series, smoothed, term_names
from wgan_cli.recipe import scores
from wgan_cli.report.chart import Chart, Curve, draw_chart
from wgan_cli.report.facts import RunReport
from wgan_cli.utils.format import thinned

MAX_POINTS = 400  # of a curve, in the page's data
MIN_SMOOTHED = 20  # shorter loss curves are drawn as logged


@dataclass(frozen=True)
class Panel:
    """Curves that share axes, and the meaning of each number."""

    title: str
    curves: tuple[Curve, ...]
    meanings: tuple[str, ...] = ()
    log: bool = False

    @cached_property
    def chart(self) -> Chart:
        """The curves as SVG."""
        parts = [f"{curve.name} from {curve.values[0]:.4g} to {curve.values[-1]:.4g}" for curve in self.curves]
        steps = [step for curve in self.curves for step in curve.steps]
        description = f"{self.title}, steps {min(steps):,} to {max(steps):,}: {'; '.join(parts)}"
        return draw_chart(self.curves, description, self.log)

    def data(self) -> dict[str, Any]:
        """Return what page.js needs to read values off the curves."""
        return {
            "steps": self.chart.x_limits,
            "values": self.chart.y_limits,
            "log": self.chart.log,
            "curves": [
                {
                    "name": curve.name,
                    "points": [
                        [step, float(f"{value:.5g}")]
                        for step, value in thinned(list(zip(curve.steps, curve.values, strict=True)), MAX_POINTS)
                    ],
                }
                for curve in self.curves
            ],
        }


def score_panels(runs: Sequence[RunReport]) -> list[Panel]:
    """Return panels of scores: related scores together for one run, one panel for each score of several runs."""
    found = list(dict.fromkeys(name for run in runs for name in score_names(run.facts.history)))
    if len(runs) > 1:
        return [_one_number(runs, name) for name in found]
    panels = []
    for title, names in scores.panels(found).items():
        meanings = tuple(f"{scores.title_of(name)}: {scores.SCORES[name].meaning}" for name in names)
        panels.append(Panel(title, _score_curves(runs[0], names), meanings, scores.SCORES[names[0]].log_scale))
    return panels


def _score_curves(run: RunReport, names: Sequence[str]) -> tuple[Curve, ...]:
    history = run.facts.history
    curves = [
        Curve(scores.title_of(name), *series(history, name), color=place, markers=True)
        for place, name in enumerate(names)
    ]
    baseline = series(history, scores.BASELINE)
    if "fd" in names and baseline[0]:
        curves.append(Curve("real images", *baseline, color=None))
    return tuple(curves)


def loss_panels(runs: Sequence[RunReport]) -> list[Panel]:
    """Return a panel for each logged loss term."""
    terms = dict.fromkeys(name for run in runs for name in term_names(run.facts.history))
    return [_one_number(runs, name, smooth=True) for name in terms]


def speed_panels(runs: Sequence[RunReport]) -> list[Panel]:
    """Return the panel of images/s, if any was logged."""
    panel = _one_number(runs, "images_per_second")
    return [panel] if panel.curves else []


def _one_number(runs: Sequence[RunReport], name: str, smooth: bool = False) -> Panel:
    """Return a panel with a curve for each run; a single run also shows the values before smoothing."""
    curves, several, score = [], len(runs) > 1, scores.SCORES.get(name)
    for place, run in enumerate(runs):
        steps, values = series(run.facts.history, name)
        if not steps:
            continue
        smoothing = smooth and len(values) >= MIN_SMOOTHED
        curves.append(
            Curve(
                name=run.name if several else scores.title_of(name),
                steps=steps,
                values=smoothed(values) if smoothing else values,
                raw=values if smoothing and not several else None,
                color=place,
                markers=score is not None,
            )
        )
    meanings = [score.meaning if score else "", *(run.meanings.get(name) for run in runs)]
    return Panel(
        scores.title_of(name), tuple(curves), tuple(filter(None, meanings))[:1], score is not None and score.log_scale
    )
