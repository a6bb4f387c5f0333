"""Markdown of results: tables, paragraphs, and where and with which images a result was measured."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import common

from wgan_cli.data.sources import cifar, mnist

#: Recipes whose networks have changed: until when results are of the earlier ones, and what those had.
CHANGED = {"cifar10_dcgan": ("2026-11-27T16:51", "transposed convolutions")}

#: Training images of public sets.
STANDARD_COUNTS = {name: own.counts["train"] for name, own in mnist.SETS.items()}
STANDARD_COUNTS |= dict.fromkeys(cifar.CLASSES, cifar.STANDARD_COUNTS["train"])


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
    unknown = ", load by others unknown" if _load_is_unknown(result) else ""
    busy = ", under other load" if common.was_busy(result) else unknown
    name, python = machine["device_name"], versions["python"]
    return f"{name}{threads}, torch {versions['torch']}, Python {python}, {result['date'][:10]}{busy}."


def where_each(results: dict[str, dict[str, Any]]) -> str:
    """Return machines, versions and dates of several results; the names of all but the most frequent machine's."""
    places: dict[str, list[str]] = {}
    for name, result in results.items():
        places.setdefault(where({**result, "cores_used_by_others": []}).rstrip("."), []).append(f"`{name}`")
    usual, *others = sorted(places, key=lambda place: -len(places[place]))
    text = "; ".join([usual, *(f"{', '.join(places[place])} on {place}" for place in others)])
    busy = "; some under other load" if any(map(common.was_busy, results.values())) else ""
    unknown = "; the load of some by others is unknown" if any(map(_load_is_unknown, results.values())) else ""
    return f"{text}{busy}{unknown}."


def _load_is_unknown(result: dict[str, Any]) -> bool:
    used = result["cores_used_by_others"]
    return bool(used) and set(used) == {None}


def earlier_networks(result: dict[str, Any], names: Iterable[str]) -> str:
    """Return sentences about those of the recipes whose networks have changed since a result, or ""."""
    earlier = [name for name in names if name in CHANGED and result["date"] < CHANGED[name][0]]
    return " ".join(f"`{name}` still had {CHANGED[name][1]}; its networks have changed since." for name in earlier)


def reduced_sets(results: Mapping[str, dict[str, Any]]) -> str:
    """Return a sentence about recipes trained on a part of a public set, which their settings don't say, or ""."""
    found = [f"`{name}` ({counts} images)" for name, result in results.items() if (counts := _reduced(result))]
    if not found:
        return ""
    return f"Trained on a reduced copy of the set, so that FDs aren't those of the whole one: {', '.join(found)}."


def _reduced(result: dict[str, Any]) -> str:
    """Return the numbers of training images of a result and of the standard set if they differ, else ""."""
    data, count = result.get("recipe", {}).get("data", {}), result.get("training_images")
    standard = STANDARD_COUNTS.get(data.get("source"))
    if None in (count, standard) or count == standard or data["split"] != "train" or {"classes", "limit"} & data.keys():
        return ""
    return f"{count:,} of {standard:,}"


def fewer_real(results: Mapping[str, dict[str, Any]]) -> str:
    """Return a sentence about results with fewer real images than generated ones, or ""."""
    fewer = {name: result for name, result in results.items() if has_fewer_real(result)}
    if not fewer:
        return ""
    each = (
        f"{result['real_images']:,} for `{name}`{', which was trained on them too' * bool(result['seen'])}"
        for name, result in fewer.items()
    )
    most = max(result["images"] for result in fewer.values())
    return f"Where few real images are held out, their FD is higher than that of {most:,} would be: {'; '.join(each)}."


def has_fewer_real(result: dict[str, Any]) -> bool:
    """Return True if fewer real images were held out than were generated; earlier results don't say."""
    return (result.get("real_images") or math.inf) < (result.get("images") or 0)


def about_tf32(same: bool) -> str:
    """Return a sentence about the textbook loop in float32 on a GPU, or "" if both had the same TF32 setting."""
    return "" if same else " In float32 the textbook's convolutions round to TF32, PyTorch's default; ours don't."


def times(spread: dict[str, float], form: str = ",.2f") -> str:
    """Return a median with its spread."""
    return f"{spread['median']:{form}} ({spread['min']:{form}} to {spread['max']:{form}})"
