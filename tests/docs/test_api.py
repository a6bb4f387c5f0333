"""docs/api.md lists existing, documented names with their current parameters and the current file formats."""

from __future__ import annotations

import inspect
import pkgutil
import re
from pathlib import Path

import pytest

import wgan_cli
from wgan_cli.runs.migration import FORMAT, STEPS, VERSION

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
NAMES = re.findall(r"^\| `(wgan_cli\.[\w.]+)\((.*?)\)` \|", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("name", "parameters"), NAMES)
def test_signature(name, parameters):
    function = pkgutil.resolve_name(name)
    assert inspect.getdoc(function)
    shown = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in shown:
            shown.append("*")
        shown.append(parameter.name)
    assert ", ".join(name for name in shown if name != "self") == parameters


def test_exports_are_listed():
    shown = {name.split(".")[1] for name, _ in NAMES}
    assert set(wgan_cli.__all__) - {"__version__"} <= shown
    assert all(hasattr(wgan_cli, name) for name in wgan_cli.__all__)


def test_examples_import_public_names_only():
    public = {name for name, _ in NAMES} | {f"wgan_cli.{name}" for name in wgan_cli.__all__}
    for module, names in re.findall(r"^from (wgan_cli[\w.]*) import ([\w, ]+?) *(?:#.*)?$", PAGE, re.MULTILINE):
        for name in names.split(", "):
            full = f"{module}.{name}"
            assert full in public or any(other.startswith(f"{full}.") for other in public), full


def test_file_formats():
    older = f"{min(STEPS)} to {max(STEPS)}"
    assert f"format `{FORMAT}`, version {VERSION}" in PAGE and f"versions {older} still load" in PAGE
