"""Recipes, settings, steps, minutes and scores on the pages for users are the current ones."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from wgan_cli.cli.render.recipe_benchmarks import measurements
from wgan_cli.objectives import build_objective
from wgan_cli.recipe import ImageShape, load_recipe, recipe_names
from wgan_cli.recipe.data_settings import Fit
from wgan_cli.recipe.scores import LOGGED

DOCS = Path(__file__).parents[2] / "docs"
FIRST_RUN, OWN, CHOOSING = (DOCS / f"{name}.md" for name in ("first_run", "own_images", "choosing"))


def tables(page: Path) -> list[list[list[str]]]:
    """Return the cells of all tables of a page, without headings."""
    found = re.findall(r"(?:^\|.*\|\n)+", page.read_text(encoding="utf-8"), re.MULTILINE)
    return [[[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]] for table in found]


def named(cell: str) -> list[str]:
    """Return the recipes that a cell names."""
    return [word for word in re.findall(r"`(\w+)`", cell) if word in recipe_names()]


def test_recipes_have_their_measurements():
    known, compared = measurements().recipes, 0
    for *_, minutes, recipes in tables(CHOOSING)[0]:
        words = re.findall(r"`(\w+_\w+)`", recipes)
        assert words == named(recipes)
        said = re.match(r"(\d+\.\d)(?:; FD (\d+\.\d+))?", minutes)
        if said and words:
            measured = known[words[0]]
            assert said[1] == f"{measured.minutes:.1f}", words[0]
            assert said[2] is None or said[2] == f"{measured.value:.3g}", words[0]
            compared += 1
    assert compared >= 7


def test_minutes_of_the_family():
    (minutes,) = [minutes for *_, minutes, recipes in tables(CHOOSING)[0] if "the-family" in recipes]
    known, table = measurements().recipes, (DOCS / "recipes.md").read_text(encoding="utf-8")
    family = re.search(r"<!-- family.*?end of family", table, re.DOTALL)[0]
    every = [known[name].minutes for name in known if f"| `{name}` |" in family]
    assert minutes == f"{min(every):.1f} to {max(every):.1f}"


def test_explained_terms_are_logged():
    on_log = set()
    for name in ("digits_dcgan", "mnist_gan", "mnist_wgan", "mnist_hinge", "mnist_lsgan"):
        on_log |= build_objective(load_recipe(name), ImageShape(28, 28, 1, 10)).meanings.keys()
    for cell, *_ in tables(CHOOSING)[1]:
        assert set(re.findall(r"`(\w+)`", cell)) <= on_log | set(LOGGED), cell


@pytest.mark.parametrize("page", [CHOOSING, OWN], ids=lambda page: page.stem)
def test_images_are_small_and_shown(page):
    text, pictures = page.read_text(encoding="utf-8"), sorted(page.with_suffix("").iterdir())
    assert pictures
    for picture in pictures:
        assert f"({page.stem}/{picture.name})" in text
        assert picture.stat().st_size < 200_000


def test_folder_recipes():
    rows = {named(recipe)[0]: (size, steps) for recipe, size, _, steps, _ in tables(OWN)[0]}
    assert set(rows) == {name for name in recipe_names() if name.startswith("folder") and "cycle" not in name}
    for name, (size, steps) in rows.items():
        recipe = load_recipe(name, ["data.path=photos"])
        height, width = recipe.data.image_size
        assert size == f"{height}x{width}"
        assert steps.startswith(f"{recipe.steps:,} steps")


def test_fit_options_are_listed():
    assert {cell.strip("`") for cell, _ in tables(OWN)[1]} == set(get_args(Fit))


def test_explained_lines_are_in_the_output():
    text = FIRST_RUN.read_text(encoding="utf-8")
    output = re.search(r"```console\n\$ wgan train\n(.*?)```", text, re.DOTALL)[1]
    for cell, _ in tables(FIRST_RUN)[0]:
        start = re.match(r"`(.+?)`", cell)[1]
        assert any(line.strip().startswith(start) for line in output.splitlines()), start
