"""Images named on the command line: the settings that train a recipe on them."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from wgan_cli.cli.arguments.image_arguments import two_sides
from wgan_cli.cli.arguments.training_target import resolve_target
from wgan_cli.data.containers.hdf5_file import HDF5
from wgan_cli.data.containers.table_files import PARQUET
from wgan_cli.recipe import Recipe, load_recipe, recipe_path
from wgan_cli.recipe.recipe_files import recipe_names
from wgan_cli.runs.run_dir import RunDir

RESOLVED = ["data.range=[0,4095]", "data.preview_channels=[3,2,1]", "data.diff_augment=[color]", "data.path=old"]
OPEN = ("auto", None, "auto")


def pictures(*folders: str, count: int = 2, mode: str = "RGB", size: int = 32) -> None:
    for folder in folders:
        Path(folder).mkdir(parents=True)
        for number in range(count):
            Image.new(mode, (size, size), number).save(f"{folder}/{number}.png")


def run_of(name: str, settings: list[str]) -> str:
    """Write the recipe of a run, with every setting resolved."""
    Path("old").mkdir()
    RunDir(Path("old")).write_description(load_recipe(name, settings), {})
    return "old"


def chosen(*targets: str, recipe: str | None = None, settings: tuple[str, ...] = ()) -> Recipe:
    name, changes = resolve_target(targets, recipe, [], settings=settings)
    return load_recipe(name or "", [*changes, *settings])


@pytest.fixture(autouse=True)
def in_tmp_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("file", ["", "/recipe.yaml"])
def test_what_a_run_found_out_about_its_images_is_open_again(file):
    pictures("photos")
    old = run_of("folder_dcgan", RESOLVED)
    data = chosen("photos", recipe=old + file).data
    assert (data.range, data.preview_channels, data.diff_augment) == OPEN and data.path == "photos"
    written = recipe_path("folder_dcgan").read_text().replace("diff_augment: auto", "range: [0, 4095]")
    Path("mine.yaml").write_text(written)
    assert chosen("photos", recipe="mine.yaml").data.range == (0, 4095)


def test_sides_of_a_run_are_open_again():
    pictures("set/trainA", "set/trainB")
    sides = [f"data.{side}.{setting}" for side in "ab" for setting in (f"path={side}", "range=[0,1]")]
    data = chosen("set", recipe=run_of("folder_cyclegan", sides)).data
    assert [(data.a.path, data.a.range), (data.b.path, data.b.range)] == [
        ("set/trainA", "auto"),
        ("set/trainB", "auto"),
    ]


def test_a_recipe_of_shards_takes_a_folder():
    pictures("photos")
    settings = ["data.source=shards", "data.path=old-{0..3}.tar"]
    assert chosen("photos", recipe=run_of("folder_dcgan", settings)).data.source == "folder"


@pytest.mark.parametrize("name", [name for name in recipe_names() if name.endswith("cyclegan")])
def test_every_recipe_for_two_sides_takes_two_folders(name):
    pictures("set/trainA", "set/trainB", "set/testA", "set/testB")
    recipe = chosen("set", recipe=name)
    expected = {"folder_cyclegan": (64, 64), "cifar10_cyclegan": (32, 32)}.get(name, (28, 28))
    for side in (recipe.data.a, recipe.data.b):
        assert (side.source, side.image_size) == ("folder", expected)
    assert (recipe.data.a.path, recipe.data.b.test_path) == ("set/trainA", "set/testB")


def test_two_folders_for_weights_of_known_translations():
    pictures("set/trainA", "set/trainB")
    initial = load_recipe("mnist_cyclegan")
    name, settings = resolve_target(["set"], None, [], initial=initial)
    assert name is None and load_recipe("mnist_cyclegan", settings).best_by == "fd"


@pytest.mark.parametrize("name", ["some.npz", "some.parquet", "some.h5"])
def test_files_of_arrays_and_tables_are_not_read_for_two_sides(name):
    Path(name).write_bytes({"some.npz": b"", "some.parquet": PARQUET, "some.h5": HDF5}[name] + b"damaged")
    assert two_sides([name]) == two_sides(["hf:me/missing"]) == []


@pytest.mark.parametrize(
    ("settings", "conditional"),
    [
        ((), True),
        (("data.labels=species.csv",), True),
        (("data.classes=[cat]",), False),
        (("data.classes=[dog, cat]", "data.labels=folders"), True),
    ],
)
def test_classes_of_the_settings_are_learned(settings, conditional):
    pictures("photos/cat", "photos/dog", count=20)
    rows = [f"{name}/{number}.png,{number % 2}" for name in ("cat", "dog") for number in range(20)]
    Path("photos/species.csv").write_text("\n".join(["file,label", *rows]))
    assert chosen("photos", settings=settings).model.conditional is conditional


def test_a_file_of_labels_makes_a_flat_folder_conditional():
    pictures("photos", count=40)
    Path("photos/species.csv").write_text("\n".join(f"{number}.png,{number % 2}" for number in range(40)))
    assert not chosen("photos").model.conditional
    assert chosen("photos", settings=("data.labels=species.csv",)).model.conditional


def test_a_folder_named_like_a_data_set(wgan):
    pictures("digits")
    for command in (("train", "digits", "--dry-run"), ("inspect", "digits")):
        result = wgan(*command)
        assert result.status == 0 and "./digits" in result.stderr, result.stderr
        assert "MNIST digits" in result.stdout + result.stderr
    assert chosen("./digits").data.source == "folder"
