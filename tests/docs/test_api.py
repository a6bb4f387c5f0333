"""What docs/api.md calls public is there, with the parameters that it shows, and says what it takes."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import wgan_cli
from wgan_cli.runs.migration import FORMAT, STEPS, VERSION

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
NAMES = re.findall(r"^\| `(wgan_cli\.[\w.]+)\((.*?)\)` \|", PAGE, re.MULTILINE)


def found(name: str) -> Any:
    """What a dotted name stands for: modules first, then what is inside."""
    parts, inside = name.split("."), []
    while True:
        try:
            thing = import_module(".".join(parts))
            break
        except ModuleNotFoundError:
            inside.insert(0, parts.pop())
    for part in inside:
        thing = getattr(thing, part)
    return thing


@pytest.mark.parametrize(("name", "parameters"), NAMES)
def test_every_name_has_the_parameters_shown(name, parameters):
    shown = []
    for parameter in inspect.signature(found(name)).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in shown:
            shown.append("*")
        shown.append(parameter.name)
    assert ", ".join(part for part in shown if part != "self") == parameters


@pytest.mark.parametrize("name", [name for name, _ in NAMES])
def test_every_name_says_what_it_is(name):
    assert inspect.getdoc(found(name))


def test_all_that_the_package_exports_is_on_the_page():
    shown = {name.split(".")[1] for name, _ in NAMES}
    assert set(wgan_cli.__all__) - {"__version__"} <= shown
    assert all(hasattr(wgan_cli, name) for name in wgan_cli.__all__)


def test_every_name_that_the_page_imports_is_public():
    public = {name for name, _ in NAMES} | {f"wgan_cli.{name}" for name in wgan_cli.__all__}
    for module, names in re.findall(r"^from (wgan_cli[\w.]*) import ([\w, ]+?) *(?:#.*)?$", PAGE, re.MULTILINE):
        for name in names.split(", "):
            full = f"{module}.{name}"
            assert full in public or any(other.startswith(f"{full}.") for other in public), full


def test_the_formats_are_those_of_the_program():
    assert f"format `{FORMAT}`, version {VERSION}" in PAGE
    assert all(f"version {older} is read" in PAGE for older in STEPS)
