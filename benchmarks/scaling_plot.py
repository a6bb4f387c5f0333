"""Plot the results of scaling.py: time above, memory below."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from common import FORMATS, count

TITLES = {"batch_size": "images in a batch", "image_size": "pixels on each side", "width": "times the recipe's widths"}
# Told apart without colour: by the marker, the line and how dark they are.
STYLES = {
    "mlp": {"marker": "o", "linestyle": "-", "color": "0.0"},
    "dcgan": {"marker": "s", "linestyle": "--", "color": "0.45"},
}


def draw(result: dict[str, Any], path: Path) -> None:
    """Draw a result as PNG, with machine, versions and date."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 6.2), layout="constrained")
    rows = {"ms per step": lambda point: 1e3 * point["seconds_per_step"]["median"]}
    rows["peak memory, MB"] = lambda point: point["peak_bytes"] / 1e6
    panels = figure.subplots(len(rows), len(TITLES), sharey="row", sharex="col")
    for line, (name, value) in zip(panels, rows.items(), strict=True):
        line[0].set_ylabel(name)
        for axes, axis in zip(line, TITLES, strict=True):
            for family, style in STYLES.items():
                own = along(result, family, axis)
                axes.plot([point[axis] for point in own], [value(point) for point in own], label=family, **style)
            _scale(axes, sorted({point[axis] for point in result["points"]}), [*map(value, result["points"])])
    start = min(point["start_bytes"] for point in result["points"]) / 1e6
    if start > 1:  # a GPU holds nothing yet
        for axes in panels[-1]:
            axes.axhline(start, color="0.3", linestyle=":", label="before any network")
        panels[-1][0].legend()
    for axes, title in zip(panels[-1], TITLES.values(), strict=True):
        axes.set_xlabel(title)
    panels[0][0].legend()
    figure.supxlabel(_below(result), fontsize=8, color="0.3")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="png", dpi=110)


def along(result: dict[str, Any], family: str, axis: str) -> list[dict[str, Any]]:
    """Return a family's points on one axis, sorted, with everything else at the base."""
    base = {name: value for name, value in result["settings"]["base"].items() if name != axis}
    own = [point for point in result["points"] if point["family"] == family]
    on_axis = [point for point in own if all(point[name] == value for name, value in base.items())]
    return sorted(on_axis, key=lambda point: point[axis])


def _scale(axes: Any, ticks: list[float], values: list[float]) -> None:
    from matplotlib.ticker import LogLocator

    axes.set_xscale("log", base=2)
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    if max(values) > 10 * min(values):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(base=10, subs=(1, 2, 5)))
    else:
        axes.set_ylim(0, 1.1 * max(values))
    axes.minorticks_off()
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,g}")
    axes.grid(alpha=0.3)


def _below(result: dict[str, Any]) -> str:
    machine, versions = result["machine"], result["versions"]
    formats = sorted({f"{point['family']} in {FORMATS[point['amp']]}" for point in result["points"]})
    threads, torch = count(machine["threads"], "thread"), versions["torch"]
    return f"{', '.join(formats)}; {machine['device_name']}, {threads}, torch {torch}, {result['date'][:10]}"
