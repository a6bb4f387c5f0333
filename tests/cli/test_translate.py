"""Translators through every command."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from wgan_cli.runs.run_dir import RunDir

WORDS = ("--device", "cpu")
TINY = (
    "name=tiny", "data.a={source: digits, limit: 40}", "data.b={source: digits, limit: 40, transform: invert}",
    "model.generator.channels=4", "model.generator.blocks=1", "model.critic.channels=[4,5]", "batch_size=2",
    "steps=4", "log_every=2", "sample_every=2", "sample_grid=2", "amp=off", "eval_every=null",
)  # fmt: skip
OPTIONS = tuple(word for setting in TINY for word in ("--set", setting))


def train(wgan, *words):
    return wgan("train", "--recipe", "mnist_cyclegan", *OPTIONS, *WORDS, *words)


@pytest.fixture(scope="module")
def translators(tmp_path_factory):
    """A run of four steps. Tests only read it."""
    from wgan_cli.cli import app

    folder = tmp_path_factory.mktemp("runs") / "tiny"
    assert app.run(["train", "--recipe", "mnist_cyclegan", *OPTIONS, *WORDS, "--quiet", "--out", str(folder)]) == 0
    return RunDir(folder)


@pytest.fixture
def photos(tmp_path) -> Path:
    """Five images of all kinds, one of them deeper, and a file that is none."""
    folder = tmp_path / "photos"
    (folder / "deep").mkdir(parents=True)
    Image.new("L", (28, 28), 200).save(folder / "one.png")
    Image.new("RGB", (40, 20), "red").save(folder / "two.JPG", "JPEG")
    Image.new("L", (28, 28), 10).save(folder / "same.png")
    Image.new("L", (28, 28), 90).save(folder / "same.bmp")
    Image.new("RGBA", (10, 30), (1, 2, 3, 4)).save(folder / "deep" / "three.webp")
    (folder / "notes.txt").write_text("no image")
    return folder


def shown(path: str) -> np.ndarray:
    with Image.open(path) as picture:
        return np.array(picture)


def test_folder_keeps_names(wgan, translators, photos):
    result = wgan("sample", "--ckpt", translators.path, "--translate", photos, "--to", "b", "--out", "new/", *WORDS)
    assert result.status == 0, result.stderr
    names = ["deep/three.png", "one.png", "same.bmp.png", "same.png.png", "two.png"]
    assert sorted(path.relative_to("new").as_posix() for path in Path("new").rglob("*.png")) == names
    sizes = {"deep/three.png": (30, 10), "two.png": (20, 40)}
    assert all(shown(f"new/{name}").shape == sizes.get(name, (28, 28)) for name in names)
    assert "skipped 1 file" in result.stderr and "notes.txt" in result.stderr
    assert "5 images of" in result.stderr and "to side b by step 4 of tiny" in result.stderr
    assert "1 of 5 images have an alpha channel" in result.stderr and "square" not in result.stderr
    assert "colors are translated in gray" in result.stderr


def test_grid_array_and_folder_agree(wgan, translators, photos):
    for out, batch in (("new/", 64), ("new.npy", 2), ("new.png", 1), ("new.npz", 3)):
        words = ("--translate", photos, "--to", "a", "--out", out, "--batch", batch, *WORDS)
        result = wgan("sample", "--ckpt", translators.generator_file, *words)
        assert result.status == 0
        assert ("images of several sizes get 28x28x1 here" in result.stderr) == (out != "new/")
    assert "2 of 5 images aren't square" in result.stderr and "--set" not in result.stderr
    array = np.load("new.npy")
    assert array.shape == (5, 28, 28, 1)
    np.testing.assert_array_equal(np.load("new.npz")["images"], array)
    order = ["deep/three", "one", "same.bmp", "same.png", "two"]
    for number, name in enumerate(order[1:4], 1):  # of the size that the array has
        np.testing.assert_array_equal(shown(f"new/{name}.png"), array[number, :, :, 0])
    grid = shown("new.png")[:, :, 0]
    assert grid.shape == (30 + 2, 10 * 30 + 2), "each image stands left of its translation"
    np.testing.assert_array_equal(grid[2:30, 2 + 2 * 30 : 30 + 2 * 30], np.full((28, 28), 200))
    np.testing.assert_array_equal(grid[2:30, 2 + 3 * 30 : 30 + 3 * 30], array[1, :, :, 0])


def test_a_photo_keeps_its_size(wgan, translators, photos):
    """Upright, as its EXIF data say; a transparent photo as a white one, a color photo as in gray."""
    gradient = Image.linear_gradient("L").resize((90, 60))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned to the left: rotate by 270 degrees to show it
    gradient.save("turned.png", exif=exif)
    gradient.rotate(270, expand=True).save("upright.png")
    gradient.rotate(270, expand=True).convert("RGB").save("color.png")
    Image.new("RGBA", (60, 90), (9, 9, 9, 0)).save("clear.png")
    Image.new("L", (60, 90), 255).save("white.png")
    for name in ("turned", "upright", "color", "clear", "white"):
        out = ("--out", f"new_{name}.png", *WORDS)
        result = wgan("sample", translators.path, "--translate", f"{name}.png", *out)
        assert result.status == 0, result.stderr
    made = {name: shown(f"new_{name}.png") for name in ("turned", "upright", "color", "clear", "white")}
    assert made["upright"].shape[:2] == (90, 60)
    for name in ("turned", "color"):
        np.testing.assert_array_equal(made[name], made["upright"])
    np.testing.assert_array_equal(made["clear"], made["white"])
    words = [word for name in ("upright", "white", "turned") for word in ("--translate", f"{name}.png")]
    assert wgan("sample", translators.path, *words, "--out", "several/", *WORDS).status == 0
    assert wgan("sample", translators.path, "--translate", "[uw]*te.png", "--out", "matching/", *WORDS).status == 0
    assert sorted(os.listdir("several")) == ["turned.png", "upright.png", "white.png"]
    assert os.listdir("matching") == ["white.png"]
    np.testing.assert_array_equal(shown("several/turned.png"), made["upright"][..., 0])
    assert wgan("sample", translators.path, *words, "--out", "pairs.png", *WORDS).status == 0
    pairs = shown("pairs.png")
    assert pairs.shape[:2] == (92 + 2, 6 * 62 + 2)
    np.testing.assert_array_equal(pairs[2:92, 2 + 62 : 62 + 62], made["upright"])


def test_each_page_is_translated(wgan, translators, tmp_path):
    (tmp_path / "scans").mkdir()
    pages = [Image.linear_gradient("L").resize((28, 28)).rotate(angle) for angle in (0, 90)]
    pages[0].save(tmp_path / "scans/a.tif", save_all=True, append_images=pages[1:])
    pages[1].save(tmp_path / "scans/b.png")
    result = wgan("sample", "--ckpt", translators.path, "--translate", "scans", "--to", "b", "--out", "new/", *WORDS)
    assert result.status == 0 and "3 images of" in result.stderr, result.stderr
    assert sorted(path.name for path in Path("new").iterdir()) == ["a-0000.png", "a-0001.png", "b.png"]
    assert (shown("new/a-0001.png") == shown("new/b.png")).all()
    assert (shown("new/a-0000.png") != shown("new/b.png")).any()


@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        ("", "tiny translates images", "--translate PATH --to b"),
        ("--translate photos -n 5", "-n does not apply", "remove -n"),
        ("--translate photos --class 3", "--class does not apply", "remove --class"),
        ("--translate photos --seed 3", "--seed does not apply", "remove --seed"),
        ("--translate photos --truncation 0.5", "--truncation does not apply", "remove"),
        ("--translate photos --from z.npy", "--from does not apply", "remove --from"),
        ("--translate photos --save-z z.npy", "--save-z does not apply", "remove --save-z"),
        ("--translate photos --to c", "--to: unknown side 'c'", "--to a or --to b"),
        ("--to b", "--to needs --translate", "add --translate PATH"),
        ("--translate nowhere", "there is no file or folder nowhere", "give an image"),
        ("--translate empty", "empty contains no image", "give images"),
        ("--translate photos/one.png --translate photos", "photos is no image", "or one folder"),
        ("--translate photos/one.png --translate nowhere.png", "there is no file or folder nowhere.png", "give images"),
        ("--translate photos/fake.png", "photos/fake.png cannot be used: not an image", "give images"),
        ("--translate photos --out photos.xyz", "photos.xyz", ".png"),
    ],
)
def test_invalid_options(wgan, translators, photos, words, error, hint):
    Path("empty").mkdir()
    Path("photos/fake.png").write_text("no image")
    result = wgan("sample", "--ckpt", translators.path, *words.split(), *WORDS)
    assert (result.status, result.stdout) == (2, "")
    assert error in result.error
    assert hint in result.hint


def test_fit_of_each_side(wgan, photos):
    sides = ("--set", "data.a.fit=pad", "--set", "data.b.fit=stretch", "--set", "steps=1")
    assert train(wgan, "--quiet", "--out", "mine", *sides).status == 0
    for side, first_row_is_black in (("b", True), ("a", False)):
        words = ("--translate", photos, "--to", side, "--out", f"{side}.png", *WORDS)
        assert wgan("sample", "--ckpt", "mine", *words).status == 0
        wide = shown(f"{side}.png")[2:30, 2 + 8 * 30 : 30 + 8 * 30, 0]  # the last of the inputs, twice as wide as high
        assert bool(wide[0].max() == 0) == first_row_is_black


def test_cropping_is_reported_once_per_side(wgan, tmp_path):
    for name in ("photos", "paintings"):
        (tmp_path / name).mkdir()
        for number in range(50):
            Image.new("L", (20 + number % 2, 10), number).save(tmp_path / name / f"{number}.png")
    sides = [
        f"data.{side}={{source: folder, path: {path}, image_size: 28}}"
        for side, path in (("a", "photos"), ("b", "paintings"))
    ]
    words = [word for setting in sides for word in ("--set", setting)]
    result = train(
        wgan,
        *words,
        "--set",
        "eval_every=1",
        "--set",
        "best_by=fd",
        "--steps",
        1,
        "--data-root",
        "root",
        "--out",
        "mine",
    )
    assert result.status == 0, result.stderr
    lines = [line for line in result.stderr.splitlines() if "aren't square" in line]
    assert len(lines) == 2 and "data.a.fit=pad" in lines[0] and "data.b.fit=pad" in lines[1], result.stderr


def test_generator_of_noise(wgan, tiny_run, photos):
    result = wgan("sample", "--ckpt", tiny_run.path, "--translate", photos, *WORDS)
    assert result.status == 2
    assert result.error.startswith("--translate needs an image-to-image model, but tiny")
    assert "mnist_cyclegan" in result.hint


def test_broken_image(wgan, translators, photos):
    Image.effect_noise((200, 200), 50).save(photos / "broken.jpg")  # whose beginning looks well
    content = (photos / "broken.jpg").read_bytes()
    (photos / "broken.jpg").write_bytes(content[: len(content) // 2])
    result = wgan("sample", "--ckpt", translators.path, "--translate", photos, "--out", "new.npy", *WORDS)
    assert result.status == 2
    assert "broken.jpg of" in result.error and "cannot be used" in result.error


def test_all_commands(wgan, translators):
    refused = wgan("gif", translators.generator_file)
    assert refused.status == 2 and "translates images, so there is no latent space" in refused.error
    assert refused.hint.endswith(f"wgan gif {translators.path}")
    assert "wgan sample mnist_cyclegan --translate PATH" in wgan("gif", "mnist_cyclegan").hint
    planned = train(wgan, "--dry-run")
    assert planned.status == 0, planned.stderr
    assert "40 images of 28x28x1 (a: 20 of MNIST digits" in planned.stderr
    assert "4 steps of 4 images" in planned.stderr
    shutil.copytree(translators.path, "mine")
    assert wgan("gif", "mine", "--out", "mine.gif").status == 0
    with Image.open("mine.gif") as animation:
        assert animation.n_frames == 3
    facts = wgan("inspect", "mine")
    assert "cyclegan, translation on digits <-> digits invert" in facts.stdout
    assert re.search(r"cycle_loss +\S+ +[\d.]+ -> [\d.]+", facts.stdout)
    layers = wgan("inspect", "mine/G.pth").stdout
    assert "to_a.to_image" in layers and "to_b.to_image" in layers
    assert "of_b.to_scores" in wgan("inspect", "mine/checkpoints/step_00000004.pth").stdout
    assert wgan("compare", "mine", translators.path).status == 0
    resumed = wgan("train", "--resume", "mine", "--steps", 6, *WORDS)
    assert resumed.status == 0 and "from step 4" in resumed.stderr
    changed = wgan("train", "--resume", "mine", "--steps", 9, "--set", "data.b.transform=thicken", *WORDS)
    assert "data.b.transform=invert" in changed.error


def test_evaluate(wgan, translators):
    shown = wgan("evaluate", translators.path, "-n", 20, "--data-root", "data", *WORDS)
    assert shown.status == 0, shown.stderr
    assert re.search(r"paired_l1 +[\d.]+ +[\d.]+ +mean absolute difference", shown.stdout)
    found = json.loads(wgan("evaluate", translators.path, "-n", 20, "--json", *WORDS).stdout)
    assert found["a_to_b"]["count"] == 20
    assert found["a_to_b"].keys() == {"count", "cycle_l1", "spectrum", "paired_l1", "identity_l1"}
    assert found["seen_by_generator"] is False
    for option, value in {"--metrics": "fid", "--seed": 3, "--batch": 8}.items():
        refused = wgan("evaluate", translators.path, option, value, *WORDS)
        assert refused.status == 2 and f"{option} does not apply" in refused.error


def test_absolute_paths_in_the_recipe(wgan, tmp_path):
    for name, shade in (("photos", 30), ("paintings", 190)):
        (tmp_path / name).mkdir()
        for number in range(4):
            Image.new("RGB", (64, 64), (shade, number, 0)).save(tmp_path / name / f"{number}.png")
    narrow = [word for setting in TINY if not setting.startswith(("data", "name")) for word in ("--set", setting)]
    sides = ("--set", "data.a.path=photos", "--set", "data.b.path=paintings", "--data-root", "root")
    made = wgan("train", "--recipe", "folder_cyclegan", *narrow, *sides, *WORDS, "--out", "mine")
    assert made.status == 0, made.stderr
    recipe = RunDir(Path("mine")).read_recipe()
    assert (recipe.data.a.path, recipe.data.b.path) == (str(tmp_path / "photos"), str(tmp_path / "paintings"))
    os.rename("paintings", "moved")
    lost = wgan("train", "--resume", "mine", "--steps", 6, "--data-root", "root", *WORDS)
    assert lost.status == 2 and "--set data.b.path=FOLDER" in lost.hint
    moved = ("--set", "data.b.path=moved", "--data-root", "root")
    found = wgan("train", "--resume", "mine", "--steps", 6, *moved, *WORDS)
    assert found.status == 0, found.stderr
