"""Several folders, archives and files as one set."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from wgan_cli.data import load_images, native_shape
from wgan_cli.errors import WganError
from wgan_cli.evaluation.real_images import real_images
from wgan_cli.recipe.data_settings import DataSettings


def write(folder: Path, **levels: int) -> Path:
    """Write two images of each class, of one level of gray: train__cat=50 is train/cat."""
    for name, level in levels.items():
        inner = folder / name.replace("__", "/")
        inner.mkdir(parents=True)
        for number in range(2):
            Image.new("L", (8, 8), level + number).save(inner / f"{number}.png")
    return folder


def settings_for(*paths: Path, **more) -> DataSettings:
    return DataSettings.model_validate({"source": "folder", "path": list(map(str, paths)), **more})


def levels(images) -> dict[str, list[int]]:
    """Levels of gray of each class."""
    found: dict[str, list[int]] = {}
    for image, label in zip(images.images, images.labels, strict=True):
        found.setdefault(images.class_names[label], []).append(int(image[0, 0, 0]))
    return {name: sorted(values) for name, values in found.items()}


def load(*paths: Path, messages=None, **more):
    settings = settings_for(*paths, **more)
    images = load_images(settings, paths[0].parent, [].append if messages is None else messages.append)
    assert native_shape(settings) == images.shape
    return images


@pytest.fixture
def photos(tmp_path) -> Path:
    return write(tmp_path / "photos", dog=10, cat=20)


@pytest.fixture
def more(tmp_path) -> Path:
    return write(tmp_path / "more", cat=30, bird=40)


def test_equal_names_are_one_class(photos, more):
    images = load(photos, more)
    assert images.class_names == ("bird", "cat", "dog")
    assert levels(images) == {"bird": [40, 41], "cat": [20, 21, 30, 31], "dog": [10, 11]}
    assert str(photos) in images.origin and str(more) in images.origin
    assert levels(load(photos, more, classes=["cat"])) == {"cat": [20, 21, 30, 31]}


def test_each_keeps_its_own_labels_and_kind(photos, tmp_path):
    archive = shutil.make_archive(str(tmp_path / "more"), "zip", write(tmp_path / "folder", bird=30, cat=60))
    flat = tmp_path / "flat"
    flat.mkdir()
    Image.new("L", (8, 8), 40).save(flat / "a.png")
    (flat / "labels.csv").write_text("file,label\na.png,cat\n")
    np.savez(tmp_path / "some.npz", images=np.full((1, 8, 8), 50, np.uint8))
    messages: list[str] = []
    images = load(photos, Path(archive), flat, tmp_path / "some.npz", messages=messages)
    assert levels(images) == {"dog": [10, 11], "cat": [20, 21, 40, 60, 61], "bird": [30, 31], ".": [50]}
    assert any(str(flat) in line and "labels.csv" in line for line in messages)
    assert any("1 file without a class" in line for line in messages)


def test_common_order_of_classes_is_kept(tmp_path):
    for name in "ab":
        arrays = {"images": np.zeros((2, 8, 8), np.uint8), "labels": [0, 1], "class_names": ["zebra", "ant"]}
        np.savez(tmp_path / f"{name}.npz", **arrays)
    assert load(tmp_path / "a.npz", tmp_path / "b.npz").class_names == ("zebra", "ant")


def test_numbers_of_arrays_are_classes_whatever_their_width(tmp_path):
    for name, count in (("few", 10), ("many", 11)):
        np.savez(tmp_path / f"{name}.npz", images=np.zeros((count, 8, 8), np.uint8), labels=np.arange(count))
    write(tmp_path / "folder", **{"7": 10})
    paths = [tmp_path / name for name in ("few.npz", "many.npz", "folder")]
    assert load(*paths).class_names == tuple(f"{number:02d}" for number in range(11))
    assert load(*paths).labels.bincount().tolist() == [2] * 7 + [4] + [2] * 2 + [1]
    for classes in (None, [3, 7]):
        settings = settings_for(tmp_path / "many.npz", test_path=str(tmp_path / "few.npz"), classes=classes)
        real = real_images(settings, tmp_path, lambda text: None)
        assert real.held_out.dataset.class_names == real.training.dataset.class_names
        assert real.held_out.labels.tolist() == list(range(len(classes or range(10))))
    write(tmp_path / "both", **{"7": 10, "07": 20})
    assert load(tmp_path / "both", tmp_path / "folder").class_names == ("07", "7")


def test_parts_of_one(photos, tmp_path):
    parted = write(tmp_path / "parted", train__cat=30, test__cat=40, test__dog=50)
    settings = settings_for(photos, parted)
    real = real_images(settings, tmp_path, lambda text: None)
    assert levels(real.training.dataset) == {"cat": [20, 21, 30, 31], "dog": [10, 11]} and not real.seen
    assert levels(real.held_out.dataset) == {"cat": [40, 41], "dog": [50, 51]}
    everything = load(photos, parted, split="all")
    assert levels(everything) == {"cat": [20, 21, 30, 31, 40, 41], "dog": [10, 11, 50, 51]}


def test_several_test_folders(photos, more, tmp_path):
    held_out = write(tmp_path / "held_out", cat=50)
    settings = settings_for(photos, test_path=[str(more), str(held_out)], classes=["cat"])
    real = real_images(settings, tmp_path, lambda text: None)
    assert levels(real.held_out.dataset) == {"cat": [30, 31, 50, 51]}


def test_changes_in_any_folder_are_noticed(photos, more):
    assert len(load(photos, more)) == 8
    write(more, dog=60)
    assert levels(load(photos, more))["dog"] == [10, 11, 60, 61]


def test_errors_name_the_folder(photos, more, tmp_path):
    (more / "cat/0.png").write_text("text")
    with pytest.raises(WganError, match=f"{more}/cat/0.png"):
        load(photos, more)
    with pytest.raises(WganError, match="photos is given twice"):
        load(photos, more, photos)
    with pytest.raises(WganError, match="missing"):
        load(photos, tmp_path / "missing")
    with pytest.raises(WganError, match=f"{photos} has no parts"):
        load(photos, more, split="test")


def test_test_images_may_lack_a_chosen_class(tmp_path):
    parted = write(tmp_path / "parted", train__cat=10, train__dog=20, train__emu=30, test__dog=40, test__emu=50)
    for chosen, expected in ((["cat", "dog"], {"dog": [40, 41]}), ([2, 0], {"emu": [50, 51]})):
        real = real_images(settings_for(parted, classes=chosen), tmp_path, lambda text: None)
        assert levels(real.held_out.dataset) == expected
        assert real.held_out.dataset.class_names == real.training.dataset.class_names
    with pytest.raises(WganError, match="cat"):
        real_images(settings_for(parted, classes=["cat"]), tmp_path, lambda text: None)
