"""Facts about image sets, and `wgan inspect` on them."""

from __future__ import annotations

import json
import shlex
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from wgan_cli.cli.arguments.training_target import resolve_target, suggested_recipe
from wgan_cli.data.inspection import DataFacts, inspect_folder, inspect_named_set
from wgan_cli.recipe import load_recipe


@pytest.fixture
def photos(tmp_path) -> Path:
    """Two classes, an empty one, and two unusable files."""
    folder = tmp_path / "photos"
    for name in ("cat", "dog", "[none]"):
        (folder / name).mkdir(parents=True)
    for number in range(3):
        Image.new("RGB", (40, 20), (250, 0, 0)).save(folder / f"cat/{number}.png")
    for number in range(2):
        Image.new("L", (30, 30), 60).save(folder / f"dog/{number}.PNG")
    (folder / "dog/text.jpg").write_text("not an image")
    (folder / "cat/empty.png").touch()
    (folder / ".hidden.png").write_text("hidden")
    return folder


def zipped(folder: Path) -> Path:
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder).as_posix())
    return path


def assert_photos(facts) -> None:
    assert (facts.kind, facts.count, facts.bad_count) == ("data", 5, 2)
    assert facts.classes == {"[none]": 0, "cat": 3, "dog": 2}
    assert list(facts.sizes.items()) == [("40x20", 3), ("30x30", 2)]
    assert facts.modes == {"RGB": 3, "L": 2}
    assert sorted(name for name, _ in facts.bad) == ["cat/empty.png", "dog/text.jpg"]
    assert all(reason for _, reason in facts.bad)


@pytest.mark.parametrize("make", [Path, zipped])
def test_folder_and_archive(photos, wgan, make):
    path = make(photos)
    facts = inspect_folder(path).facts
    assert_photos(facts)
    assert facts.origin == str(path)
    result = wgan("inspect", path.name, "--json")
    assert (result.status, result.stderr) == (0, "")
    shown = json.loads(result.stdout)
    assert (shown["kind"], shown["count"], shown["bad_count"], len(shown["bad"])) == ("data", 5, 2, 2)


def test_files_outside_class_folders(photos):
    assert (inspect_folder(photos / "dog").facts.count, inspect_folder(photos / "dog").facts.classes) == (2, {})
    Image.new("L", (30, 30)).save(photos / "loose.png")
    assert inspect_folder(photos).facts.classes == {".": 1, "[none]": 0, "cat": 3, "dog": 2}


def test_pictures_are_evenly_spaced(photos):
    pictures = inspect_folder(photos, pictures=100).pictures
    assert pictures.shape == (5, 3, 64, 64) and pictures.dtype == torch.uint8
    assert pictures[:, :, 32, 32].tolist() == [[250, 0, 0]] * 3 + [[60, 60, 60]] * 2
    assert pictures[0, :, 2, 32].tolist() == [0, 0, 0], "padded"
    assert inspect_folder(photos, pictures=2).pictures[:, 0, 32, 32].tolist() == [250, 60]
    assert inspect_folder(photos, pictures=3).pictures[:, 0, 32, 32].tolist() == [250, 250, 60]
    assert len(inspect_folder(photos).pictures) == 0


def test_truncated_picture_is_left_out(photos):
    path = photos / "cat/0.png"
    Image.effect_noise((40, 20), 90).save(path)
    path.write_bytes(path.read_bytes()[:200])
    found = inspect_folder(photos, pictures=100)
    assert (found.facts.count, len(found.pictures)) == (5, 4)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "gif"])
def test_truncated_file_is_unusable(photos, wgan, suffix):
    path = photos / f"cat/cut.{suffix}"
    Image.effect_noise((300, 200), 90).save(path)
    path.write_bytes(path.read_bytes()[:-2000])
    found = inspect_folder(photos, pictures=100, decoded=True)
    assert (found.facts.count, found.facts.bad_count, len(found.pictures)) == (5, 3, 5)
    assert f"cat/cut.{suffix}" in dict(found.facts.bad)
    shown = wgan("inspect", "photos").stdout
    assert f"cat/cut.{suffix}: " in shown


