"""The HTML report: one self-contained file with its images, curves, style and script."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wgan_cli import __version__
from wgan_cli.errors import WganError
from wgan_cli.recipe.scores import BASELINE, LOGGED, format_score, title_of
from wgan_cli.report.comparison import table_rows
from wgan_cli.report.facts import Report, RunReport
from wgan_cli.report.panels import loss_panels, score_panels, speed_panels
from wgan_cli.report.recipe_table import NOT_SET, changes, shipped_settings, yaml_lines
from wgan_cli.report.templating import read_markup, template
from wgan_cli.report.text import measured_with, state_text, training_rate, verdict
from wgan_cli.utils.files import make_parent, write_atomically
from wgan_cli.utils.format import clock

_TILES = ("fd", "paired_l1", "precision", "recall", "coverage", "memorization", "agreement", "cycle_l1")
_FIRST_FACTS = ("command", "started", "resumed", "device_name", "device", "threads", "cores", "versions", "platform")


def check_page_path(path: Path) -> None:
    """Raise WganError unless a path ends in .html."""
    if path.suffix.lower() not in (".html", ".htm"):
        raise WganError(f"--out {path} does not end in .html", f"use --out {path.stem or 'report'}.html")


def write_page(report: Report, path: Path) -> int:
    """Write the page atomically and return its size in bytes. Raises: WganError if it cannot be written."""
    make_parent(path)
    page = render_page(report).encode("utf-8", "replace")
    write_atomically(path, lambda file: file.write(page))
    return len(page)


def render_page(report: Report) -> str:
    """Render the page as text."""
    runs, several = report.runs, len(report.runs) > 1
    scores, losses, speed = score_panels(runs), loss_panels(runs), speed_panels(runs)
    missing = [f"{run.name}: {phrase}" if several else phrase for run in runs for phrase in run.missing]
    score_names = [name for name in LOGGED if any(name in record for record in runs[0].facts.history)]
    data = {
        "panels": [panel.data() for panel in (*scores, *losses, *speed)],  # in page order
        "runs": [
            {"steps": [frame.step for frame in run.frames], "frames": [frame.picture.uri for frame in run.frames]}
            for run in runs
        ],
    }
    return template("report/templates/page.html.j2").render(
        title=" and ".join(run.name for run in runs),
        runs=[_view(run) for run in runs],
        several=several,
        missing=missing,
        most_frames=max(len(run.frames) for run in runs),
        compared=report.comparison,
        differences=table_rows(report.comparison) if several else (),
        score_panels=scores,
        score_heads=["step", *map(title_of, score_names)],
        score_rows=_score_rows(runs[0], score_names),
        loss_panels=losses,
        smoothed=any(curve.raw is not None for panel in losses for curve in panel.curves),
        speed_panels=speed,
        data=data,
        style=read_markup("report/templates/page.css"),
        script=read_markup("report/templates/page.js"),
        version=__version__,
    )


def _view(run: RunReport) -> dict[str, Any]:
    """Return the texts of a run for the template."""
    facts, recipe = run.facts, run.facts.recipe
    shipped = shipped_settings(recipe)
    changed = changes(recipe, shipped)
    kind = (recipe["name"] if recipe["name"] != run.name else "", recipe["objective"]["name"], recipe["model"]["name"])
    best = f", best {facts.best.score} at step {facts.best.step:,}" if facts.best else ""
    return {
        "name": run.name,
        "kind": " · ".join(filter(None, kind)),
        "state": state_text(facts),
        "summary": state_text(facts) + best,
        "verdict": verdict(facts, run.scores),
        "measured_with": measured_with(facts),
        "tiles": _tiles(run),
        "frames": run.frames,
        "nearest": run.nearest,
        "speed": _speed(run),
        "changes": changed,
        "recipe_summary": _recipe_summary(recipe["name"], shipped is not None, len(changed)),
        "recipe_lines": _marked_lines(recipe, changed),
        "machine": _machine(run.environment),
    }


def _tiles(run: RunReport) -> list[tuple[str, str]]:
    facts, rate = run.facts, training_rate(run.facts)
    tiles = [(title_of(name), format_score(name, run.scores[name])) for name in _TILES if name in run.scores]
    if BASELINE in run.scores:
        tiles.insert(1, ("real images", format_score(BASELINE, run.scores[BASELINE])))
    tiles += [("time", clock(facts.seconds))] if facts.seconds else []
    tiles += [("images/s", f"{rate:,.0f}")] if rate else []
    tiles += [("rollbacks", f"{facts.rollbacks}")] if facts.rollbacks else []
    return tiles


def _score_rows(run: RunReport, names: Sequence[str]) -> list[tuple[str, bool, list[str]]]:
    """Return a row for each evaluation: step, whether it is the best, scores."""
    best = run.facts.best.step if run.facts.best else None
    return [
        (
            f"{record['step']:,}",
            record["step"] == best,
            [format_score(name, record[name]) if name in record else "" for name in names],
        )
        for record in run.facts.history
        if not record.keys().isdisjoint(names)
    ]


def _speed(run: RunReport) -> str:
    facts, rate = run.facts, training_rate(run.facts)
    if not facts.seconds:
        return ""
    device = run.environment.get("device_name") or run.environment.get("device") or "an unknown device"
    overhead = f"{facts.overhead_seconds / facts.seconds:.1%} for logs, grids, checkpoints and evaluations"
    return f"{clock(facts.seconds)} on {device}, {overhead}" + (f"; {rate:,.0f} images/s in training." if rate else ".")


def _recipe_summary(name: str, is_shipped: bool, num_changes: int) -> str:
    if not is_shipped:
        return f"No shipped recipe is named {name}, so there is no comparison."
    if not num_changes:
        return f"Same as the shipped recipe {name}."
    count = f"{num_changes} settings differ" if num_changes > 1 else "One setting differs"
    return f"{count} from the shipped recipe {name}. Where it says auto, the program chose the value."


def _marked_lines(recipe: dict[str, Any], changed: dict[str, tuple[str, str]]) -> list[tuple[str, str | None]]:
    """Return the recipe's lines, each with the shipped value if it differs; then the settings that it lacks."""
    lines = [(line, changed[name][0] if name in changed else None) for line, name in yaml_lines(recipe)]
    return lines + [(f"# {name}", shipped) for name, (shipped, here) in changed.items() if here == NOT_SET]


def _machine(environment: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return the known facts of environment.json, which may hold anything."""
    facts = {name: value for name, value in environment.items() if isinstance(value, str | int | float)}
    if isinstance(versions := environment.get("versions"), dict):
        facts["versions"] = ", ".join(f"{name} {version}" for name, version in versions.items())
    if isinstance(resumed := environment.get("resumed"), list):
        facts["resumed"] = f"{len(resumed)} times"
    if facts.get("processor") == facts.get("device_name"):
        facts.pop("processor", None)
    order = [*(name for name in _FIRST_FACTS if name in facts), *(name for name in facts if name not in _FIRST_FACTS)]
    return [(title_of(name), facts[name]) for name in order]
