"""Your own images, as a user has them: folders and archives, good and bad files, classes and none."""

from __future__ import annotations

import os
import shutil
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from wgan_cli.data import load_images, native_shape
from wgan_cli.data.files.folders import open_container
from wgan_cli.data.files.parallel import parallel_map as in_threads
from wgan_cli.data.files.survey import survey_container
from wgan_cli.data.sources import image_folder
from wgan_cli.errors import WganError
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.runs.metrics_log import read_metrics
from wgan_cli.utils.format import printable as shown

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}


def save(path: Path, colour=(255, 0, 0), size=(16, 16), mode: str = "RGB") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path)
    return path


@pytest.fixture
def photos(tmp_path) -> Path:
    """Three classes by colour, of 4, 3 and 2 images."""
    for count, (name, colour) in zip((4, 3, 2), COLOURS.items(), strict=True):
        for number in range(count):
            save(tmp_path / f"photos/{name}/{number}.png", colour)
    return tmp_path / "photos"


@pytest.fixture
def load(tmp_path, messages):
    """Load a folder, with the cache in tmp_path/root, and see that its shape was known before."""

    def call(path: Path, **settings):
        settings = DataSettings(source="folder", path=str(path), **settings)
        loaded = load_images(settings, tmp_path / "root", messages.append)
        assert loaded.labels.dtype == torch.int64 and loaded.images.dtype == torch.uint8
        return loaded

    return call


def colours_of(loaded) -> list[str]:
    names = {value: name for name, value in COLOURS.items()}
    return [names[tuple(image[:, 5, 5].tolist())] for image in loaded.images]


def test_subfolders_are_classes_and_a_pack_is_made_once(photos, load, messages, monkeypatch):
    first = load(photos)
    assert first.class_names == ("blue", "green", "red") and first.origin == str(photos)
    assert first.images.shape == (9, 3, 16, 16)
    assert colours_of(first) == [first.class_names[label] for label in first.labels]
    monkeypatch.setattr(image_folder, "to_pixels", None)
    monkeypatch.setattr(image_folder, "read_header", None)
    again = load(photos)
    assert torch.equal(again.images, first.images) and torch.equal(again.labels, first.labels)
    assert messages == []


@pytest.mark.parametrize("kind", ["zip", "tar", "gztar", "bztar", "xztar"])
def test_archives_hold_the_same(photos, load, tmp_path, kind):
    archive = shutil.make_archive(str(tmp_path / "packed"), kind, tmp_path, "photos")
    expected, found = load(photos), load(Path(archive))
    assert torch.equal(found.images, expected.images) and torch.equal(found.labels, expected.labels)
    assert found.class_names == expected.class_names
    os.rename(archive, tmp_path / "no_extension")
    assert torch.equal(load(tmp_path / "no_extension").images, expected.images)


def test_an_archive_is_not_even_opened_once_its_pack_is_there(photos, load, tmp_path, monkeypatch):
    archive = shutil.make_archive(str(tmp_path / "packed"), "zip", photos)
    expected = load(Path(archive))
    monkeypatch.setattr(zipfile, "ZipFile", None)
    assert torch.equal(load(Path(archive)).images, expected.images)


def test_a_folder_of_images_may_be_the_data_root(photos, messages):
    settings = DataSettings(source="folder", path=str(photos))
    for _ in range(2):
        assert len(load_images(settings, photos, messages.append)) == 9
    assert len(list((photos / ".packs").iterdir())) == 1


def test_flat_files_have_no_classes(tmp_path, load, messages):
    for number in range(3):
        save(tmp_path / f"flat/{number}.PNG")
    (tmp_path / "flat/.hidden").write_text("x")
    loaded = load(tmp_path / "flat")
    assert loaded.class_names == () and loaded.labels.tolist() == [0, 0, 0]
    assert loaded.shape == ImageShape(16, 3, 0)


@pytest.mark.parametrize("settings", [{}, {"image_size": 8}, {"classes": ["red"]}, {"channels": 1}, {"channels": 4}])
def test_the_shape_is_known_before_decoding(photos, load, settings):
    wanted = DataSettings(source="folder", path=str(photos), **settings)
    assert load(photos, **settings).shape == native_shape(wanted)


