"""`wgan augment`: the folder that it writes, and what it says."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, ImageOps

from wgan_cli.cli.augmenting.filled_folder import write_filled
from wgan_cli.data import ImageSet
from wgan_cli.data.files.decoding import read_header
from wgan_cli.errors import ExitStatus
from wgan_cli.evaluation import classifier
from wgan_cli.evaluation.balancing import Filling
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.runs.run_dir import RunDir
from wgan_cli.training import trainer
from wgan_cli.training.stop import StopRequest

COUNTS = {"0": 14, "1": 4, "cat": 9}
TINY = ("steps=1", "batch_size=4", "eval_every=null", "sample_grid=2", "model.generator.channels=[4]",
        "model.critic.channels=[4]", "model.critic.dense=[]", "model.latent_dim=8")  # fmt: skip
SETTINGS = [word for setting in TINY for word in ("--set", setting)]


@pytest.fixture(autouse=True)
def short_training(monkeypatch):
    monkeypatch.setattr(classifier, "MIN_IMAGES", 60)
    monkeypatch.setattr(classifier, "MAX_IMAGES", 60)


@pytest.fixture
def photos(wgan) -> Path:
    """Gray images of 28x28 pixels: for training, in classes of several sizes, and for testing."""
    random = np.random.default_rng(0)
    for part, counts in {"train": COUNTS, "test": dict.fromkeys(COUNTS, 12)}.items():
        for name, count in counts.items():
            folder = Path("photos", part, name)
            folder.mkdir(parents=True)
            for number in range(count):
                Image.fromarray(random.integers(0, 256, (28, 28), np.uint8)).save(folder / f"{number}.png")
    twin = Path("photos/test/1/1.png")  # alike test images: no distance between generated ones is too small
    twin.write_bytes(twin.with_name("0.png").read_bytes())
    return Path("photos")


def contents(folder: Path) -> dict[str, dict[str, int]]:
    """Number of real and generated images by class."""
    return {
        sub.name: {kind: len(list(sub.glob(f"{kind}_*.png"))) for kind in ("real", "generated")}
        for sub in sorted(folder.iterdir())
    }


def test_classes_are_filled(wgan, photos):
    result = wgan("augment", photos, "--out", "filled", *SETTINGS, "--device", "cpu", "--data-root", "root")
    assert result.status == 0, result.stderr
    assert contents(Path("filled")) == {
        name: {"real": count, "generated": 14 - count} for name, count in COUNTS.items()
    }
    chosen, planned = (result.stderr.index(text) for text in ("mnist_dcgan; another", "mnist_dcgan: 27 images"))
    assert chosen < planned < result.stderr.index("run folder: ") and "classes: 0 14, " in result.stderr
    assert "held-out images: 0 12, 1 12, cat 12" in result.stdout
    assert "against the best without generated images" in result.stdout
    originals = {Image.open(file).tobytes() for file in photos.glob("train/*/*.png")}
    assert {Image.open(file).tobytes() for file in Path("filled").glob("*/real_*.png")} == originals
    (run,) = Path("runs").iterdir()
    assert RunDir(run).read_recipe().model.conditional
    facts = json.loads(wgan("inspect", "filled", "--json").stdout)
    assert facts["classes"] == dict.fromkeys(COUNTS, 14)


def test_a_given_generator(wgan, photos):
    words = ("--device", "cpu", "--data-root", "root")
    chosen = ("--set", "model.conditional=true", "--set", "data.transform=invert")
    train = wgan("train", photos, "--out", "run", *chosen, *SETTINGS, *words, "--quiet")
    assert train.status == 0, train.stderr
    (photos / "train/cat/broken.png").write_text("no image")
    result = wgan("augment", photos, "--out", "filled", "--ckpt", "run", "--per-class", 10, "--json", *words)
    assert result.status == 0 and "skipped 1 file that cannot be used, such as train/cat/broken" in result.stderr
    facts = json.loads(result.stdout)
    assert facts["real"] == COUNTS and facts["generated"] == {"1": 6, "cat": 1}
    assert contents(Path("filled"))["1"] == {"real": 4, "generated": 6}
    inverted = {ImageOps.invert(Image.open(file)).tobytes() for file in photos.glob("train/*/[0-9]*.png")}
    assert {Image.open(file).tobytes() for file in Path("filled").glob("*/real_*.png")} == inverted
    assert facts["held_out"]["count"] == 36 and len(facts["trials"]) == 4
    full = wgan("augment", photos, "--out", "more", "--ckpt", "run", "--per-class", 2, *words)
    assert full.status == 2 and "--per-class" in full.hint
    (photos / "train" / "dog").mkdir()
    Image.new("L", (28, 28)).save(photos / "train" / "dog" / "0.png")
    unknown = wgan("augment", photos, "--out", "more", "--ckpt", "run", *words)
    assert unknown.status == 2 and "dog" in unknown.error
    assert "--minutes" in wgan("augment", photos, "--out", "more", "--ckpt", "run", "--minutes", 1).error


def test_a_fifth_is_held_out_of_a_folder_without_test_images(wgan, photos):
    words = ("--device", "cpu", "--data-root", "root", "--json", "--recipe", "digits_dcgan", *SETTINGS)
    result = wgan("augment", "photos/test", "--out", "filled", *words, "--per-class", 20)
    assert result.status == 2 and "50" in result.hint  # too few to measure
    for name in COUNTS:
        for file in list((photos / "test" / name).iterdir())[:6]:
            file.with_stem(f"{file.stem}-again").write_bytes(file.read_bytes())
    chosen = ("data.classes=[0,1,2]", "data.transform=invert", "data.labels=folders")
    words = (*words, *(word for setting in chosen for word in ("--set", setting)))
    result = wgan("augment", "photos/test", "--out", "filled", *words, "--per-class", 20)
    assert result.status == 0, result.stderr
    facts = json.loads(result.stdout)
    assert facts["held_out"]["by_class"] == dict.fromkeys(COUNTS, 4), "a fifth of each"
    assert facts["held_out"]["count"] == 12 and facts["held_out"]["seen_by_generator"] is False
    assert "accuracy of these classes says little: 0 4, 1 4, cat 4" in result.stderr
    (run,) = Path("runs").iterdir()
    assert RunDir(run).read_environment()["images"]["count"] == 42
    assert RunDir(run).read_recipe().data.transform is None, "the images in memory are inverted already"
    assert all(counts["real"] == 18 for counts in contents(Path("filled")).values())


def test_an_interrupted_training_tells_how_to_go_on(wgan, photos, monkeypatch):
    class Interrupted(StopRequest):
        def due(self) -> bool:
            self.status = ExitStatus.INTERRUPTED
            return True

    monkeypatch.setattr(trainer, "StopRequest", Interrupted)
    words = (*SETTINGS, "--device", "cpu", "--per-class", 20)
    result = wgan("augment", photos, "--out", "my filled", "--seed", 5, *words)
    (run,) = Path("runs").iterdir()
    again = f"wgan augment photos --out 'my filled' --per-class 20 --seed 5 --device cpu --ckpt {run}\n"
    assert result.status == 130 and again in result.stderr
    assert RunDir(run).read_recipe().seed == 5
    chosen = wgan("augment", photos, "--out", "filled", "--set", "data.classes=[0,1]", *words)
    assert chosen.status == 130 and "--ckpt" not in chosen.stderr, "--set can't be given with it"


@pytest.mark.parametrize("channels", [4, 5])
def test_bands_are_not_transparency(tmp_path, channels):
    pixels = torch.randint(0, 256, (2, channels, 8, 8), dtype=torch.uint8)
    dataset = ImageSet(pixels, torch.tensor([0, 1]), ("a", "b"), "bands", bands=True, preview_channels=(1, 2, 3))
    source = SimpleNamespace(dataset=dataset, data=DataSettings(source="folder", path="bands"))
    none = torch.zeros(2, dtype=torch.int64)
    write_filled(source, Filling(pixels[:1], torch.tensor([1]), none, none, (None, None)), tmp_path / "filled")
    for name, expected in {"a/real_00000": 0, "b/real_00000": 1, "b/generated_00000": 0}.items():
        found = tifffile.imread(tmp_path / f"filled/{name}.tif")
        assert np.array_equal(found, pixels[expected].permute(1, 2, 0).numpy())
        assert read_header((tmp_path / f"filled/{name}.tif").read_bytes()).channels == channels


def test_errors_are_two_lines(wgan, photos, tiny_run):
    words = ("--device", "cpu")
    plain = wgan("augment", photos, "--out", "filled", "--ckpt", tiny_run.path, *words)
    assert plain.status == 2 and "is not a conditional generator" in plain.error
    bundled = wgan("augment", photos, "--out", "filled", "--ckpt", "digits_dcgan", *words)
    assert bundled.error.startswith("digits_dcgan is not a cond"), "not the file inside the package"
    without = wgan("augment", photos, "--out", "filled", "--set", "model.conditional=false", *words)
    assert without.status == 2 and "model.conditional" in without.error and "--set" in without.hint
    full = wgan("augment", photos, "--out", "filled", "--per-class", 4, *words)
    assert full.status == 2 and "full" in full.error and "--per-class" in full.hint
    for options in ([], ["--ckpt", tiny_run.path]):
        missing = wgan("augment", "../nothere", "--out", "filled", *options, *words)
        assert missing.status == 2 and "../nothere" in missing.error and "path" in missing.hint
        assert "--set" not in missing.hint
    assert "`photos`" in wgan("augment", "photo", "--out", "filled", *words).hint
    flat = wgan("augment", "photos/train/0", "--out", "filled", *words)
    assert flat.status == 2 and "no classes" in flat.error
    assert wgan("augment", photos, "--out", "photos", *words).status == 2
    assert not Path("filled").exists() and not Path("runs").exists()


def test_help_tells_what_the_training_options_are_for(wgan):
    shown = " ".join(wgan("augment", "--help").stdout.replace("│", " ").split())
    assert "Time limit of the generator's training" in shown
    assert "default: digits_dcgan" not in shown
