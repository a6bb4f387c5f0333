"""Write the results of search.py to benchmarks/results/search.md, one table per recipe and budget."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from typing import Any

from common import count
from pages import paragraph, table

DOC = Path(__file__).parents[1] / "benchmarks" / "results" / "search.md"
TOP = """# Settings search

Written by `python benchmarks/search.py --table` from the results of search.py. Minutes are training time alone on a
machine with the given milliseconds per step; each candidate trained for as many steps as fit, with its learning rate
decaying over those steps. FD is the Frechet distance in the features of `wgan evaluate`, next to that of as many
held-out real images. Best first; settings that all rows share are above the table.
"""
FIGURES = ("fd", "class_entropy", "recall", "steps", "ms_per_step")
HEADINGS = ("FD", "class entropy", "recall", "steps", "ms/step")


def document(runs: list[dict[str, Any]]) -> str:
    """Return all runs as Markdown."""

    def key(run: dict[str, Any]) -> tuple[str, float, int]:
        return run["recipe"], run["minutes"], run["images"]

    groups = {name: list(group) for name, group in groupby(sorted(runs, key=key), key=key)}
    sections = [
        _section(name, group, _differ([run for run in runs if run["recipe"] == name[0]]))
        for name, group in groups.items()
    ]
    return "\n\n".join([TOP.strip(), *sections]) + "\n"


def _differ(runs: list[dict[str, Any]]) -> list[str]:
    keys = dict.fromkeys(key for run in runs for key in run["chosen"])
    given = {setting.partition("=")[0] for run in runs for setting in run.get("settings", ())}
    known = {key: {_cell(run["chosen"][key]) for run in runs if key in run["chosen"]} for key in keys}
    return [key for key in keys if len(known[key]) > 1 or key in given]


def _section(name: tuple[str, float, int], runs: list[dict[str, Any]], searched: list[str]) -> str:
    recipe, minutes, images = name
    runs = sorted(runs, key=lambda run: run.get("fd", float("inf")))
    own = runs[0]["chosen"]
    differ = [key for key in searched if len({_cell(run["chosen"].get(key)) for run in runs}) > 1]
    same = ", ".join(f"`{key}` {_cell(own[key])}" for key in searched if key in own and key not in differ)
    rows = [[*_figures(run), *(_cell(run["chosen"].get(key)) for key in differ)] for run in runs]
    headings = [*HEADINGS, *(f"`{key}`" for key in differ)]
    real = next((run["real_baseline"] for run in runs if "fd" in run), float("nan"))
    told = f"{images:,} images of each; real images: FD {real:.3g}. {_where(runs)}"
    title = f"## {recipe}, {minutes:g} minute{'s' * (minutes != 1)}"
    same = [paragraph(f"All with {same}.")] if same else []
    return "\n\n".join([title, paragraph(told), *same, table(headings, rows, words=0)])


def _figures(run: dict[str, Any]) -> list[str]:
    if "fd" not in run:
        return ["diverged", "", "", f"{run['steps']:,}", f"{run['ms_per_step']:.1f}"]
    values = [run.get(name) for name in FIGURES]
    forms = (".3g", ".3f", ".2f", ",", ".1f")
    return ["" if value is None else f"{value:{form}}" for value, form in zip(values, forms, strict=True)]


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _where(runs: list[dict[str, Any]]) -> str:
    machines = dict.fromkeys(
        f"{run['machine']['device_name']}, trained with {count(run['machine']['threads'], 'thread')}, "
        f"torch {run['versions']['torch']}, {run['date'][:10]}"
        for run in runs
    )
    return f"{'; '.join(machines)}."


def write(runs: list[dict[str, Any]], path: Path = DOC) -> None:
    """Write the document."""
    path.write_text(document(runs), encoding="utf-8")
