"""The list of recipes."""

from dataclasses import asdict
from typing import Any

from rich.table import Table

from wgan_cli.cli.render.recipe_benchmarks import Measured, measurements, thumbnail
from wgan_cli.console import data
from wgan_cli.recipe import Recipe, load_recipe, recipe_header, recipe_names
from wgan_cli.recipe.scores import format_score, title_of
from wgan_cli.runs.pretrained import pretrained_names

_WIDE = ("recipe", "images", "networks", "length", "time", "memory", "score", "what it learns")
_NARROW = ("recipe", "time", "what it learns")
_COLUMNS = 80  # of the narrow list


def print_recipes(wide: bool) -> None:
    """Print a line for each recipe below its paper: time and purpose, or everything that is known about it."""
    known, bundled = measurements(), pretrained_names()
    by_paper: dict[str, list[dict[str, str]]] = {}
    for name, (recipe, purpose) in _load_all().items():
        row = {
            "recipe": f"{name} *" if name in bundled else name,
            **_description(recipe),
            **_measured(known.recipes.get(name)),
            "what it learns": purpose,
        }
        by_paper.setdefault(f"{recipe.objective.name}: {recipe.objective.paper}", []).append(row)
    headings, columns = (_WIDE, 1_000) if wide else (_NARROW, min(_COLUMNS, data().width))
    widths = [max(len(row[name]) for rows in by_paper.values() for row in rows) for name in headings[:-1]]
    for paper, rows in {"": [{name: name for name in headings}], **by_paper}.items():
        if paper:
            data().print(paper, style="bold", width=columns, soft_wrap=False)
        for row in rows:
            _print_row([row[name] for name in headings], widths, None if paper else "dim", columns)
    pictured = next((path for name in known.recipes if (path := thumbnail(name))), None)
    notes = [
        "* trained already: wgan sample NAME" if bundled else "",
        f"{'Time, memory and scores' if wide else 'Time'} measured on {known.where}",
        "" if wide else "--wide adds images, networks, length, memory and scores",
        f"samples: {pictured.parent / 'NAME.png'}" if pictured else "",
    ]
    data().print("\n".join(filter(None, notes)), style="dim", width=columns, soft_wrap=False)


def _print_row(cells: list[str], widths: list[int], style: str | None, columns: int) -> None:
    """Print aligned cells; the last one is wrapped below itself."""
    table = Table.grid(padding=(0, 1))
    table.add_column(width=1)
    for width in widths:
        table.add_column(width=width, no_wrap=True)
    table.add_row("", *cells, style=style)
    data().print(table, width=columns, soft_wrap=False)


def _description(recipe: Recipe) -> dict[str, str]:
    length = f"{recipe.steps:,} steps" if recipe.steps else f"{recipe.epochs:g} epochs"
    return {"images": recipe.data.title, "networks": recipe.model.name, "length": length}


def _measured(measured: Measured | None) -> dict[str, str]:
    if measured is None:
        return {"time": "", "memory": "", "score": ""}
    return {
        "time": f"{measured.minutes:.1f} min",
        "memory": "" if measured.gigabytes is None else f"{measured.gigabytes:.2f} GB",
        "score": f"{title_of(measured.score)} {format_score(measured.score, measured.value)}",
    }


def recipe_facts() -> list[dict[str, Any]]:
    """Return what `wgan recipes --json` prints."""
    known, bundled = measurements().recipes, pretrained_names()
    return [
        {
            "name": name,
            "objective": recipe.objective.name,
            "paper": recipe.objective.paper,
            "data": recipe.data.title,
            "model": recipe.model.name,
            "steps": recipe.steps,
            "epochs": recipe.epochs,
            "purpose": purpose,
            "pretrained": name in bundled,
            "measured": asdict(known[name]) if name in known else None,
            "thumbnail": str(path) if (path := thumbnail(name)) else None,
        }
        for name, (recipe, purpose) in _load_all().items()
    ]


def _load_all() -> dict[str, tuple[Recipe, str]]:
    """Return every recipe, with the settings of the command in its header, and its purpose."""
    headers = {name: recipe_header(name) for name in recipe_names()}
    return {name: (load_recipe(name, settings), purpose) for name, (settings, purpose) in headers.items()}
