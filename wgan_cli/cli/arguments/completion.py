"""Shell completion of recipes, runs, checkpoints and trackers. Runs at each Tab, so it imports nothing heavy."""

import glob
import os
from pathlib import Path

RUNS = "runs"  # default parent of run folders
MOST = 200  # completions at most


def complete_recipe(incomplete: str) -> list[tuple[str, str]]:
    """Return packaged recipes with their purpose, recipe files and runs."""
    from wgan_cli.recipe import recipe_header, recipe_names

    named = [(name, recipe_header(name)[1]) for name in recipe_names() if name.startswith(incomplete)]
    files = [(path, "a recipe file") for path in _matching(incomplete) if path.endswith((".yaml", ".yml"))]
    return [*named, *files, *((run, "the recipe of a run") for run in _runs(incomplete))][:MOST]


def complete_run(incomplete: str) -> list[tuple[str, str]]:
    """Return run folders, in runs/ and elsewhere."""
    return [(run, "") for run in _runs(incomplete)][:MOST]


def complete_search(incomplete: str) -> list[tuple[str, str]]:
    """Return folders of searches, in runs/ and elsewhere."""
    return [(path, "") for path in _folders(incomplete, "tune.json")][:MOST]


def complete_checkpoint(incomplete: str) -> list[tuple[str, str]]:
    """Return runs, their generators and checkpoints, other .pth files, and bundled generators."""
    from wgan_cli.runs.pretrained import pretrained_names

    found: dict[str, str] = {}
    folder = Path(os.path.dirname(incomplete))
    above = [str(path) for path in (folder, *folder.parents) if incomplete and (path / "recipe.yaml").is_file()]
    for run in (*_runs(incomplete), *above):  # a path inside a run may be typed
        found[run] = "a run"
        for name, what in (("G_best.pth", "its best generator"), ("G.pth", "its last generator")):
            if os.path.isfile(os.path.join(run, name)):
                found[os.path.join(run, name)] = what
        for path in sorted(glob.glob(os.path.join(glob.escape(run), "checkpoints", "step_*.pth"))):
            found[path] = "to resume from"
    found |= dict.fromkeys(pretrained_names(), "a generator that comes with wgan")
    found |= {path: "" for path in _matching(incomplete) if path.endswith(".pth") and path not in found}
    return [(path, what) for path, what in found.items() if path.startswith(incomplete)][:MOST]


def complete_tracker(incomplete: str) -> list[str]:
    """Return the names of experiment trackers."""
    from wgan_cli.trackers.known import CLIENTS

    return [name for name in CLIENTS if name.startswith(incomplete)]


def complete_what(incomplete: str) -> list[tuple[str, str]]:
    """Return what `wgan inspect` takes: runs and their files, then recipes."""
    return list(dict([*complete_checkpoint(incomplete), *complete_recipe(incomplete)]).items())[:MOST]


def _runs(incomplete: str) -> list[str]:
    return _folders(incomplete, "recipe.yaml")


def _folders(incomplete: str, content: str) -> list[str]:
    """Return folders with a file called `content`."""
    paths = dict.fromkeys((*sorted(glob.glob(os.path.join(RUNS, "*"))), *_matching(incomplete)))
    return [path for path in paths if path.startswith(incomplete) and os.path.isfile(f"{path}/{content}")]


def _matching(incomplete: str) -> list[str]:
    return sorted(glob.glob(glob.escape(incomplete) + "*"))