# Size and channels


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([(16, 16)], 16),
        ([(28, 28)] * 2, 28),
        ([(128, 128)], 128),
        ([(132, 132)], 64),
        ([(4, 4)], 64),
        ([(30, 30)], 64),
        ([(32, 16)], 64),
        ([(16, 16), (32, 32)], 64),
    ],
)
def test_the_size_is_the_images_own_if_they_share_one(tmp_path, load, sizes, expected):
    for number, size in enumerate(sizes):
        save(tmp_path / f"photos/{number}.png", size=size)
    assert load(tmp_path / "photos").images.shape == (len(sizes), 3, expected, expected)


@pytest.mark.parametrize(
    ("modes", "channels"),
    [(["L"], 1), (["1"], 1), (["LA"], 1), (["I;16"], 1), (["L", "RGB"], 3), (["RGBA"], 3), (["L", "LA", "1"], 1)],
)
def test_channels_are_one_if_no_image_has_colour(tmp_path, load, modes, channels):
    for number, mode in enumerate(modes):
        save(tmp_path / f"photos/{number}.png", 0, mode=mode)
    assert load(tmp_path / "photos").images.shape[1] == channels


def test_settings_win(photos, load):
    assert load(photos, image_size=24, channels=1).images.shape == (9, 1, 24, 24)
    assert load(photos, channels=4).images[:, 3].min() == 255


def test_each_fit_has_a_pack_of_its_own(tmp_path, load):
    wide = np.zeros((16, 32, 3), np.uint8)
    wide[:, 8:24] = 255
    save(tmp_path / "photos/0.png")
    Image.fromarray(wide).save(tmp_path / "photos/0.png")
    means = {
        fit: load(tmp_path / "photos", image_size=16, fit=fit).images.float().mean().item()
        for fit in ("crop", "pad", "stretch")
    }
    assert means["crop"] == 255 and abs(means["pad"] - 64) < 8 and abs(means["stretch"] - 127) < 8


# Classes, limit


@pytest.mark.parametrize(
    ("classes", "names"), [([2], ("red",)), (["red", "blue"], ("red", "blue")), ([0, "green"], ("blue", "green"))]
)
def test_only_some_classes_numbered_anew(photos, load, classes, names):
    loaded = load(photos, classes=classes)
    assert loaded.class_names == names and set(loaded.labels.tolist()) == set(range(len(names)))
    assert colours_of(loaded) == [names[label] for label in loaded.labels]


def test_files_of_other_classes_are_not_even_opened(photos, load):
    (photos / "green/bad.png").write_text("x")
    assert len(load(photos, classes=["red", "blue"])) == 6


def test_a_wrong_class_is_named_with_the_nearest(photos, load):
    with pytest.raises(WganError, match="unknown class 'gren'") as caught:
        load(photos, classes=["gren"])
    assert "did you mean `green`" in caught.value.hint
    save(photos.parent / "flat/1.png")
    with pytest.raises(WganError, match="no subfolders"):
        load(photos.parent / "flat", classes=[0])


def test_a_limit_keeps_all_classes(photos, load):
    whole = load(photos)
    (photos / "red/zzz.png").write_text("what lies beyond the limit is not even opened")
    few = load(photos, limit=5)
    assert torch.equal(few.images, whole.images[:5]) and set(few.labels.tolist()) == {0, 1, 2}


# What is odd


def test_an_empty_class_is_told_and_left_out(photos, load, messages):
    (photos / "aaa").mkdir()
    loaded = load(photos)
    assert loaded.class_names == ("blue", "green", "red") and loaded.labels.max() == 2
    assert messages == [f"{photos}: left out empty classes: aaa"]
    with pytest.raises(WganError, match="class aaa of .* is empty"):
        load(photos, classes=["aaa", "red"])


def test_a_class_of_bad_files_alone_is_told_and_left_out(photos, load, messages):
    (photos / "aaa").mkdir()
    (photos / "aaa/1.png").write_text("x")
    loaded = load(photos, on_bad_file="skip")
    assert loaded.class_names == ("blue", "green", "red")
    assert colours_of(loaded) == [loaded.class_names[label] for label in loaded.labels]
    assert "skipped 1 file" in messages[0] and "empty classes: aaa" in messages[1]


def test_files_beside_class_folders_become_a_class(photos, load, messages):
    save(photos / "loose.png")
    loaded = load(photos)
    assert loaded.class_names == (".", "blue", "green", "red") and len(loaded) == 10
    assert "1 file outside the class folders" in messages[0]


