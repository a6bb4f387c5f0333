"""What a shell completes: recipes, runs and checkpoints. Imports nothing heavy, since it runs at each press of Tab."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from pathlib import Path

RUNS = "runs"  # where `wgan train` puts them
MOST = 200  # words to choose from; folders may hold many


def complete_recipe(incomplete: str) -> list[tuple[str, str]]:
    """Recipes that come with the program, with what each is for, and recipe files and runs below what is typed."""
    from wgan_cli.cli.recipes import purpose
    from wgan_cli.recipe import recipe_names

    named = [(name, purpose(name)) for name in recipe_names() if name.startswith(incomplete)]
    files = [(path, "a recipe file") for path in _matching(incomplete) if path.endswith((".yaml", ".yml"))]
    return [*named, *files, *((run, "the recipe of a run") for run in _runs(incomplete))][:MOST]


def complete_run(incomplete: str) -> list[tuple[str, str]]:
    """Run folders: those in runs/, and those whose path begins with what is typed."""
    return [(run, "") for run in _runs(incomplete)][:MOST]


def complete_checkpoint(incomplete: str) -> list[tuple[str, str]]:
    """Runs, the generators and checkpoints in them, and other .pth files whose path begins with what is typed."""
    found: dict[str, str] = {}
    for run in [*_runs(incomplete), *_runs_above(incomplete)]:
        found[run] = "a run"
        for name, what in (("G_best.pth", "its best generator"), ("G.pth", "its last generator")):
            if os.path.isfile(os.path.join(run, name)):
                found[os.path.join(run, name)] = what
        for path in sorted(glob.glob(os.path.join(glob.escape(run), "checkpoints", "step_*.pth"))):
            found[path] = "to continue from"
    found |= {path: "" for path in _matching(incomplete) if path.endswith(".pth") and path not in found}
    return [(path, what) for path, what in found.items() if path.startswith(incomplete)][:MOST]


def complete_what(incomplete: str) -> list[tuple[str, str]]:
    """What `wgan inspect` looks into: runs and their files first, then recipes."""
    return list(dict([*complete_checkpoint(incomplete), *complete_recipe(incomplete)]).items())[:MOST]


def _runs(incomplete: str) -> Iterator[str]:
    """Run folders, each once: in runs/ if that begins as what is typed, and wherever that leads."""
    usual = sorted(glob.glob(os.path.join(RUNS, "*")))
    seen = set()
    for path in (*usual, *_matching(incomplete)):
        if path.startswith(incomplete) and path not in seen and os.path.isfile(os.path.join(path, "recipe.yaml")):
            seen.add(path)
            yield path


def _runs_above(incomplete: str) -> Iterator[str]:
    """The run in which the thing lies whose path is being typed."""
    folder = Path(os.path.dirname(incomplete))
    for path in (folder, *folder.parents):
        if incomplete and os.path.isfile(path / "recipe.yaml"):
            yield str(path)


def _matching(incomplete: str) -> list[str]:
    """Paths that begin with what is typed."""
    return sorted(glob.glob(glob.escape(incomplete) + "*"))
