"""Which curves a page shows, each panel with its words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wgan_cli.outputs.curves import course, score_names, smoothed, term_names
from wgan_cli.recipe.scores import BASELINE, SCORES
from wgan_cli.recipe.scores import panels as panels_of_scores
from wgan_cli.report.chart import Curve, draw, scales, short
from wgan_cli.report.facts import Told
from wgan_cli.report.text import named
from wgan_cli.utils.format import thinned

MOST_TOLD = 400  # points of a curve that the page tells of when asked

FEWEST_SMOOTHED = 20  # values of a loss; fewer stand as they are


@dataclass(frozen=True)
class Panel:
    """Curves in one field. words: what they mean, by what they are called; none of them for the floor."""

    title: str
    curves: tuple[Curve, ...]
    words: tuple[str, ...] = ()
    logarithmic: bool = False

    def svg(self) -> str:
        """The picture."""
        parts = [f"{c.name} from {short(c.values[0])} to {short(c.values[-1])}" for c in self.curves]
        steps = [step for curve in self.curves for step in curve.steps]
        label = f"{self.title}, steps {min(steps):,} to {max(steps):,}: {'; '.join(parts)}"
        return draw(self.curves, label, self.logarithmic)

    def told(self) -> dict:
        """What a script needs to say which value a curve has at a step."""
        across, up = scales(self.curves, self.logarithmic)
        return {
            "steps": [across.low, across.high],
            "values": [up.low, up.high],
            "log": up.logarithmic,
            "curves": [
                {"name": curve.name, "points": [[s, float(f"{v:.5g}")] for s, v in _told_points(curve)]}
                for curve in self.curves
            ],
        }


def _told_points(curve: Curve) -> list[tuple[int, float]]:
    return thinned(list(zip(curve.steps, curve.values, strict=True)), MOST_TOLD)


def score_panels(runs: Sequence[Told]) -> list[Panel]:
    """Scores that are read together in one panel; of several runs each score in its own, a curve for each run."""
    found = list(dict.fromkeys(name for run in runs for name in score_names(list(run.facts.history))))
    if len(runs) > 1:
        return [_of_runs(runs, name, rough=False) for name in found]
    panels = []
    for title, names in panels_of_scores(found).items():
        words = tuple(f"{named(name)}: {SCORES[name].meaning}" for name in names)
        panels.append(Panel(title, tuple(_score_curves(runs[0], names)), words, SCORES[names[0]].log_scale))
    return panels


def _score_curves(run: Told, names: Sequence[str]) -> list[Curve]:
    history = list(run.facts.history)
    curves = [Curve(named(name), *course(history, name), colour=place, dots=True) for place, name in enumerate(names)]
    floor = course(history, BASELINE)
    if list(names) == ["fd"] and floor[0]:
        curves.append(Curve("real images", *floor, colour=None))
    return curves


def loss_panels(runs: Sequence[Told]) -> list[Panel]:
    """A panel for each term that any of the runs has logged."""
    terms = list(dict.fromkeys(name for run in runs for name in term_names(list(run.facts.history))))
    return [_of_runs(runs, name, rough=True) for name in terms]


def speed_panels(runs: Sequence[Told]) -> list[Panel]:
    """Images a second, where any run has logged a line of it."""
    panel = _of_runs(runs, "images_per_second", rough=False)
    return [panel] if panel.curves else []


def _of_runs(runs: Sequence[Told], name: str, rough: bool) -> Panel:
    """One number, a curve for each run that has it; `rough`: smoothed, the values themselves as a shade behind."""
    curves, several = [], len(runs) > 1
    for place, run in enumerate(runs):
        steps, values = course(list(run.facts.history), name)
        if steps:
            smooth = rough and len(values) >= FEWEST_SMOOTHED
            line = smoothed(values) if smooth else values
            shade = values if smooth and not several else None
            dots = not rough and name in SCORES
            curves.append(Curve(run.name if several else named(name), steps, line, shade, place, dots))
    meanings = [SCORES[name].meaning if name in SCORES else None, *(run.meanings.get(name) for run in runs)]
    words = tuple(dict.fromkeys(meaning for meaning in meanings if meaning))
    return Panel(named(name), tuple(curves), words[:1], name == "fd")