@pytest.mark.parametrize("content", [{}, {"cat": None}, {".hidden": b"x"}])
def test_an_empty_folder_is_an_error(tmp_path, load, content):
    (tmp_path / "photos").mkdir()
    for name, text in content.items():
        (tmp_path / "photos" / name).mkdir() if text is None else (tmp_path / "photos" / name).write_bytes(text)
    with pytest.raises(WganError, match="photos contains no files"):
        load(tmp_path / "photos")


def test_one_image_is_told(tmp_path, load, messages):
    save(tmp_path / "photos/1.png")
    assert len(load(tmp_path / "photos")) == 1
    assert "only one image" in messages[0]


def test_images_that_are_all_alike_are_told(tmp_path, load, messages):
    for number in range(5):
        save(tmp_path / f"photos/{number}.png")
    load(tmp_path / "photos")
    load(tmp_path / "photos")
    assert len(messages) == 2 and all("all 5 images are identical" in line for line in messages)


@pytest.mark.parametrize("path", ["missing", "~nobody-of-this-name/photos"])
def test_a_missing_folder_is_named(load, path):
    with pytest.raises(WganError, match="there is no folder or archive"):
        load(Path(path))


def test_a_tilde_is_the_home_folder(photos, load, monkeypatch):
    monkeypatch.setenv("HOME", str(photos.parent))
    monkeypatch.setenv("USERPROFILE", str(photos.parent))
    assert len(load(Path("~/photos"))) == 9


# Bad files


def spoil(photos: Path, count: int) -> None:
    for number in range(count):
        (photos / f"red/bad{number:02}.jpg").write_text("no image")


