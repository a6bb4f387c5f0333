"""Sources of classes: files of labels, folders, and folders that aren't classes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from wgan_cli.data import load_images, native_shape
from wgan_cli.data.containers.folders import open_container
from wgan_cli.data.files.label_file import NoLabels, class_of, read_labels
from wgan_cli.data.files.labelling import label_files, parts_of, translation_sides
from wgan_cli.errors import WganError
from wgan_cli.evaluation.real_images import real_images
from wgan_cli.recipe.data_settings import DataSettings

FORMS = pytest.mark.parametrize("form", ["folder", "zip", "tar"])


def picture(path: Path, value: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (8, 8), value).save(path)


def make(folder: Path, pictures: dict[str, int], **files: str) -> Path:
    """Write pictures of one gray level each, and text files; __ stands for the dot in their names."""
    for name, value in pictures.items():
        picture(folder / name, value)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, encoding="utf-8")
    return folder


def packed(folder: Path, form: str) -> Path:
    """Return the folder itself, or an archive of what is in it."""
    return folder if form == "folder" else Path(shutil.make_archive(str(folder), form, folder))


@pytest.fixture
def load(tmp_path, messages):
    def call(path: Path, **settings):
        chosen = DataSettings(source="folder", path=str(path), **settings)
        loaded = load_images(chosen, tmp_path / "root", messages.append)
        assert native_shape(chosen) == loaded.shape
        return loaded

    return call


def classes_by_value(loaded) -> dict[int, str]:
    """Return the class of each image by its gray level."""
    names = loaded.class_names or ("",)
    values = loaded.images[:, 0, 0, 0].tolist()
    return {value: names[label] for value, label in zip(values, loaded.labels.tolist(), strict=True)}


STYLEGAN = {"00000/img00000000.png": 10, "00000/img00000999.png": 20, "00001/img00001000.png": 30}


@FORMS
def test_dataset_json(tmp_path, load, messages, form):
    labels = [[name, label] for name, label in zip(STYLEGAN, (10, 9, 10), strict=True)]
    folder = make(tmp_path / "edm", STYLEGAN, dataset__json=json.dumps({"labels": labels}))
    for _ in range(2):  # the second time from the cache
        loaded = load(packed(folder, form))
        assert loaded.class_names == ("9", "10") and classes_by_value(loaded) == {10: "10", 20: "9", 30: "10"}
    assert len(messages) == 2 and all("dataset.json" in line for line in messages)


@pytest.mark.parametrize("files", [{}, {"dataset__json": '{"labels": null}'}])
def test_numbered_shards_are_no_classes(tmp_path, load, messages, files):
    loaded = load(make(tmp_path / "edm", STYLEGAN, **files))
    assert loaded.class_names == () and len(loaded) == 3 and any("shards" in line for line in messages)
    assert load(tmp_path / "edm", labels="folders", on_bad_file="skip").class_names == ("00000", "00001")
    picture(tmp_path / "edm/00001/other.png", 40)
    assert load(tmp_path / "edm").class_names == ("00000", "00001")


TABLES = {
    "labels.csv": "file,label\na.png,cat\nsub/b.png,dog\n",
    "metadata.csv": "file_name,text,label\na.png,a cat,cat\n./sub/b.png,a dog,dog\n",
    "metadata.jsonl": '{"file_name": "a.png", "label": "cat"}\n{"label": "dog", "file_name": "sub\\\\b.png"}\n',
    "labels.json": '{"a.png": "cat", "b.png": "dog"}',
    "labels.tsv": "id\tbreed\na\tcat\nb\tdog\n",
}


@FORMS
@pytest.mark.parametrize("name", TABLES)
def test_tables(tmp_path, load, messages, form, name):
    folder = make(tmp_path / "set", {"a.png": 10, "sub/b.png": 20}, **{name.replace(".", "__"): TABLES[name]})
    loaded = load(packed(folder, form))
    assert classes_by_value(loaded) == {10: "cat", 20: "dog"} and loaded.class_names == ("cat", "dog")
    assert name in messages[0] and ("text" in messages[0]) == (name == "metadata.csv")


def test_table_without_header_and_quoted_names(tmp_path, load):
    table = 'a.png,"New York, NY"\nb.png,Rome\n'
    folder = make(tmp_path / "set", {"a.png": 10, "b.png": 20}, labels__csv="\ufeff" + table.replace("\n", "\r\n"))
    assert classes_by_value(load(folder)) == {10: "New York, NY", 20: "Rome"}


@pytest.mark.parametrize("name", ["{}.png", "{}"])
def test_names_are_those_of_the_part(tmp_path, load, messages, name):
    pictures = {
        f"{part}/{number}.png": first + number for part, first in (("train", 10), ("test", 20)) for number in (0, 1)
    }
    table = f"file,label\n{name.format(0)},cat\n{name.format(1)},dog\n"
    folder = make(tmp_path / "set", pictures, labels__csv=table)
    assert classes_by_value(load(folder)) == {10: "cat", 11: "dog"}
    assert classes_by_value(load(folder, split="test")) == {20: "cat", 21: "dog"}
    assert not any("missing" in line for line in messages)
    with pytest.raises(WganError, match=r"test/0.png and train/0.png"):
        load(folder, split="all")


def test_table_of_all_parts(tmp_path, load, messages):
    table = "file,label\na.png,cat\nb.png,dog\nc.png,cat\ngone.png,cat\n"
    folder = make(tmp_path / "set", {"train/a.png": 10, "train/b.png": 20, "test/c.png": 30}, labels__csv=table)
    assert classes_by_value(load(folder)) == {10: "cat", 20: "dog"}
    assert [line for line in messages if "missing" in line and "1 file (gone.png)" in line]
    assert classes_by_value(load(folder, split="all")) == {10: "cat", 20: "dog", 30: "cat"}


def test_notes_next_to_images_are_not_listed(tmp_path, load):
    table = "id,label\na,cat\nb,dog\n"
    folder = make(tmp_path / "set", {"x/a.png": 10, "x/b.png": 20}, labels__csv=table)
    make(folder / "x", {}, a__txt="a caption")
    assert classes_by_value(load(folder, on_bad_file="skip")) == {10: "cat", 20: "dog"}


@pytest.mark.parametrize("as_path", [False, True])
def test_classes_by_number_are_those_of_the_training_part(tmp_path, messages, as_path):
    values = {"train/a/1.png": 10, "train/b/2.png": 20, "train/c/3.png": 30, "test/b/4.png": 40, "test/c/5.png": 50}
    folder = make(tmp_path / "set", values)
    paths = {"path": str(folder / "train"), "test_path": str(folder / "test")} if as_path else {"path": str(folder)}
    settings = DataSettings.model_validate({"source": "folder", **paths, "classes": [1, 2], "limit": 2})
    found = real_images(settings, tmp_path / "root", messages.append)
    assert classes_by_value(found.training.dataset) == {20: "b", 30: "c"}
    assert classes_by_value(found.held_out.dataset) == {40: "b", 50: "c"}


@pytest.mark.parametrize("split", ["test", "all"])
def test_split_needs_parts(tmp_path, load, split):
    flat = make(tmp_path / "flat", {"a.png": 10, "b.png": 20})
    parts = make(tmp_path / "parts", {"train/a.png": 10, "test/b.png": 20})
    for path, more in ((flat, {}), (parts, {"labels": "folders"})):
        with pytest.raises(WganError, match=f"`data.split` is {split}"):
            load(path, split=split, **more)
    with pytest.raises(ValueError, match="data.split"):
        DataSettings(source="shards", path="x.tar", split=split)


@pytest.mark.parametrize("labels", [("0.0", "10.0", "2.0"), ("0", "10", "2")])
def test_whole_floats_are_integers(tmp_path, load, labels):
    table = "file,label\n" + "".join(f"{name}.png,{label}\n" for name, label in zip("abc", labels, strict=True))
    folder = make(tmp_path / "set", {"a.png": 10, "b.png": 20, "c.png": 30}, labels__csv=table)
    loaded = load(folder)
    assert loaded.class_names == ("0", "2", "10") and classes_by_value(loaded) == {10: "0", 20: "10", 30: "2"}


def test_incomplete_table(tmp_path, load, messages):
    table = "file,label\na.png,cat\nb.png,\ngone.png,dog\na.png,dog\n"
    folder = make(tmp_path / "set", {"a.png": 10, "b.png": 20, "c.png": 30}, labels__csv=table, README__md="")
    assert classes_by_value(load(folder)) == {10: "cat", 20: ".", 30: "."}
    said = "\n".join(messages)
    assert "gone.png" in said and "2 files without a class" in said and "1 file with several classes" in said
    assert "README.md" in said and len(messages) == 4


def test_changed_labels_are_read_again(tmp_path, load):
    folder = make(tmp_path / "set", {"a.png": 10, "b.png": 20}, labels__csv="file,label\na.png,x\nb.png,y\n")
    assert load(folder).class_names == ("x", "y")
    make(folder, {}, labels__csv="file,label\na.png,longer\nb.png,y\n")
    assert load(folder).class_names == ("longer", "y")


def test_chosen_file_and_folders(tmp_path, load):
    tables = {"labels__csv": "file,label\n1.png,one\n2.png,two\n", "other__csv": "file,label\n1.png,A\n2.png,A\n"}
    folder = make(tmp_path / "set", {"cat/1.png": 10, "dog/2.png": 20}, **tables)
    assert load(folder).class_names == ("one", "two")
    assert load(folder, labels="other.csv", on_bad_file="skip").class_names == ("A",)
    assert load(folder, labels="folders").class_names == ("cat", "dog")
    with pytest.raises(WganError, match=r"`data.labels` is othr.csv") as caught:
        load(folder, labels="othr.csv")
    assert "`other.csv`" in caught.value.hint


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("file,text\na.png,hello\n", "labels"),
        ("file,label\na.png,0.25\nb.png,1\n", "numbers"),
        ("file,label\na.png,\n", "no labels"),
        ("", "empty"),
    ],
)
def test_tables_without_classes(tmp_path, load, messages, table, reason):
    folder = make(tmp_path / "set", {"cat/a.png": 10, "dog/b.png": 20}, labels__csv=table)
    assert load(folder).class_names == ("cat", "dog")
    assert "labels.csv" in messages[0] and reason in messages[0]
    with pytest.raises(WganError, match="has no classes"):
        load(folder, labels="labels.csv")


def test_numbers_may_be_classes_among_words(tmp_path, load):
    table = "file,label\na.png,1.5\nb.png,2.0\nc.png,unknown\n"
    folder = make(tmp_path / "set", {"a.png": 10, "b.png": 20, "c.png": 30}, labels__csv=table)
    assert classes_by_value(load(folder)) == {10: "1.5", 20: "2.0", 30: "unknown"}


@pytest.mark.parametrize("content", [b"{", b"[" * 100_000, b'{"labels": [[1, 2, 3]]}', b"\xff\xfe\x00", b"[1]", b"0"])
@pytest.mark.parametrize("name", ["dataset.json", "metadata.jsonl", "labels.csv"])
def test_damaged_label_files(name, content):
    with pytest.raises(NoLabels):
        read_labels(name, content)


def test_separators_of_lines_in_text():
    rows = [{"file_name": f"{n}.png", "label": n, "text": f"one{mark}two"} for n, mark in enumerate("\u2028\u2029\x85")]
    content = "\r\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()
    assert read_labels("metadata.jsonl", content).classes == {"0.png": "0", "1.png": "1", "2.png": "2"}


def test_kinds_of_labels():
    values = [3, 3.0, "3 ", [0, 0, 0, 1], [0.0, 1.0], None, "", True]
    assert [class_of(value) for value in values] == ["3", "3", "3", "3", "1", None, None, "True"]
    for value in (0.5, [0.3, 0.7], [1, 1], {}):
        with pytest.raises(NoLabels):
            class_of(value)


# Parts

PARTS = {f"{part}/{name}/{n}.png": value + n for n in range(2) for part, name, value in (
    ("train", "cat", 10), ("train", "dog", 20), ("test", "dog", 30), ("valid", "cat", 40))}  # fmt: skip


@FORMS
def test_parts(tmp_path, load, messages, form):
    path = packed(make(tmp_path / "set", PARTS, README__md="hello"), form)
    assert classes_by_value(load(path)) == {10: "cat", 11: "cat", 20: "dog", 21: "dog"}
    assert all(word in messages[0] for word in ("train (4 files)", "test (2)", "valid (2)", "data.split=all"))
    assert classes_by_value(load(path, split="test")) == {30: "dog", 31: "dog"}
    everything = load(path, split="all")
    assert everything.class_names == ("cat", "dog") and len(everything) == 8
    assert load(path, labels="folders").class_names == ("test", "train", "valid")


def test_held_out_part(tmp_path, load, messages):
    path = make(tmp_path / "set", PARTS)
    settings = DataSettings(source="folder", path=str(path), limit=2)
    found = real_images(settings, tmp_path / "root", messages.append)
    assert (len(found.training), len(found.labeled), len(found.held_out), found.seen) == (2, 4, 2, False)
    assert found.held_out.labels.tolist() == [1, 1], "the test part has no cats, and dogs keep their number"
    picture(path / "test/bird/0.png", 50)
    with pytest.raises(WganError, match="other classes than .*: bird"):
        real_images(settings, tmp_path / "root", messages.append)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["train/a.png"], ("train", None, None)),
        (["Training/a.png", "VAL/a.png"], ("Training", "VAL", None)),
        (["train/a.png", "test/a.png", "validation/a.png"], ("train", "test", "validation")),
        (["train/a.png", "plane/a.png"], None),
        (["train/a.png", "test/a.png", "loose.png"], None),
        (["test/a.png", "valid/a.png"], None),
        (["train/a.png", "test/", "valid/a.png"], ("train", "valid", None)),
        (["train/a.png", "test/"], ("train", None, None)),
    ],
)
def test_which_folders_are_parts(tmp_path, names, expected):
    make(tmp_path / "set", {name: 1 for name in names if name[-1] != "/"})
    for name in names:
        (tmp_path / "set" / name.rpartition("/")[0]).mkdir(exist_ok=True)
    assert parts_of(open_container(tmp_path / "set"), "auto") == expected


def test_missing_test_part(tmp_path, load):
    with pytest.raises(WganError, match="no folder test or valid"):
        load(make(tmp_path / "set", {"train/a.png": 1}), split="test")


def test_labels_of_parts(tmp_path, load):
    folder = make(tmp_path / "set", {"train/a.png": 10, "train/b.png": 20, "test/a.png": 30})
    for part, name in (("train", "cat"), ("test", "dog")):
        make(folder / part, {}, metadata__csv=f"file_name,label\na.png,{name}\nb.png,bird\n")
    assert classes_by_value(load(folder)) == {10: "cat", 20: "bird"}
    assert classes_by_value(load(folder, split="test")) == {30: "dog"}
    assert load(folder, split="all").class_names == ("bird", "cat", "dog")


def test_common_labels_of_parts(tmp_path, load, messages):
    table = "file,label\ntrain/a.png,cat\ntest/a.png,dog\n"
    folder = make(tmp_path / "set", {"train/a.png": 10, "test/a.png": 30}, labels__csv=table)
    assert classes_by_value(load(folder)) == {10: "cat"} and not any("missing" in line for line in messages)


# Folders


def test_sides_of_a_translation(tmp_path):
    folder = make(tmp_path / "set", {f"{name}/a.png": 1 for name in ("trainA", "trainB", "testA")})
    found = label_files(open_container(folder))
    assert found.names == ("testA", "trainA", "trainB") and "wgan train" in found.notes[0]
    assert list(translation_sides(found.names)) == ["trainA", "trainB", "testA"]
    assert translation_sides(["trainA", "testA"]) == {}


def test_nested_folders_are_reported(tmp_path, load, messages):
    assert load(make(tmp_path / "set", {"cat/a.png": 10, "cat/old/b.png": 20, "dog/c.png": 30})).class_names == (
        "cat",
        "dog",
    )
    assert "1 folder (cat/old)" in messages[0]
    load(make(tmp_path / "wrapped", {"images/cat/a.png": 10, "images/dog/b.png": 20}))
    assert "add /images to the path" in messages[1]


def test_one_notice_for_a_readme(tmp_path, load, messages):
    folder = make(tmp_path / "set", {"cat/a.png": 10, "dog/b.png": 20}, README__md="hello")
    assert load(folder).class_names == ("cat", "dog")
    assert len(messages) == 1 and "README.md" in messages[0]


def test_one_notice_for_an_unusable_file(tmp_path, load, messages):
    folder = make(tmp_path / "set", {"cat/a.png": 10, "dog/b.png": 20}, film__mp4="hello")
    settings = DataSettings(source="folder", path=str(folder), on_bad_file="skip")
    loaded = load_images(settings, tmp_path / "root", messages.append)
    assert loaded.class_names == ("cat", "dog") and len(messages) == 1 and "film.mp4" in messages[0]


def test_limit_below_the_number_of_classes(tmp_path, load, messages):
    folder = make(tmp_path / "set", {f"{name}/{n}.png": ord(name) + n for name in "abc" for n in range(3)})
    assert load(folder, limit=2).class_names == ("a", "b")
    assert len(messages) == 1 and "data.limit=2 leaves out 1 of 3 classes" in messages[0]


def test_folder_of_shards(tmp_path, load):
    (tmp_path / "set").mkdir()
    shutil.make_archive(str(tmp_path / "set/a-000"), "tar", make(tmp_path / "x", {"a.png": 1}))
    with pytest.raises(WganError, match=r"\.tar files") as caught:
        load(tmp_path / "set")
    assert "data.source=shards" in caught.value.hint


@pytest.mark.parametrize("form", ["zip", "tar"])
def test_folder_in_an_archive(tmp_path, load, form):
    path = packed(make(tmp_path / "set", PARTS), form)
    assert classes_by_value(load(path / "test")) == {30: "dog", 31: "dog"}
    assert np.unique(load(path / "train/dog").images).tolist() == [20, 21]
    with pytest.raises(WganError, match="has no folder tests") as caught:
        load(path / "tests")
    assert "test, train, valid" in caught.value.hint
