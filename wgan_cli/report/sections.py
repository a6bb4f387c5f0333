"""The sections of the page below its head, each from what is told of the runs."""

from __future__ import annotations

from collections.abc import Sequence

from wgan_cli.recipe.scores import LOGGED
from wgan_cli.report.chart import style_of
from wgan_cli.report.comparison import table_rows
from wgan_cli.report.facts import Report, Told
from wgan_cli.report.markup import enlarged, key, named_facts, row, safe, section, table
from wgan_cli.report.panels import Panel
from wgan_cli.report.recipe_table import NOT_SET, changes, lines, shipped_settings
from wgan_cli.report.text import named, rate, score_text
from wgan_cli.utils.format import clock

_FIRST_FACTS = ("command", "started", "resumed", "device_name", "device", "threads", "cores", "versions", "platform")


def differences(report: Report) -> str:
    """What differs between several runs, and how far each came."""
    names = report.compared.names
    heads = ["", *(key(style_of(place)) + safe(name) for place, name in enumerate(names))]
    rows = [
        row(f"<code>{safe(heading)}</code>", values, "differs")
        if heading in report.compared.settings
        else row(safe(named(heading)), values)
        for heading, values in table_rows(report.compared)
    ]
    lead = "Marked: the settings in which they differ. Below them the last losses and scores of each."
    return section("What differs", "differences", table(heads, rows), lead)


def charts(title: str, name: str, panels: Sequence[Panel], more: str = "", lead: str = "") -> str:
    """Panels of curves. more: HTML below them."""
    return section(title, name, _panels(panels) + more, lead) if panels else ""


def _panels(panels: Sequence[Panel]) -> str:
    return f'<div class="charts">{"".join(map(_panel, panels))}</div>' if panels else ""


def _panel(panel: Panel) -> str:
    keys = "".join(f"<li>{key(style_of(curve.colour))}{safe(curve.name)}</li>" for curve in panel.curves)
    legend = f'<ul class="legend">{keys}</ul>' if len(panel.curves) > 1 else ""
    words = "".join(f"<p>{safe(each)}</p>" for each in panel.words)
    return (
        f'<figure class="chart"><h3>{safe(panel.title)}</h3>{legend}{panel.svg()}'
        f'<p class="reading" aria-hidden="true"></p><figcaption>{words}</figcaption></figure>'
    )


def scores_table(run: Told) -> str:
    """All scores of a run by step, for those who want the numbers."""
    records = [record for record in run.facts.history if not record.keys().isdisjoint(LOGGED)]
    if not records:
        return ""
    names = [name for name in LOGGED if any(name in record for record in records)]
    best = run.facts.best.step if run.facts.best else None
    rows = [
        row(
            f"{record['step']:,}",
            [score_text(name, record[name]) if name in record else "" for name in names],
            "best" if record["step"] == best else "",
        )
        for record in records
    ]
    heads = ["step", *(safe(named(name)) for name in names)]
    return f"<details><summary>All scores by step</summary>{table(heads, rows, 'numbers')}</details>"


def nearest(run: Told, several: bool) -> str:
    """Samples beside training images, or the command that looks for them."""
    if run.nearest is None:
        words = "<p>Not looked for. <code>wgan report RUN --nearest</code> does, with the training images at hand.</p>"
        return "" if several else section("Nearest training images", "nearest", words)
    picture = run.nearest.picture
    figure = (
        f'<figure class="pairs" style="{enlarged(picture.width)}"><img src="{picture.uri}" '
        f'width="{picture.width}" height="{picture.height}" alt="Pairs of a sample and a training image">'
        f"<figcaption>{safe(run.nearest.words)}. A pair of one image twice would be a copy.</figcaption></figure>"
    )
    title = f"Nearest training images: {run.name}" if several else "Nearest training images"
    return section(title, "nearest", figure)


