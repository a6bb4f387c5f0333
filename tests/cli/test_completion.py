"""Shell completion, tested through the shells' own protocol."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from wgan_cli.cli import app
from wgan_cli.cli.arguments.completion import complete_checkpoint, complete_recipe, complete_run
from wgan_cli.recipe import recipe_names
from wgan_cli.runs.pretrained import pretrained_names


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """A working folder with runs, a recipe and other files."""
    for path in (
        "runs/one/recipe.yaml", "runs/two/recipe.yaml", "runs/none/text", "elsewhere/run/recipe.yaml",
        "runs/one/G.pth", "runs/one/checkpoints/step_00000500.pth", "other.pth", "mine.yaml", "runs/one-tune/tune.json",
    ):  # fmt: skip
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def asked(line: str, shell: str) -> dict[str, str]:
    """Return the environment in which a shell asks for the completions of a command line."""
    words = {"COMP_WORDS": line, "COMP_CWORD": str(line.count(" ")), "_TYPER_COMPLETE_ARGS": line}
    return {"_WGAN_COMPLETE": f"complete_{shell}", **words}


@pytest.fixture
def press_tab(place, monkeypatch, capsys) -> Callable[..., list[str]]:
    """Return the completions of a command line."""

    def press(line: str, shell: str = "bash") -> list[str]:
        for name, value in asked(line, shell).items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit):
            app.run([])
        return capsys.readouterr().out.split("\n")

    return press


def test_completion_imports_nothing_heavy(wgan_process):
    heavy = "{'torch', 'numpy', 'matplotlib', 'PIL'} & set(sys.modules)"
    code = f"import sys\nfrom wgan_cli.cli.app import run\ntry:\n run([])\nfinally:\n print('HEAVY', {heavy})"
    done = wgan_process(python=("-c", code), changes=asked("wgan train --recipe mnist_hi", "bash"))
    assert done.stdout.split("\n")[:2] == ["mnist_hinge", "HEAVY set()"], done.stderr


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
        ("wgan train --track w", ["wandb"]),
        ("wgan tune mnist_hi", ["mnist_hinge"]),
        ("wgan tune --resume ru", ["runs/one-tune"]),
        ("wgan rep", ["report"]),
    ],
)
def test_completions(press_tab, line, offered):
    assert [word for word in press_tab(line) if word] == offered


def test_zsh_shows_the_purpose(press_tab):
    assert "weight clipping, convolutions" in "\n".join(press_tab("wgan recipes mnist_wgan_", "zsh"))


def test_complete_functions(place):
    assert {word for word, _ in complete_recipe("")} >= set(recipe_names()) | {"mine.yaml"}
    assert [word for word, _ in complete_run("")] == ["runs/one", "runs/two"]
    assert [word for word, _ in complete_run("elsewhere/")] == ["elsewhere/run"]
    assert [word for word, _ in complete_checkpoint("")] == [
        "runs/one", "runs/one/G.pth", "runs/one/checkpoints/step_00000500.pth", "runs/two", *pretrained_names(),
        "other.pth",
    ]  # fmt: skip
    assert complete_run("no[such") == complete_checkpoint("no[such") == []
