"""Store the results of time_to_quality.py, and write docs/time_to_quality.md and its plot."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from common import count, four_digits
from markdown_text import paragraph, table, where

DOC = Path(__file__).parents[1] / "docs" / "time_to_quality.md"
TOP = "# Time to quality\n\nWritten by `python benchmarks/time_to_quality.py --page`."
COUNTED = (
    "FD is the Frechet distance in the features of `wgan evaluate`; class entropy is 1 if all ten classes are "
    "equally frequent, and the share of the rarest class is next to it. Recipes: each row is its own `wgan train`, "
    "with as many steps as fit the budget, timed by wall clock around the whole process: start, data, autotuning, "
    "training, grids and checkpoints, without evaluation (`eval_every: null`). Textbook loops: the rows are points "
    "of one run with constant learning rates; only the loop and its DataLoader are timed, not start, data or "
    "evaluation. The loop is benchmarks/textbook.py: per-image transforms, the loss of Algorithm 1 as scripts write "
    "it, float32."
)
# Distinguishable without color: marker, line style and brightness.
STYLES = (("o", "-", "0.0"), ("s", "--", "0.0"), ("^", "-", "0.5"), ("D", "--", "0.5"), ("v", ":", "0.2"))
Contestants = dict[str, dict[str, Any]]


class Results:
    """Results by contestant in a JSON file, written after each point."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.contestants: Contestants = {}
        if file.exists():
            self.contestants = json.loads(file.read_text(encoding="utf-8"))["contestants"]

    def complete(self, name: str, minutes: Sequence[float]) -> bool:
        """Return True if a contestant has all points."""
        points = self.contestants.get(name, {}).get("points", [])
        return set(minutes) <= {point["minutes"] for point in points}

    def write(self) -> None:
        """Write the page and its plot."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text(json.dumps({"contestants": self.contestants}, indent=1) + "\n", encoding="utf-8")


class Keep:
    """Adds a contestant's points to the results, next to existing ones.

    Args:
        anew: drop the points of earlier runs.
    """

    def __init__(
        self, name: str, facts: dict[str, Any], results: Results, say: Callable[[dict], None], anew: bool = False
    ) -> None:
        before = [] if anew else results.contestants.get(name, {}).get("points", [])
        self.own = {**facts, "points": list(before)}
        results.contestants[name] = self.own
        self.results, self.say = results, say

    @property
    def minutes(self) -> set[float]:
        """Budgets that have a point."""
        return {point["minutes"] for point in self.own["points"]}

    def __call__(self, minutes: float, seconds: float, steps: int, figures: dict[str, Any]) -> None:
        point = {"minutes": minutes, "seconds": four_digits(seconds), "steps": steps, **figures}
        self.own["points"] = sorted([*self.own["points"], point], key=lambda each: each["minutes"])
        self.results.write()
        self.say(point)

    def finish(self, cores: float | None) -> None:
        """Record how many cores other processes used at the end."""
        self.own["cores_used_by_others"].append(cores)
        self.results.write()


def document(contestants: Contestants) -> str:
    """Return all points as Markdown."""
    rows, told = [], []
    for name, own in contestants.items():
        told.append(paragraph(f"- {name}: {own['what']}. On {where(own)}", indent="  "))
        rows += [[name, *_cells(point)] for point in own["points"]]
    headings = "what, minutes, seconds, steps, FD, real images, class entropy, rarest class, recall"
    images = sorted({point["images"] for own in contestants.values() for point in own["points"]})
    floor = f"Scored by {' or '.join(count(each, 'image') for each in images)}, and as many real ones that no run saw."
    picture = f"![Distance against time, for each]({DOC.stem}.png)"
    return "\n\n".join([TOP, picture, table(headings, rows), paragraph(f"{floor} {COUNTED}"), "\n".join(told)]) + "\n"


def _cells(point: dict[str, Any]) -> list[str]:
    names = ("minutes", "seconds", "steps", "fd", "real_baseline", "class_entropy", "rarest", "recall")
    forms = ("g", ".1f", ",", ".3g", ".3g", ".3f", ".0%", ".2f")
    return [f"{point[name]:{form}}" if name in point else "" for name, form in zip(names, forms, strict=True)]


def draw(contestants: Contestants, path: Path) -> None:
    """Plot FD against seconds on logarithmic axes, with the real images' FD."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 5), layout="constrained")
    axes = figure.subplots()
    for index, (name, own) in enumerate(contestants.items()):
        marker, line, color = STYLES[index % len(STYLES)]
        points = sorted(own["points"], key=lambda point: point["seconds"])
        minutes, distances = [p["seconds"] / 60 for p in points], [p["fd"] for p in points]
        axes.plot(minutes, distances, label=name, marker=marker, linestyle=line, color=color)
    floor = min(point["real_baseline"] for own in contestants.values() for point in own["points"])
    axes.axhline(floor, color="0.3", linestyle=(0, (1, 3)), label="real images that no run saw")
    axes.set(xscale="log", yscale="log", xlabel="minutes", ylabel="Frechet distance")
    ticks = sorted({point["minutes"] for own in contestants.values() for point in own["points"]})
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,g}")
    axes.grid(alpha=0.3)
    axes.legend()
    own = next(iter(contestants.values()))
    figure.supxlabel(where(own), fontsize=8, color="0.3")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="png", dpi=110)


def write(contestants: Contestants, path: Path = DOC) -> None:
    """Write the page and its plot."""
    draw(contestants, path.with_suffix(".png"))
    path.write_text(document(contestants), encoding="utf-8")