def speed(runs: Sequence[Told], panels: Sequence[Panel]) -> str:
    """How long training took, and where."""
    said = [
        f"<p>{f'<b>{safe(run.name)}</b>: ' if len(runs) > 1 else ''}{safe(_speed_of(run))}.</p>"
        for run in runs
        if run.facts.seconds
    ]
    return section("Speed", "speed", "".join(said) + _panels(panels)) if said else ""


def _speed_of(run: Told) -> str:
    facts, fast = run.facts, rate(run.facts)
    device = run.environment.get("device_name") or run.environment.get("device") or "an unknown device"
    share = f"{facts.overhead_seconds / facts.seconds:.1%} of it for logs, grids, checkpoints and evaluations"
    trained = f"; {fast:,.0f} images a second while it trained" if fast else ""
    return f"{clock(facts.seconds)} on {device}, {share}{trained}"


def recipe_and_environment(runs: Sequence[Told]) -> str:
    """The settings of a run and the machine that it was on; of several runs, to open."""
    if len(runs) == 1:
        (run,) = runs
        words, settings = _settings(run)
        machine = _machine(run)
        return section("Recipe", "recipe", settings, words) + (
            section("Environment", "environment", machine) if machine else ""
        )
    parts = []
    for run in runs:
        words, settings = _settings(run)
        opened = f'<p class="lead">{safe(words)}</p>{settings}{_machine(run)}'
        parts.append(f'<details class="run"><summary>{safe(run.name)}</summary>{opened}</details>')
    return section("Recipes and environments", "recipe", "".join(parts))


def _settings(run: Told) -> tuple[str, str]:
    """In words how a recipe differs from the shipped one; and in what, as a table above all settings."""
    recipe = run.facts.recipe
    shipped = shipped_settings(recipe)
    changed = changes(recipe, shipped)
    if shipped is None:
        words = f"No recipe named {recipe['name']} comes with the program, so there is none to compare with."
    elif changed:
        count = f"{len(changed)} settings differ" if len(changed) > 1 else "One setting differs"
        words = f"{count} from the recipe {recipe['name']} as it is shipped. Where that says auto, the program chose."
    else:
        words = f"As the recipe {recipe['name']} is shipped."
    heads = ("setting", "here", "shipped")
    rows = [row(f"<code>{safe(name)}</code>", (here, there)) for name, (there, here) in changed.items()]
    every = f"<details><summary>All settings</summary><pre>{_yaml(run, changed)}</pre></details>"
    return words, (table(heads, rows) if rows else "") + every


def _yaml(run: Told, changed: dict[str, tuple[str, str]]) -> str:
    """The recipe as it is written, what is not as shipped marked."""
    on_samples = []
    for line, name in lines(run.facts.recipe):
        if name in changed:
            on_samples.append(f"<mark>{safe(line)}</mark><i>  # {safe(changed[name][0])} in the shipped recipe</i>")
        else:
            on_samples.append(safe(line))
    gone = [(name, there) for name, (there, here) in changed.items() if here == NOT_SET]
    on_samples += [f"<i># {safe(name)}: {safe(there)} in the shipped recipe</i>" for name, there in gone]
    return "\n".join(on_samples)


def _machine(run: Told) -> str:
    """What is known of the machine and the command, from a file that may say anything."""
    told = run.environment
    flat = {name: value for name, value in told.items() if isinstance(value, str | int | float)}
    if isinstance(versions := told.get("versions"), dict):
        flat["versions"] = ", ".join(f"{name} {version}" for name, version in versions.items())
    if isinstance(resumed := told.get("resumed"), list):
        flat["resumed"] = f"{len(resumed)} times"
    if flat.get("processor") == flat.get("device_name"):
        flat.pop("processor", None)
    names = [*(name for name in _FIRST_FACTS if name in flat), *(name for name in flat if name not in _FIRST_FACTS)]
    return named_facts([(named(name), flat[name]) for name in names], "facts")
