"""Pieces of HTML that are safe whatever a run says."""

from __future__ import annotations

import json
from collections.abc import Iterable
from html import escape
from typing import Any

from wgan_cli.errors import one_line


def safe(value: Any) -> str:
    """What a run says as text of the page: escaped, on one line of bounded length; a line of YAML keeps its indent."""
    words = str(value)
    indent = words[: len(words) - len(words.lstrip(" "))]
    return escape(indent + one_line(words))


def as_json(value: Any) -> str:
    """For a script of the page: nothing in it can end the script."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def section(title: str, name: str, body: str, lead: str = "") -> str:
    """A part of the page below a heading. body: HTML."""
    words = f'<p class="lead">{safe(lead)}</p>' if lead else ""
    return f'<section class="{name}"><h2>{safe(title)}</h2>{words}{body}</section>'


def table(heads: Iterable[str], rows: Iterable[str], kind: str = "") -> str:
    """A table that is moved sideways where it is too wide. heads: HTML of each; rows: of `row`."""
    cells = "".join(f'<th scope="col">{head}</th>' if head else "<td></td>" for head in heads)
    body = f"<thead><tr>{cells}</tr></thead><tbody>{''.join(rows)}</tbody>"
    return f'<div class="wide" tabindex="0"><table class="{kind}">{body}</table></div>'


def row(head: str, values: Iterable[Any], kind: str = "") -> str:
    """A row of a table. head: HTML."""
    cells = "".join(f"<td>{safe(value)}</td>" for value in values)
    return f'<tr class="{kind}"><th scope="row">{head}</th>{cells}</tr>'


def key(style: str) -> str:
    """A stroke in a curve's colour, for a legend."""
    return f'<i class="key {style}"></i>'


def named_facts(facts: Iterable[tuple[str, Any]], kind: str) -> str:
    """Names and what they are; "" for none."""
    items = "".join(f"<div><dt>{safe(name)}</dt><dd>{safe(value)}</dd></div>" for name, value in facts)
    return f'<dl class="{kind}">{items}</dl>' if items else ""


def enlarged(width: int) -> str:
    """The width that a picture of so many pixels has at most: grown by a whole number, pixels stay sharp."""
    return f"max-width:{2 * width}px"
