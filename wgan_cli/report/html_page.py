"""The HTML report: one self-contained file with its images, curves, style and script."""

from pathlib import Path
from typing import Any

import torch

from wgan_cli import __version__
from wgan_cli.data import default_data_root
from wgan_cli.errors import one_line
from wgan_cli.evaluation.evaluate import Reference
from wgan_cli.evaluation.translation import AnyReference
from wgan_cli.recipe.scores import BASELINE, LOGGED, format_score, title_of
from wgan_cli.report.comparison import table_rows
from wgan_cli.report.facts import Report, RunReport, gather
from wgan_cli.report.panels import ReportPanel, loss_panels, score_panels, speed_panels
from wgan_cli.report.pictures import RealComparison
from wgan_cli.report.real_comparison import compare_with_real_images
from wgan_cli.report.recipe_table import NOT_SET, changes, shipped_settings, yaml_lines
from wgan_cli.report.templating import TEMPLATES
from wgan_cli.runs.run_dir import RunDir
from wgan_cli.utils.files import make_parent, write_atomically
from wgan_cli.utils.format import Log, clock, format_rate

_TILE_SCORES = (
    *("fd", BASELINE, "paired_l1", "precision", "recall", "coverage", "memorization", "spectrum", "agreement"),
    "cycle_l1",
)
_TILES = {name: title_of(name) for name in _TILE_SCORES} | {BASELINE: "real images"}
_FIRST_FACTS = ("command", "started", "resumed", "device_name", "device", "threads", "cores", "versions", "platform")


def write_page(report: Report, path: Path) -> int:
    """Write the page atomically and return its size in bytes. Raises: WganError if it cannot be written."""
    make_parent(path)
    page = render_page(report).encode("utf-8", "replace")
    write_atomically(path, lambda file: file.write(page))
    return len(page)


def write_final_report(run: RunDir, device: torch.device, reference: AnyReference | None, log: Log) -> None:
    """Write report.html into a finished run, with a comparison with real images if there is a reference.

    A failure is logged and does not fail the run.
    """
    try:
        real = []
        if isinstance(reference, Reference):
            real = [compare_with_real_images(run.path, default_data_root(), device, log, reference)]
        write_page(gather([run.path], real), run.report_file)
    except Exception as error:
        log(f"warning: no report: {one_line(str(error)) or type(error).__name__}")
    else:
        log(f"report: {run.report_file}")


def render_page(report: Report) -> str:
    """Render the page as text."""
    runs, several = report.runs, len(report.runs) > 1
    scores, losses, speed = score_panels(runs), loss_panels(runs), speed_panels(runs)
    data = {
        "panels": [panel.data() for panel in (*scores, *losses, *speed)],  # in page order
        "runs": [
            {"steps": [frame.step for frame in run.frames], "frames": [frame.picture.uri for frame in run.frames]}
            for run in runs
        ],
    }
    return TEMPLATES.get_template("report/templates/page.html.j2").render(
        runs=runs,
        views=[_view(run) for run in runs],
        several=several,
        missing=[f"{run.name}: {phrase}" if several else phrase for run in runs for phrase in run.missing],
        most_frames=max(len(run.frames) for run in runs),
        compared=report.comparison,
        differences=table_rows(report.comparison) if several else (),
        score_panels=scores,
        score_names=[name for name in LOGGED if any(name in record for record in runs[0].facts.history)],
        loss_panels=losses,
        smoothed=any(curve.raw is not None for panel in losses for curve in panel.curves),
        speed_panels=speed,
        data=data,
        version=__version__,
    )


def _view(run: RunReport) -> dict[str, Any]:
    """Return the parts of a run's page that need computing."""
    facts, scores = run.facts, run.scores
    shipped = shipped_settings(facts.recipe)
    changed = changes(facts.recipe, shipped)
    lines = [(line, changed[name][0] if name in changed else None) for line, name in yaml_lines(facts.recipe)]
    tiles = [
        *((title, format_score(name, scores[name])) for name, title in _TILES.items() if name in scores),
        ("time", facts.seconds and clock(facts.seconds)),
        ("images/s", run.facts.rate and format_rate(run.facts.rate)),
        ("rollbacks", facts.rollbacks),
    ]
    return {
        "tiles": [(title, value) for title, value in tiles if value],
        "is_shipped": shipped is not None,
        "changes": changed,
        "recipe_lines": lines + [(f"# {name}", old) for name, (old, here) in changed.items() if here == NOT_SET],
        "machine": _machine(run.environment),
        "spectra": run.real and _spectra(run.real),
    }


def _spectra(real: RealComparison) -> ReportPanel:
    return ReportPanel(**vars(real.spectra), meanings=(real.spectra_caption,), axis="cycles")


def _machine(environment: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return the known facts of environment.json, which may hold anything."""
    facts = {name: value for name, value in environment.items() if isinstance(value, str | int | float)}
    if isinstance(versions := environment.get("versions"), dict):
        facts["versions"] = ", ".join(f"{name} {version}" for name, version in versions.items())
    if isinstance(resumed := environment.get("resumed"), list):
        facts["resumed"] = f"{len(resumed)} times"
    if facts.get("processor") == facts.get("device_name"):
        facts.pop("processor", None)
    order = dict.fromkeys((*_FIRST_FACTS, *facts))
    return [(title_of(name), facts[name]) for name in order if name in facts]
