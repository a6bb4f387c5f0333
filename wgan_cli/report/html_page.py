"""The page: one HTML file with its pictures, curves, style and script inside."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wgan_cli import __version__
from wgan_cli.errors import WganError
from wgan_cli.recipe.scores import BASELINE
from wgan_cli.report import sections
from wgan_cli.report.facts import Report, Told
from wgan_cli.report.markup import as_json, enlarged, named_facts, safe
from wgan_cli.report.panels import loss_panels, score_panels, speed_panels
from wgan_cli.report.text import measured_with, named, rate, score_text, state_words, verdict
from wgan_cli.utils.files import make_parent, write_atomically
from wgan_cli.utils.format import clock

HERE = Path(__file__).parent
_HOW_DRAWN = "Faint: as logged, up to the field's edge. Strong: smoothed."
_FIRST_TILES = ("fd", "paired_l1", "precision", "recall", "coverage", "memorization", "agreement", "cycle_l1")


def check_page(path: Path) -> None:
    """Refuse a path that is no page's. Raises: WganError."""
    if path.suffix.lower() not in (".html", ".htm"):
        raise WganError(f"--out {path} does not end in .html", f"write --out {path.stem or 'report'}.html")


def write_page(report: Report, path: Path) -> int:
    """Write the page in one step; returns its bytes. Raises: WganError where the file system refuses."""
    make_parent(path)
    page = html(report).encode("utf-8", "replace")
    write_atomically(path, lambda file: file.write(page))
    return len(page)


def html(report: Report) -> str:
    """The whole page as text."""
    runs, several = report.runs, len(report.runs) > 1
    scores, losses, speed = score_panels(runs), loss_panels(runs), speed_panels(runs)
    told = {
        "panels": [panel.told() for panel in (*scores, *losses, *speed)],  # in the order in which they stand below
        "runs": [
            {"steps": [frame.step for frame in run.frames], "frames": [frame.picture.uri for frame in run.frames]}
            for run in runs
        ],
    }
    smoothed = any(curve.rough is not None for panel in losses for curve in panel.curves)
    parts = (
        _head(report),
        sections.differences(report) if several else "",
        sections.charts("How good over time", "scores", scores, "" if several else sections.scores_table(runs[0])),
        sections.charts("Losses", "losses", losses, lead=_HOW_DRAWN if smoothed else ""),
        *(sections.nearest(run, several) for run in runs),
        sections.speed(runs, speed),
        sections.recipe_and_environment(runs),
        f"<footer>Written by wgan {__version__}. Everything is in this file; it loads nothing.</footer>",
    )
    style, script = ((HERE / f"page.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{safe(' and '.join(run.name for run in runs))}</title>\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>\n{style}</style>\n</head>\n<body>\n{chr(10).join(part for part in parts if part)}\n"
        f'<script type="application/json" id="told">{as_json(told)}</script>\n<script>\n{script}</script>\n'
        "</body>\n</html>\n"
    )


def _head(report: Report) -> str:
    runs, several = report.runs, len(report.runs) > 1
    if several:
        words = "".join(f"<li><b>{safe(run.name)}</b>: {safe(_summary(run))}</li>" for run in runs)
        about = f'<h1>{len(runs)} runs side by side</h1><ul class="verdicts">{words}</ul>'
    else:
        (run,) = runs
        words = measured_with(run.facts)
        measured = f'<p class="hint">{safe(words)}</p>' if words else ""
        about = (
            f'<p class="kicker">{safe(_kind(run))}</p><h1>{safe(run.name)}</h1>'
            f'<p class="state">{safe(state_words(run.facts))}</p>'
            f'<p class="verdict">{safe(verdict(run.facts, run.scores))}</p>{measured}{_tiles(run)}'
        )
    missing = [(run.name, phrase) for run in runs for phrase in run.missing]
    on_message = "".join(f"<li>{safe(f'{name}: {words}' if several else words)}</li>" for name, words in missing)
    notes = f'<ul class="missing" aria-label="What is missing">{on_message}</ul>' if on_message else ""
    layout = "several" if several else "single"
    return f'<header class="{layout}"><div class="about">{about}{notes}</div>{_samples(runs)}</header>'


def _kind(run: Told) -> str:
    recipe = run.facts.recipe
    words = (recipe["name"] if recipe["name"] != run.name else "", recipe["objective"]["name"], recipe["model"]["name"])
    return " · ".join(word for word in words if word)


def _summary(run: Told) -> str:
    best = run.facts.best
    score = f", best {best.score} at step {best.step:,}" if best else ""
    return state_words(run.facts) + score


def _tiles(run: Told) -> str:
    """The numbers that one looks at first."""
    facts, speed = run.facts, rate(run.facts)
    tiles = [(named(name), score_text(name, run.scores[name])) for name in _FIRST_TILES if name in run.scores]
    if BASELINE in run.scores:
        tiles.insert(1, ("real images", score_text(BASELINE, run.scores[BASELINE])))
    tiles += [("time", clock(facts.seconds))] if facts.seconds else []
    tiles += [("images a second", f"{speed:,.0f}")] if speed else []
    tiles += [("went back", f"{facts.rollbacks} times")] if facts.rollbacks else []
    return named_facts(tiles, "tiles")


def _samples(runs: Sequence[Told]) -> str:
    """The last grid of each run, and the slider that a script brings to life."""
    figures = "".join(_grid(number, run, len(runs) > 1) for number, run in enumerate(runs))
    most = max((len(run.frames) for run in runs), default=0)
    if not most:
        return ""
    slider = (
        '<div class="time" hidden><button type="button" class="play" aria-label="Play">▶</button>'
        '<input type="range" min="0" value="0" step="1" aria-label="Step of training">'
        '<output></output></div><p class="hint" hidden>Drag, or use the arrow keys: the curves below follow.</p>'
        if most > 1
        else ""
    )
    return f'<div class="samples"><div class="grids">{figures}</div>{slider}</div>'


def _grid(number: int, run: Told, several: bool) -> str:
    if not run.frames:
        return f'<figure class="grid">{safe(run.name)}: no grid yet</figure>' if several else ""
    last = run.frames[-1]
    name = f"<b>{safe(run.name)}</b>, " if several else ""
    wide, high = last.picture.width, last.picture.height
    return (
        f'<figure class="grid" data-run="{number}" style="{enlarged(wide)}">'
        f'<img src="{last.picture.uri}" width="{wide}" height="{high}" alt="{safe(f"Samples of {run.name}")}">'
        f"<figcaption>{name}<span>step {last.step:,}</span></figcaption></figure>"
    )
