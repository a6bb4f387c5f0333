"""Jinja2 environment for the HTML pages. Every value is shortened to one line and escaped."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from wgan_cli.errors import one_line
from wgan_cli.recipe.scores import format_score, title_of
from wgan_cli.report.chart import curve_style
from wgan_cli.utils.format import clock, format_rate


def _finalize(value: Any) -> Any:
    """Shorten text to one printable line, keeping its indentation (YAML). Jinja2 escapes the result."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return value[: len(value) - len(value.lstrip(" "))] + one_line(value)


#: Finds templates by their path inside the package, such as "report/templates/page.html.j2".
TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parents[1]), autoescape=True, finalize=_finalize, undefined=StrictUndefined,
    trim_blocks=True, lstrip_blocks=True,
)  # fmt: skip
TEMPLATES.globals.update(
    clock=clock, curve_style=curve_style, format_rate=format_rate, format_score=format_score, title_of=title_of
)
