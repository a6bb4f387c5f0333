"""Store the results of time_to_quality.py, and write docs/time_to_quality.md and its plot."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from common import count, four_digits
from markdown_text import paragraph, table, where

from wgan_cli.errors import WganError

DOC = Path(__file__).parents[1] / "docs" / "time_to_quality.md"
TOP = (
    "# Time to quality\n\nQuality of the samples after some minutes of training: our recipes, and loops as tutorials "
    "write them.\nWritten by `python benchmarks/time_to_quality.py --page`."
)
COUNTED = (
    "FD is the Frechet distance in the features of `wgan evaluate`: the median of the seeds, and with several the "
    "lowest and the highest. Class entropy is 1 if all ten classes are equally frequent, and the share of the rarest "
    "class is next to it. Recipes: each seed and budget is its own `wgan train`, with as many steps as fit the budget, "
    "timed by wall clock around the whole process: start, data, autotuning, training, grids and checkpoints, without "
    "evaluation (`eval_every: null`). Textbook loops: the rows are points of one run per seed with constant learning "
    "rates; only the loop and its DataLoader are timed, not start, data or evaluation. The loop is "
    "benchmarks/textbook.py: per-image transforms, the loss of Algorithm 1 as scripts write it, float32."
)
# Distinguishable without color: marker, line style and brightness.
STYLES = (("o", "-", "0.0"), ("s", "--", "0.0"), ("^", "-", "0.5"), ("D", "--", "0.5"), ("v", ":", "0.2"))
MENTIONED = 0.01  # share of a budget that a contestant took longer
Contestants = dict[str, dict[str, Any]]


class Point(NamedTuple):
    """A budget of a seed."""

    minutes: float
    seed: int


class Results:
    """Results by contestant in a JSON file, written after each point."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.contestants: Contestants = {}
        if file.exists():
            self.contestants = json.loads(file.read_text(encoding="utf-8"))["contestants"]

    def write(self) -> None:
        """Write the file."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text(json.dumps({"contestants": self.contestants}, indent=1) + "\n", encoding="utf-8")


class Keep:
    """Adds a contestant's points to the results, next to existing ones.

    Args:
        anew: drop the points of earlier runs. budgets: minutes to measure.

    Raises: WganError for points of another processor.
    """

    def __init__(
        self,
        name: str,
        facts: dict[str, Any],
        results: Results,
        say: Callable[[dict], None],
        anew: bool,
        budgets: Sequence[float],
    ) -> None:
        before = results.contestants.get(name, {"points": []})
        if before["points"] and not anew and _processor(before) != _processor(facts):
            raise WganError(f"the results of {name} are of another processor", "measure all anew with --again")
        self.name = name
        self.own = {**facts, "points": [] if anew else before["points"]}
        self.budgets, self.results, self.say = sorted(budgets), results, say

    @property
    def points(self) -> set[Point]:
        """Budgets and seeds that have a point."""
        return {Point(point["minutes"], point["seed"]) for point in self.own["points"]}

    def complete(self, seeds: Iterable[int]) -> bool:
        """Return True if seeds have the points of all budgets."""
        return {Point(minutes, seed) for minutes in self.budgets for seed in seeds} <= self.points

    def __call__(self, at: Point, seconds: float, steps: int, figures: dict[str, Any]) -> None:
        point = {**at._asdict(), "seconds": four_digits(seconds), "steps": steps, **figures}
        others = [each for each in self.own["points"] if (each["minutes"], each["seed"]) != at]
        self.own["points"] = sorted([*others, point], key=lambda each: (each["minutes"], each["seed"]))
        self.results.contestants[self.name] = self.own
        self.results.write()
        self.say(point)

    def finish(self, cores: float | None) -> None:
        """Record how many cores other processes used at the end."""
        self.own["cores_used_by_others"].append(cores)
        self.results.write()


def _processor(facts: dict[str, Any]) -> tuple[str, str | None]:
    return facts["machine"]["device_name"], facts["settings"].get("instructions")


def by_budget(own: dict[str, Any]) -> Iterator[tuple[float, list[dict[str, Any]]]]:
    """Yield each budget of a contestant in minutes with the points of its seeds."""
    for minutes in sorted({point["minutes"] for point in own["points"]}):
        yield minutes, [point for point in own["points"] if point["minutes"] == minutes]


def distance(points: list[dict[str, Any]]) -> str:
    """Return the median FD of seeds, with several its range."""
    values = [point["fd"] for point in points]
    spread = f" ({min(values):.3g} to {max(values):.3g})" if len(values) > 1 else ""
    return f"{median(values):.3g}{spread}"


def spent(contestants: Contestants) -> str:
    """Return sentences about single seeds, and about contestants that took longer than the given time, or ""."""
    text = (
        " One seed each."
        if len({point["seed"] for own in contestants.values() for point in own["points"]}) == 1
        else ""
    )
    for name, own in contestants.items():
        over = max(point["seconds"] / (60 * point["minutes"]) for point in own["points"]) - 1
        if over >= MENTIONED:
            text += f" {name} took up to {over:.0%} longer."
    return text


def document(contestants: Contestants) -> str:
    """Return all points as Markdown."""
    rows, told = [], []
    for name, own in contestants.items():
        told.append(paragraph(f"- {name}: {own['what']}. On {where(own)}", indent="  "))
        rows += [[name, f"{minutes:g}", *_cells(points)] for minutes, points in by_budget(own)]
    headings = "what, minutes, seeds, seconds, steps, FD, real images, class entropy, rarest class, recall"
    images = sorted({point["images"] for own in contestants.values() for point in own["points"]})
    floor = f"Scored by {' or '.join(count(each, 'image') for each in images)}, and as many real ones that no run saw."
    picture = f"![Distance against time, for each]({DOC.stem}.png)"
    return "\n\n".join([TOP, picture, table(headings, rows), paragraph(f"{floor} {COUNTED}"), "\n".join(told)]) + "\n"


def _cells(points: list[dict[str, Any]]) -> list[str]:
    def middle(name: str, form: str) -> str:
        values = [point[name] for point in points if name in point]
        return f"{median(values):{form}}" if values else ""

    forms = {"real_baseline": ".3g", "class_entropy": ".3f", "rarest": ".0%", "recall": ".2f"}
    scores = [middle(name, form) for name, form in forms.items()]
    return [str(len(points)), middle("seconds", ".1f"), middle("steps", ",.0f"), distance(points), *scores]


def draw(contestants: Contestants, path: Path) -> None:
    """Plot FD against seconds on logarithmic axes per set of images, with the real images' FD."""
    from matplotlib.figure import Figure

    sets = list(dict.fromkeys(own["data"] for own in contestants.values()))
    figure = Figure(figsize=(7.5, 5 * len(sets)), layout="constrained")
    for axes, data in zip(figure.subplots(len(sets), squeeze=False).flat, sets, strict=True):
        axes.set_title(data)
        _draw_set({name: own for name, own in contestants.items() if own["data"] == data}, axes)
    own = next(iter(contestants.values()))
    figure.supxlabel(where(own), fontsize=8, color="0.3")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="png", dpi=110)


