"""A conditional run through every command."""

from __future__ import annotations

import json
import os
import re

import numpy as np
import pytest
from helpers.pictures import size
from PIL import Image

from wgan_cli.evaluation import classifier
from wgan_cli.runs.run_dir import RunDir


@pytest.fixture(scope="module")
def conditional(tmp_path_factory, trainer) -> RunDir:
    recipe = trainer.recipe("model.conditional=true", "steps=8", "model.condition=classifier")
    return trainer.run(recipe, tmp_path_factory.mktemp("conditional") / "run")


@pytest.fixture
def sample(wgan, conditional):
    return lambda *words: wgan("sample", "--ckpt", conditional.path, "--device", "cpu", *words)


def arrays(path: str) -> tuple[np.ndarray, np.ndarray, list[str]]:
    with np.load(path) as file:
        return file["images"], file["labels"], file["class_names"].tolist()


def test_image_depends_on_seed_index_and_class(sample):
    for out, words in {"all": ("0-9", 3), "some": ("7,2", 5), "one": ("2", 1)}.items():
        assert sample("--class", words[0], "-n", words[1], "--out", f"{out}.npz", "--batch", words[1]).status == 0
    images, labels, names = arrays("all.npz")
    assert labels.tolist() == [digit for digit in range(10) for _ in range(3)]
    assert names == list("0123456789")
    few, few_labels, _ = arrays("some.npz")
    assert few_labels.tolist() == [7] * 5 + [2] * 5
    np.testing.assert_allclose(few[:3].astype(int), images[21:24], atol=1)
    np.testing.assert_allclose(few[5:8].astype(int), images[6:9], atol=1)
    np.testing.assert_allclose(arrays("one.npz")[0].astype(int), images[6:7], atol=1)
    assert not np.array_equal(images[0], images[3]), "the same z in two classes"


@pytest.mark.parametrize("words", [(), ("--class", "7,2"), ("--interpolate", 3)])
def test_saved_latent_vectors_repeat_images(sample, words):
    """A file of z gives the same images as the seed that it was saved from, to the last bit, in the same classes."""
    for out, chosen in {"new.npz": ("-n", 5, "--seed", 6, "--save-z", "z.npy"), "again.npz": ("--z", "z.npy")}.items():
        result = sample(*chosen, *words, "--out", out)
        assert result.status == 0, result.stderr
    assert np.load("z.npy").shape == (5, 16)
    for first, second in zip(arrays("new.npz"), arrays("again.npz"), strict=True):
        np.testing.assert_array_equal(first, second)
    reversed_z = np.load("z.npy")[::-1]
    np.save("reversed.npy", reversed_z)
    assert sample("--z", "reversed.npy", "--class", "4", "--out", "reversed.npz").status == 0
    assert sample("--z", "z.npy", "--class", "4", "--out", "forward.npz").status == 0
    np.testing.assert_array_equal(arrays("reversed.npz")[0][::-1], arrays("forward.npz")[0])


@pytest.mark.parametrize("words", [("--seeds", "3,42,13"), ("-n", 3, "--class", 4)])
def test_saved_classes_repeat_images_in_any_selection(sample, words):
    assert sample(*words, "--save-z", "z.npz", "--out", "new.npz").status == 0
    with np.load("z.npz") as saved:
        labels = [3, 2, 3] if words[0] == "--seeds" else [4] * 3
        assert saved["labels"].tolist() == labels
        np.savez("last.npz", z=saved["z"][1:], labels=saved["labels"][1:])
    assert sample("--from", "last.npz", "--out", "again.npz").status == 0
    for first, second in zip(arrays("new.npz")[:2], arrays("again.npz")[:2], strict=True):
        np.testing.assert_array_equal(first[1:], second)
    assert sample("--class", "1,2", "-n", 2, "--save-z", "several.npz", "--out", "several.npy").status == 0
    assert np.load("several.npz").files == ["z"], "each is drawn in both classes"


def test_grid_row_per_class(sample):
    assert sample("--class", "0-3").status == 0
    assert size("samples.png") == (10 * 30 + 2, 4 * 30 + 2)
    assert sample("--class", "3").status == 0
    assert size("samples-2.png") == (8 * 30 + 2, 8 * 30 + 2)
    assert sample("--class", "1,5,9", "-n", 3, "--interpolate", 4).status == 0
    assert size("samples-3.png") == (4 * 30 + 2, 6 * 30 + 2)


def test_subfolder_per_class(sample):
    assert sample("--class", "4,0", "-n", 2, "--out", "new/").status == 0
    found = sorted(os.path.relpath(os.path.join(at, f), "new") for at, _, files in os.walk("new") for f in files)
    assert found == ["0/00000.png", "0/00001.png", "4/00000.png", "4/00001.png"]
    assert sample("--class", "4", "-n", 2, "--out", "one/").status == 0
    assert sorted(os.listdir("one")) == ["00000.png", "00001.png"]


def test_classes_in_turn(sample):
    refused = sample("--class", "10")
    assert (refused.status, refused.error) == (2, "--class: unknown class '10'")
    assert sample("-n", 12, "--out", "turn.npz").status == 0
    assert arrays("turn.npz")[1].tolist() == [*range(10), 0, 1]


