"""Markdown of results: tables, paragraphs, and where a result was measured."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

import common

#: Recipes whose networks have changed: until when results are of the earlier ones, and what those had.
CHANGED = {"cifar10_dcgan": ("2026-11-27T16:51", "transposed convolutions")}


def table(headings: str | Sequence[str], rows: Iterable[Iterable[str]], words: int = 1) -> str:
    """Return a Markdown table. headings: comma-separated; the first `words` columns are left-aligned."""
    names = [name.strip() for name in headings.split(",")] if isinstance(headings, str) else list(headings)
    marks = ["---"] * words + ["---:"] * (len(names) - words)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (names, marks, *rows))


def paragraph(text: str, indent: str = "") -> str:
    """Wrap text at 120 columns, indenting all lines but the first."""
    return textwrap.fill(text, 120, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def where(result: dict[str, Any]) -> str:
    """Return machine, versions and date of a result."""
    machine, versions = result["machine"], result["versions"]
    processor = result["settings"]["device"] == "cpu"
    threads = f" with {common.count(machine['threads'], 'thread')}" if processor else ""
    busy = ", under other load" if common.was_busy(result) else ""
    name, python = machine["device_name"], versions["python"]
    return f"{name}{threads}, torch {versions['torch']}, Python {python}, {result['date'][:10]}{busy}."


def where_each(results: dict[str, dict[str, Any]]) -> str:
    """Return machines, versions and dates of several results; the names of all but the most frequent machine's."""
    places: dict[str, list[str]] = {}
    for name, result in results.items():
        places.setdefault(where({**result, "cores_used_by_others": []}).rstrip("."), []).append(f"`{name}`")
    usual, *others = sorted(places, key=lambda place: -len(places[place]))
    text = "; ".join([usual, *(f"{', '.join(places[place])} on {place}" for place in others)])
    return f"{text}{'; some under other load' if any(map(common.was_busy, results.values())) else ''}."


def earlier_networks(result: dict[str, Any], names: Iterable[str]) -> str:
    """Return sentences about those of the recipes whose networks have changed since a result, or ""."""
    earlier = [name for name in names if name in CHANGED and result["date"] < CHANGED[name][0]]
    return " ".join(f"`{name}` still had {CHANGED[name][1]}; its networks have changed since." for name in earlier)


def times(spread: dict[str, float], form: str = ",.2f") -> str:
    """Return a median with its spread."""
    return f"{spread['median']:{form}} ({spread['min']:{form}} to {spread['max']:{form}})"