def _draw_set(contestants: Contestants, axes: Any) -> None:
    for index, (name, own) in enumerate(contestants.items()):
        marker, line, color = STYLES[index % len(STYLES)]
        points = [points for _, points in by_budget(own)]
        minutes = [median(point["seconds"] for point in each) / 60 for each in points]
        distances = [[point["fd"] for point in each] for each in points]
        middle = [median(each) for each in distances]
        below = [value - min(each) for value, each in zip(middle, distances, strict=True)]
        above = [max(each) - value for value, each in zip(middle, distances, strict=True)]
        axes.errorbar(minutes, middle, (below, above), label=name, marker=marker, linestyle=line, color=color)
    floor = min(point["real_baseline"] for own in contestants.values() for point in own["points"])
    axes.axhline(floor, color="0.3", linestyle=(0, (1, 3)), label="real images that no run saw")
    axes.set(xscale="log", yscale="log", xlabel="minutes", ylabel="Frechet distance")
    ticks = sorted({point["minutes"] for own in contestants.values() for point in own["points"]})
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,g}")
    axes.grid(alpha=0.3)
    axes.legend()


def write(contestants: Contestants, path: Path = DOC) -> None:
    """Write the page and its plot."""
    draw(contestants, path.with_suffix(".png"))
    path.write_text(document(contestants), encoding="utf-8")
