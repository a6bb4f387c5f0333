"""Jinja2 environment for the HTML pages. Every value is shortened to one line and escaped."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from wgan_cli.errors import one_line
from wgan_cli.report.chart import curve_style

PACKAGE = Path(__file__).parents[1]


def template(name: str) -> Template:
    """Return a template by its path inside the package, such as "report/templates/page.html.j2"."""
    return _environment().get_template(name)


def read_markup(name: str) -> Markup:
    """Return a style sheet or a script of the package for inclusion as it is."""
    return Markup((PACKAGE / name).read_text(encoding="utf-8"))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(PACKAGE), autoescape=True, finalize=_finalize, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.globals["curve_style"] = curve_style
    return environment


def _finalize(value: Any) -> Any:
    """Shorten text to one printable line, keeping its indentation (YAML). Jinja2 escapes the result."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return value[: len(value) - len(value.lstrip(" "))] + one_line(value)
