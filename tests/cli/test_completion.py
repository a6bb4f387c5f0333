"""Shell completion, tested through the shells' own protocol."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import wgan_cli
from wgan_cli.cli.completion import complete_checkpoint, complete_recipe, complete_run
from wgan_cli.recipe import recipe_names


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """A working folder with runs, a recipe and other files."""
    for path in (
        "runs/one/recipe.yaml", "runs/two/recipe.yaml", "runs/none/text", "elsewhere/run/recipe.yaml",
        "runs/one/G.pth", "runs/one/checkpoints/step_00000500.pth", "other.pth", "mine.yaml",
    ):  # fmt: skip
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def press_tab(folder: Path, line: str, shell: str = "bash") -> list[str]:
    """Return the completions of a command line."""
    words = line.split(" ")
    environment = {**os.environ, "PYTHONPATH": str(Path(wgan_cli.__file__).parents[1])}
    environment |= {"_WGAN_COMPLETE": f"complete_{shell}", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    environment |= {"_TYPER_COMPLETE_ARGS": line}
    heavy = "; print('HEAVY', {'torch', 'numpy', 'matplotlib', 'PIL'} & set(sys.modules), file=sys.stderr)"
    code = f"import sys\nfrom wgan_cli.cli.app import run\ntry:\n run([])\nfinally:\n import sys{heavy}"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True)
    assert "HEAVY set()" in done.stderr, done.stderr
    return done.stdout.split("\n")


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("wgan train --recipe mnist_hi", ["mnist_hinge"]),
        ("wgan train --recipe mi", ["mine.yaml"]),
        ("wgan train --resume runs/t", ["runs/two"]),
        ("wgan report runs/one ", ["runs/one", "runs/two"]),
        ("wgan sample --ckpt runs/one/", ["runs/one/G.pth", "runs/one/checkpoints/step_00000500.pth"]),
        ("wgan explore runs/two", ["runs/two"]),
        ("wgan inspect elsewhere/r", ["elsewhere/run"]),
        ("wgan rep", ["report"]),
    ],
)
def test_completions(place, line, offered):
    assert [word for word in press_tab(place, line) if word] == offered


def test_zsh_shows_the_purpose(place):
    assert "weight clipping on convolutional" in "\n".join(press_tab(place, "wgan recipes mnist_wgan_", "zsh"))


def test_complete_functions(place):
    assert {word for word, _ in complete_recipe("")} >= set(recipe_names()) | {"mine.yaml"}
    assert [word for word, _ in complete_run("")] == ["runs/one", "runs/two"]
    assert [word for word, _ in complete_run("elsewhere/")] == ["elsewhere/run"]
    assert [word for word, _ in complete_checkpoint("")] == [
        "runs/one", "runs/one/G.pth", "runs/one/checkpoints/step_00000500.pth", "runs/two", "other.pth",
    ]  # fmt: skip
    assert complete_run("no[such") == complete_checkpoint("no[such") == []