def test_values_that_are_not_finite_are_reported(tmp_path, wgan):
    (tmp_path / "maps").mkdir()
    for number, value in enumerate((0.5, np.nan, np.inf)):
        values = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
        values[3, 3] = value
        np.save(tmp_path / f"maps/{number}.npy", values)
    assert inspect_folder(tmp_path / "maps", decoded=True).facts.non_finite == 2
    assert "2 of 3 images with NaN or infinite" in wgan("inspect", "maps").stdout


def test_broken_links_are_unusable_files(photos):
    (photos / "cat/gone.png").symlink_to("elsewhere.png")
    facts = inspect_folder(photos).facts
    assert (facts.count, facts.bad_count) == (5, 3) and "broken link" in dict(facts.bad)["cat/gone.png"]


def test_ten_unusable_files_are_named(photos):
    for number in range(12):
        (photos / f"dog/bad{number}.jpg").touch()
    facts = inspect_folder(photos).facts
    assert (len(facts.bad), facts.bad_count) == (10, 14)


def test_folder_without_images(photos, wgan):
    shutil.rmtree(photos / "cat"), shutil.rmtree(photos / "dog")
    (photos / "text.jpg").write_text("not an image")
    found = inspect_folder(photos, pictures=9)
    assert (found.facts.count, found.facts.bad_count, len(found.pictures)) == (0, 1, 0)
    result = wgan("inspect", "photos", "--plot", "sheet.png")
    assert result.status == 2 and "--plot" in result.error and "photos" in result.error


def size(path: str) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def test_named_set(messages, wgan):
    found = inspect_named_set("digits", Path("nowhere"), messages.append, pictures=10)
    assert found.facts.count == sum(found.facts.classes.values()) == 6000
    assert list(found.facts.classes) == list("0123456789")
    assert (found.facts.sizes, found.facts.modes) == ({"28x28": 6000}, {"L": 6000})
    assert found.pictures.shape == (10, 1, 28, 28)
    result = wgan("inspect", "digits", "--plot", "sheet.png")
    assert result.status == 0, result.stderr
    assert "28x28 6,000" in result.stdout and size("sheet.png") == (10 * 30 + 2, 10 * 30 + 2)


@pytest.mark.parametrize("bands", [2, 4, 5])
def test_bands_on_a_contact_sheet(tmp_path, wgan, bands):
    Path("bands").mkdir()
    np.save("bands/a.npy", np.full((64, 64, bands), 100, np.uint8) * np.arange(bands, dtype=np.uint8))
    assert wgan("inspect", "bands", "--plot", "sheet.png").status == 0
    with Image.open("sheet.png") as sheet:
        expected = (0, 100, 200) if bands > 2 else (0, 0, 0)
        assert "A" not in sheet.mode and sheet.convert("RGB").getpixel((32, 32)) == expected


def test_contact_sheet(photos, wgan):
    result = wgan("inspect", "photos", "--plot", "sheet.png")
    assert result.status == 0
    assert result.stderr.startswith("contact sheet: sheet.png\nnext: wgan train ")
    assert size("sheet.png") == (3 * 66 + 2, 2 * 66 + 2)
    for words in ("5 (photos)", "[none] 0, cat 3, dog 2", "40x20 3, 30x30 2", "RGB 3, L 2", "dog/text.jpg: "):
        assert words in result.stdout
    result = wgan("inspect", "photos", "--plot", "sheet.jpg")
    assert result.status == 2 and "--plot sheet.jpg" in result.error