@pytest.mark.parametrize("settings", [{}, {"image_size": 16, "channels": 3}])
def test_bad_files_stop_the_run_and_all_are_named(photos, load, settings):
    spoil(photos, 2)
    cut = photos / "green/cut.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)).save(cut)
    os.truncate(cut, cut.stat().st_size // 2)
    for _ in range(2):  # also when the pack is there
        with pytest.raises(WganError, match="3 files that cannot be used") as caught:
            load(photos, **settings)
        for name in ("red/bad00.jpg (not an image)", "red/bad01.jpg", "green/cut.png"):
            assert name in caught.value.message
        assert "more" not in caught.value.message
        assert "--set data.on_bad_file=skip" in caught.value.hint


@pytest.mark.parametrize("settings", [{}, {"image_size": 16, "channels": 3}])
def test_ten_bad_files_are_named_and_the_others_counted(photos, load, settings):
    spoil(photos, 25)
    with pytest.raises(WganError) as caught:
        load(photos, **settings)
    assert "25 files" in caught.value.message and "bad09" in caught.value.message
    assert "bad10" not in caught.value.message and "and 15 more" in caught.value.message


def test_skipping_says_how_many(photos, load, messages):
    expected = load(photos)
    spoil(photos, 25)
    for _ in range(2):
        loaded = load(photos, on_bad_file="skip")
        assert torch.equal(loaded.images, expected.images) and torch.equal(loaded.labels, expected.labels)
    assert len(messages) == 2 and "skipped 25 files" in messages[0] and "red/bad00.jpg" in messages[0]


def test_nothing_but_bad_files_is_an_error_either_way(tmp_path, load):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/notes.txt").write_text("x")
    for settings in ({}, {"on_bad_file": "skip"}, {"on_bad_file": "skip", "image_size": 16, "channels": 3}):
        with pytest.raises(WganError, match=r"contains no usable image: 1 file that cannot be used, such as notes.txt"):
            load(tmp_path / "photos", **settings)


def test_a_file_that_was_mended_or_added_is_seen(photos, load):
    spoil(photos, 1)
    with pytest.raises(WganError):
        load(photos)
    save(photos / "red/bad00.jpg")
    assert len(load(photos)) == 10
    save(photos / "red/new.png")
    assert len(load(photos)) == 11
    assert len(list((photos.parent / "root/.packs").iterdir())) == 1, "the older pack is gone"


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_names_that_are_no_text_can_be_said_and_saved(tmp_path, load, messages):
    os.makedirs(os.fsencode(tmp_path) + b"/photos/\xff\n")
    save(tmp_path / "plain.png")
    shutil.copy(tmp_path / "plain.png", os.fsencode(tmp_path) + b"/photos/\xff\n/\xfe.png")
    with open(os.fsencode(tmp_path) + b"/photos/\xff\n/\x1b[31m.png", "wb") as file:
        file.write(b"x")
    loaded = load(tmp_path / "photos", on_bad_file="skip", fit="random_crop", image_size=8)
    (name,) = loaded.class_names
    assert all(text.isprintable() and text.encode() for text in (name, *messages))


def test_shown_leaves_text_alone():
    assert shown("größe 写真.jpg") == "größe 写真.jpg"


# Survey


def test_a_survey_counts_sizes_modes_and_bad_files(photos):
    spoil(photos, 2)
    save(photos / "red/grey.png", 9, (8, 20), "L")
    container = open_container(photos)
    found = survey_container(container)
    assert found.sizes == {(16, 16): 9, (8, 20): 1} and found.modes == {"RGB": 9, "L": 1} and found.has_color
    assert len(found.good) == 10 and [name for name, _ in found.bad] == ["red/bad00.jpg", "red/bad01.jpg"]


def test_work_in_threads_keeps_the_order_and_does_not_run_ahead():
    taken = []

    def items():
        for number in range(1000):
            taken.append(number)
            yield number

    results = in_threads(lambda number: number * number, items(), threads=2, chunk=5)
    assert next(results) == 0 and len(taken) <= 30
    assert list(results) == [number * number for number in range(1, 1000)]


def test_an_error_in_a_thread_comes_out():
    with pytest.raises(ZeroDivisionError):
        list(in_threads(lambda number: 1 // number, [3, 2, 1, 0]))


# Real images, and many


def test_real_jpegs_from_a_folder_and_a_tar(real_cifar_root, load, tmp_path):
    train = real_cifar_root / "cifar10/train"
    loaded = load(train)
    assert loaded.images.shape == (30, 3, 32, 32) and len(loaded.class_names) == 10
    for turn, label in ((0, 0), (1, 4), (2, 9)):
        file = train / loaded.class_names[label] / f"000{turn}.jpg"
        assert np.array_equal(loaded.images[10 * turn + label].permute(1, 2, 0), np.asarray(Image.open(file)))
    with tarfile.open(tmp_path / "cifar.tar.xz", "w:xz") as tar:
        tar.add(train, "train")
    assert torch.equal(load(tmp_path / "cifar.tar.xz").images, loaded.images)


def test_cifar10_from_image_files_is_decoded_once(real_cifar_root, tmp_path, messages, monkeypatch):
    shutil.copytree(real_cifar_root / "cifar10", tmp_path / "cifar10")
    settings = DataSettings(source="cifar10", split="all", classes=["cat", 5], limit=7)
    first = load_images(settings, tmp_path, messages.append)
    assert first.class_names == ("cat", "dog") and len(first) == 7 and native_shape(settings) == first.shape
    monkeypatch.setattr("wgan_cli.data.sources.image_folder.to_pixels", None)
    again = load_images(settings, tmp_path, messages.append)
    assert torch.equal(again.images, first.images) and torch.equal(again.labels, first.labels)


@pytest.mark.parametrize("count", [2_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_many_tiny_images_are_not_opened_the_second_time(tmp_path, load, count, monkeypatch):
    content = [save(tmp_path / f"{number}.png", number, (8, 8), "L").read_bytes() for number in range(2)]
    for number in range(count):
        path = tmp_path / f"photos/{number % 10}/{number:06}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content[number % 2])
    first = load(tmp_path / "photos")
    assert first.images.shape == (count, 1, 8, 8) and len(first.class_names) == 10
    for reading in ("read_header", "to_pixels"):
        monkeypatch.setattr(f"wgan_cli.data.sources.image_folder.{reading}", None)
    again = load(tmp_path / "photos")
    assert torch.equal(again.labels, first.labels) and torch.equal(again.images, first.images)


def test_real_jpegs_train_for_200_steps(real_cifar_root, trainer, tmp_path, monkeypatch):
    monkeypatch.setenv("WGAN_DATA", str(tmp_path))
    train = str(real_cifar_root / "cifar10/train")
    run = trainer.run(trainer.recipe(f"data={{source: folder, path: {train}}}", "steps=200"), tmp_path / "run")
    records = read_metrics(run.metrics_file)
    assert records[-1]["step"] == 200
    assert all(np.isfinite(value) for record in records for value in record.values() if isinstance(value, float))
