"""The layers of the package, held by reading its imports; and help that is fast because it imports little."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import wgan_cli

PACKAGE = Path(wgan_cli.__file__).parent
BELOW = {
    "errors": set(),
    "console": {"utils"},
    "utils": {"errors"},
    "recipe": {"errors", "utils"},
    "distributed": {"errors", "utils"},
    "data": {"recipe", "distributed"},
    "networks": {"recipe", "distributed"},
    "objectives": {"data", "networks"},
    "runs": {"recipe"},
    "outputs": {"networks", "runs"},
    "evaluation": {"data", "outputs"},
    "generator": {"outputs"},
    "exports": {"data", "outputs"},
    "report": {"objectives", "evaluation"},
    "training": {"report"},
    "trackers": {"training"},
    "tuning": {"training"},
    "api": {"training"},
    "explore": {"generator", "report"},
    "cli": {"trackers", "tuning", "exports", "explore", "console"},
    "__main__": {"cli"},
}
NOT_FOR_HELP = {"torch", "torchvision", "matplotlib", "imageio", "numpy", "PIL", "tensorboard", "scipy", "gradio"}
NOT_FOR_HELP |= {"wandb", "mlflow", "trackio", "filelock"}


def layers_below(layer: str) -> set[str]:
    """All layers that a layer may import: itself, those below it, and theirs."""
    return {layer}.union(*(layers_below(below) for below in BELOW[layer]))


def layer_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported(path: Path) -> set[str]:
    """Dotted names of what a file imports anywhere, also inside functions."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import hides its layer"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


FILES = [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]


def test_imports_point_down():
    for path in FILES:
        allowed = layers_below(layer_of(path)) | {"__version__"}
        used = {name.split(".")[1] for name in imported(path) if name.startswith("wgan_cli.")}
        assert used <= allowed, f"{path} imports {used - allowed}"


def test_names_of_files_occur_once():
    """Only a command may have the name of the module that it calls."""
    names = [path.name for path in FILES if path.name != "__init__.py" and path.parent != PACKAGE / "cli"]
    assert not [name for name in names if names.count(name) > 1]


def test_code_map_lists_packages_below_those_they_import():
    page = (Path(__file__).parents[1] / "docs/code_map.md").read_text(encoding="utf-8")
    rows = [re.findall(r"`(\w+)`", line.split("|")[1]) for line in page.splitlines() if line.startswith("| `")]
    place = {package: number for number, row in enumerate(rows) for package in row}
    assert place.keys() == BELOW.keys() - {"__main__"} and sum(map(len, rows)) == len(place)
    for package in place:
        assert max(place[used] for used in layers_below(package)) == place[package], package


def test_only_the_command_line_knows_typer_and_the_console():
    for path in FILES:
        if layer_of(path) not in ("cli", "console", "__main__"):
            known = {name for name in imported(path) if name.startswith(("typer", "rich", "wgan_cli.console"))}
            assert not known, f"{path} imports {known}"


def test_the_library_never_prints():
    for path in FILES:
        if layer_of(path) not in ("cli", "console"):
            names = {node.id for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if hasattr(node, "id")}
            assert "print" not in names, f"{path} prints"


def test_help_imports_nothing_heavy(wgan_process):
    code = (
        "import sys\n"
        "from wgan_cli.cli.app import run\n"
        "for words in (['--help'], ['train', '--help'], ['recipes']):\n"
        "    assert run(words) == 0\n"
        "    print('MODULES', *sys.modules)\n"
    )
    result = wgan_process(python=("-c", code))
    assert result.status == 0, result.stderr
    after_each = [set(line.split()[1:]) for line in result.stdout.splitlines() if line.startswith("MODULES")]
    assert len(after_each) == 3
    assert [modules & NOT_FOR_HELP for modules in after_each] == [set(), set(), set()]
    assert not any({"wgan_cli.recipe.schema", "ruamel.yaml"} & modules for modules in after_each[:2])
