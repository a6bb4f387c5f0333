"""Panels of curves for reports and `wgan explore`, with what each number means."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from wgan_cli.outputs import curves
from wgan_cli.outputs.curves import Curve, Panel, score_names, series, smoothed, term_names
from wgan_cli.recipe.scores import SCORES, panels, title_of
from wgan_cli.report.chart import Chart, draw_chart
from wgan_cli.report.facts import RunReport
from wgan_cli.utils.format import thinned

MAX_POINTS = 400  # of a curve, in the page's data


@dataclass(frozen=True)
class ReportPanel(Panel):
    """A panel with the meaning of its numbers, and of its horizontal axis."""

    meanings: tuple[str, ...] = ()
    axis: str = "steps"

    @cached_property
    def chart(self) -> Chart:
        """The curves as SVG."""
        parts = [f"{curve.label} from {curve.values[0]:.4g} to {curve.values[-1]:.4g}" for curve in self.curves]
        steps = [step for curve in self.curves for step in curve.steps]
        description = f"{self.title}, {self.axis} {min(steps):,} to {max(steps):,}: {'; '.join(parts)}"
        return draw_chart(self.curves, description, self.log_scale)

    def data(self) -> dict[str, Any]:
        """Return what page.js needs to read values off the curves."""
        return {
            "steps": self.chart.x_limits,
            "values": self.chart.y_limits,
            "log": self.chart.log,
            "curves": [{"name": curve.label, "points": _points(curve)} for curve in self.curves],
        }


def _points(curve: Curve) -> list[tuple[int, float]]:
    points = thinned(list(zip(curve.steps, curve.values, strict=True)), MAX_POINTS)
    return [(step, float(f"{value:.5g}")) for step, value in points]


def score_panels(runs: Sequence[RunReport]) -> list[ReportPanel]:
    """Return panels of scores: related scores together for one run, one panel for each score of several runs."""
    found = list(dict.fromkeys(name for run in runs for name in score_names(run.facts.history)))
    if len(runs) > 1:
        return [_one_number(runs, name) for name in found]
    meanings = [[f"{title_of(name)}: {SCORES[name].meaning}" for name in names] for names in panels(found).values()]
    drawn = curves.score_panels(runs[0].facts.history)
    return [ReportPanel(**vars(panel), meanings=tuple(each)) for panel, each in zip(drawn, meanings, strict=True)]


def loss_panels(runs: Sequence[RunReport]) -> list[ReportPanel]:
    """Return a panel for each logged loss term."""
    terms = dict.fromkeys(name for run in runs for name in term_names(run.facts.history))
    return [_one_number(runs, name, smooth=True) for name in terms]


def speed_panels(runs: Sequence[RunReport]) -> list[ReportPanel]:
    """Return the panel of images/s, if any was logged."""
    panel = _one_number(runs, "images_per_second")
    return [panel] if panel.curves else []


def _one_number(runs: Sequence[RunReport], name: str, smooth: bool = False) -> ReportPanel:
    """Return a panel with a curve for each run; a single run also shows the values before smoothing."""
    found, several, score = [], len(runs) > 1, SCORES.get(name)
    for place, run in enumerate(runs):
        steps, values = series(run.facts.history, name)
        if steps:
            label = run.name if several else title_of(name)
            raw = values if smooth and not several else None
            found.append(Curve(label, steps, smoothed(values) if smooth else values, raw, place, score is not None))
    meanings = [score.meaning if score else "", *(run.meanings.get(name) for run in runs)]
    log = score is not None and score.log_scale
    return ReportPanel(title_of(name), tuple(found), log, tuple(filter(None, meanings))[:1])