@pytest.mark.parametrize(("width", "recipe"), [(40, "folder32_dcgan"), (41, "folder_dcgan")])
def test_next_command_trains(photos, wgan, tiny_options, width, recipe):
    named = photos.rename(photos.with_name("my photos"))
    for number in range(9):
        Image.new("RGB", (20, width)).save(named / f"cat/more{number}.png")
    (line,) = wgan("inspect", named.name).stderr.splitlines()
    program, *words = shlex.split(line.removeprefix("next: "))
    assert (program, words) == ("wgan", ["train", "my photos"])
    chosen = resolve_target(["my photos"], None, [])
    assert chosen == (recipe, ['data.path="my photos"', "data.on_bad_file=skip"])
    result = wgan(*words, *tiny_options, "--dry-run", "--data-root", "cache")
    assert result.status == 0 and f"training {recipe}" in result.stderr, result.stderr


@pytest.mark.parametrize(
    ("size", "mode", "counts", "on_gpu", "expected"),
    [
        ("28x28", "L", {}, False, ("mnist_dcgan", False)),
        ("28x28", "RGB", {}, False, ("folder32_dcgan", False)),
        ("32x32", "L", {"a": 20, "b": 20}, True, ("folder32_dcgan", True)),
        ("300x200", "RGB", {"a": 20, "b": 19}, False, ("folder_dcgan", False)),
        ("300x200", "RGB", {"a": 40}, True, ("folder_dcgan_wide", False)),
    ],
)
def test_recipe_for_images(size, mode, counts, on_gpu, expected):
    facts = DataFacts(name="", origin="", count=40, classes=counts, sizes={size: 40, "9x9": 1}, modes={mode: 40})
    recipe, settings = suggested_recipe(["photos"], facts, on_gpu)
    assert (recipe, "model.conditional=true" in settings) == expected
    data = load_recipe(recipe, settings).data
    assert (data.path, data.on_bad_file) == ("photos", "skip"), "headers don't show all damage"


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({"640x480": 9}, (48, 64)),  # width and height; height and width
        ({"480x640": 9}, (64, 48)),
        ({"32x48": 9}, (48, 32)),
        ({"40x20": 9}, (16, 32)),
        ({"1920x1080": 9}, (32, 64)),
        ({"641x640": 9}, (64, 64)),
        ({"640x480": 9, "480x640": 1}, (64, 64)),
    ],
    ids=str,
)
def test_images_of_one_size_keep_their_shape(sizes, expected):
    facts = DataFacts(name="", origin="", count=9, classes={}, sizes=sizes, modes={"RGB": 9})
    assert load_recipe(*suggested_recipe(["photos"], facts, False)).data.image_size == expected


def test_kinds_of_targets(tiny_run, wgan, tmp_path):
    (tmp_path / "digits_dcgan").mkdir()
    Image.new("L", (30, 30)).save(tmp_path / "digits_dcgan/a.png")
    shutil.copy(tiny_run.generator_file, "generator.zipped")  # torch's files are .zip archives
    kinds = {"mnist_dcgan": "recipe", "digits_dcgan": "data", "generator.zipped": "checkpoint", tiny_run.path: "run"}
    for what, kind in {**kinds, tiny_run.generator_file: "checkpoint"}.items():
        assert json.loads(wgan("inspect", what, "--json").stdout)["kind"] == kind


@pytest.mark.parametrize("what", ["9" * 5000, "gone/photos", "gone.zip", "broken.zip", "broken.tar", "locked"])
def test_unreadable_targets(wgan, tmp_path, what):
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 and no more")
    (tmp_path / "broken.tar").write_bytes(b"no archive")
    (tmp_path / "locked").mkdir()
    (tmp_path / "locked/a.png").touch()
    (tmp_path / "locked").chmod(0)
    result = wgan("inspect", what)
    (tmp_path / "locked").chmod(0o700)
    if what == "locked" and result.status == 0:
        pytest.skip("this user may read everything")
    assert result.status == 2, result.stderr
    assert result.error and result.hint and "bug in wgan" not in result.hint