def test_other_commands(wgan, conditional, features_root):
    walk = wgan("gif", conditional.generator_file, "--max-frames", 16, "--out", "walk.gif", "--device", "cpu")
    assert walk.status == 0
    shown = wgan("inspect", conditional.checkpoint_file(8)).stdout
    assert "enter.embedding" in shown and "to_classes" in shown
    words = ("evaluate", conditional.path, "--data-root", features_root, "--device", "cpu", "-n", 50)
    shown = wgan(*words).stdout  # agreement is measured by default
    assert re.search(r"(?m)^ *class +generated +real +agreement +real agreement *$", shown)
    assert re.search(r"step \d: FD .*, agreement \d+\.\d%\n$", shown)
    resumed = wgan("train", "--resume", conditional.path, "--steps", 9, "--device", "cpu")
    assert resumed.status == 0 and "class_loss" in resumed.stderr


def test_images_without_classes(wgan, tmp_path):
    (tmp_path / "photos").mkdir()
    for number in range(4):
        Image.new("L", (8, 8), 60 * number).save(tmp_path / "photos" / f"{number}.png")
    words = ("--set", "data.path=photos", "--set", "model.conditional=true", "--set", "data.image_size=16")
    refused = wgan("train", "--recipe", "folder_dcgan", *words, "--data-root", "cache", "--device", "cpu")
    assert refused.status == 2
    assert refused.error.startswith("`model.conditional` is true")


def test_usefulness(wgan, conditional, features_root, monkeypatch):
    for name, value in {"MIN_IMAGES": 100, "MAX_IMAGES": 100}.items():
        monkeypatch.setattr(classifier, name, value)
    monkeypatch.setattr("wgan_cli.evaluation.usefulness.MAX_TEST", 100)
    words = ("evaluate", conditional.path, "--data-root", features_root, "--device", "cpu", "-n", 30)
    words += ("--metrics", "agreement,cas,augmentation", "--subset", 20)
    shown = wgan(*words)
    assert shown.status == 0, shown.stderr
    assert re.search(r"agreement +\d+\.\d% +(?:[89]\d|100)\.\d%", shown.stdout)
    share = r"\d+\.\d%"
    assert re.search(rf"cas +{share} +30 generated images +\d \({share}\)", shown.stdout)
    assert re.search(rf"augmentation +{share} +{share} +20 real images and 30 generated +\d \({share}\)", shown.stdout)
    assert re.search(
        rf"(?m)^cas {share} \(trained on real images: {share}\), worst class: \d \({share}\)$", shown.stdout
    )
    assert re.search(r"(?m)^adding generated images (improves|reduces|makes no)", shown.stdout)
    assert "for a fair test train it with --set data.limit=20\n" in shown.stdout

    found = json.loads(wgan(*words, "--json").stdout)
    assert list(found["generated"]) == list(found["real"]) == ["count", "agreement", "agreement_by_class"]
    assert list(found["cas"]) == ["generated", "real", "tested_on"]
    assert found["cas"]["tested_on"] == {"name": "digits test", "seen_by_generator": True}
    both = found["augmentation"]["real_and_generated"]
    assert len(both["draws"]) == 3 and both["accuracy"] == pytest.approx(sum(both["draws"]) / 3)
    assert list(both["by_class"]) == list("0123456789")
    assert found["augmentation"]["caveat"].endswith("--set data.limit=20")


def test_changed_classes(wgan, tiny_options):
    for name in ("cat", "dog", "eel"):
        os.makedirs(f"pets/{name}")
        for number in range(25):
            Image.new("L", (16, 16), 10 * number).save(f"pets/{name}/{number}.png")
    folder = ("--set", "data.source=folder", "--set", "data.path=pets", "--set", "model.conditional=true")
    split = ("--set", "data.split=train", "--steps", 2)
    trained = wgan("train", "--quiet", "--device", "cpu", *tiny_options, *folder, *split, "--out", "mine")
    assert trained.status == 0, trained.stderr
    os.rename("pets/eel", "pets/ant")
    refused = wgan("evaluate", "mine", "--device", "cpu", "--data-root", "cache", "--metrics", "cas")
    assert (refused.status, refused.stdout) == (2, "")
    assert refused.error.endswith("pets has the classes ant, cat, dog now, but mine was trained on cat, dog, eel")


def test_metrics_that_need_classes(wgan, tiny_run):
    for words, error in {
        ("--metrics", "cas"): "--metrics cas needs a conditional generator",
        ("--subset", 100): "--subset is only for augmentation",
        ("--set", "steps=4"): "--set 'steps=4': steps is fixed once a generator is trained",
        ("--set", "data.path=photos"): "--set: `data.path` only applies to your own images",
    }.items():
        refused = wgan("evaluate", tiny_run.path, "--device", "cpu", *words)
        assert refused.status == 2
        assert refused.error.startswith(error)


def test_a_walk_shows_every_chosen_class(wgan, conditional):
    words = ("gif", conditional.path, "--seeds", "0-1", "--class", "0-9", "--max-frames", 2, "--out", "walk.gif")
    refused = wgan(*words, "--grid", "2x2")
    assert refused.status == 2 and "10 classes for 4 cells" in refused.error, refused.stderr
    larger = re.search(r"--grid (\w+)", refused.hint)
    assert wgan(*words, *larger[0].split()).status == 0
