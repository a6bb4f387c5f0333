"""The wheel holds what the program needs, and nothing else."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    for package in ("build", "hatchling"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.glob("wgan-*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


def test_every_recipe_is_in_the_wheel(wheel):
    packed = {name: wheel.read(name) for name in wheel.namelist() if name.startswith("wgan_cli/recipes/")}
    assert packed == {f"wgan_cli/recipes/{path.name}": path.read_bytes() for path in (ROOT / "recipes").iterdir()}
    assert "wgan_cli/recipes/digits_dcgan.yaml" in packed


def test_the_pictures_of_measured_recipes_are_in_the_wheel(wheel):
    names = {name.rpartition("/")[2] for name in wheel.namelist() if name.startswith("wgan_cli/thumbnails/")}
    assert names == {path.name for path in (ROOT / "docs" / "family").iterdir()}
    assert {name.removesuffix(".png") for name in names} <= {path.stem for path in (ROOT / "recipes").iterdir()}


def test_every_module_and_data_file_is_in_the_wheel(wheel):
    files = [path for path in (ROOT / "wgan_cli").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert {path.relative_to(ROOT).as_posix() for path in files} <= set(wheel.namelist())
    for name in ("wgan_cli/data/sources/digits.npz", "wgan_cli/data/sources/DIGITS.md"):
        assert wheel.read(name) == (ROOT / name).read_bytes()


def test_nothing_else_is_in_the_wheel(wheel):
    tops = {name.partition("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"wgan_cli"}
    assert not [name for name in wheel.namelist() if "test" in name or "__pycache__" in name]


def test_recipes_load_from_the_installed_package(wheel, wgan_process, tmp_path):
    wheel.extractall(tmp_path / "site")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r})\n"
        "import wgan_cli\n"
        "from wgan_cli.recipe import load_recipe, recipe_names, recipe_path\n"
        "print(wgan_cli.__file__)\n"
        # With other data, for a recipe of your own images does not load without a path to them.
        "two = '{a: digits, b: {source: digits, transform: invert}}'\n"
        "for name in recipe_names():\n"
        "    more = ['data=' + (two if 'cyclegan' in name else 'digits'), 'eval_every=null']\n"
        "    print(load_recipe(name, more).name, recipe_path(name))\n"
    )
    result = wgan_process(python=("-c", code))
    assert result.status == 0, result.stderr
    first, *recipes = result.stdout.splitlines()
    assert first.startswith(str(tmp_path / "site"))
    expected = sorted((ROOT / "recipes").glob("*.yaml"))
    assert recipes == [f"{path.stem} {tmp_path / 'site/wgan_cli/recipes' / path.name}" for path in expected]
