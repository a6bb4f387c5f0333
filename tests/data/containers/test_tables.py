"""Images in Parquet files and in folders saved by `datasets`."""

import io
import json
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from wgan_cli.data import load_images, native_shape
from wgan_cli.data.containers import temporary
from wgan_cli.errors import WganError
from wgan_cli.evaluation.real_images import real_images
from wgan_cli.recipe.data_settings import DataSettings

IMAGES = np.random.default_rng(0).integers(0, 256, (24, 8, 8, 3), np.uint8)
LABELS = np.arange(24) % 3
NAMES = ("zebra", "apple/pear", "yak")


@pytest.fixture(autouse=True)
def no_progress_bars():
    import datasets  # in functions only: it takes seconds

    datasets.disable_progress_bars()


def png(pixels: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return content.getvalue()


def rows(part: slice = slice(None)):
    """A `Dataset` with two columns of images and two of labels."""
    from datasets import ClassLabel, Dataset, Features, Value
    from datasets import Image as Images

    features = Features(
        caption=Value("string"),
        mask=Images(),
        image=Images(),
        coarse=ClassLabel(names=["plant", "animal"]),
        label=ClassLabel(names=list(NAMES)),
    )
    images = [Image.fromarray(pixels) for pixels in IMAGES[part]]
    columns = {"image": images, "mask": [Image.new("L", (8, 8), 9)] * len(images), "caption": ["a"] * len(images)}
    labels = LABELS[part].tolist()
    columns |= {"label": labels, "coarse": [int(label != 1) for label in labels]}
    return Dataset.from_dict(columns, features=features)


def settings_for(path, **more) -> DataSettings:
    return DataSettings.model_validate({"source": "folder", "path": str(path), **more})


def load(path, root, messages=None, **more):
    return load_images(settings_for(path, **more), root, [].append if messages is None else messages.append)


def pairs(images) -> dict[bytes, str]:
    """Class names by pixels."""
    classes = images.class_names or ("",)
    return {image.numpy().tobytes(): classes[label] for image, label in zip(images.images, images.labels, strict=True)}


def expected(part: slice = slice(None), names=("zebra", "apple_pear", "yak"), labels=LABELS) -> dict[bytes, str]:
    pixels = np.ascontiguousarray(IMAGES[part].transpose(0, 3, 1, 2))
    return {image.tobytes(): names[label] for image, label in zip(pixels, labels[part], strict=True)}


WRITERS = {
    "parquet": lambda path: rows().to_parquet(path / "some.parquet") and path / "some.parquet",
    "several parquet files": lambda path: (
        [
            rows(slice(0, 12)).to_parquet(path / "a-00000-of-00002.parquet"),
            rows(slice(12, 24)).to_parquet(path / "a-00001-of-00002.parquet"),
        ]
        and path
    ),
    "saved": lambda path: rows().save_to_disk(path, num_shards=2) or path,
}


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_pixels_and_classes(tmp_path, write):
    (tmp_path / "data").mkdir()
    path = write(tmp_path / "data")
    messages = []
    images = load(path, tmp_path, messages)
    assert images.class_names == ("zebra", "apple_pear", "yak") and native_shape(settings_for(path)) == images.shape
    assert pairs(images) == expected()
    (line,) = (line for line in messages if "column" in line)
    assert all(name in line for name in ("image", "label", "caption", "mask", "data.labels=coarse"))


def test_other_columns(tmp_path):
    path = WRITERS["parquet"](tmp_path)
    assert pairs(load(path, tmp_path, labels="coarse")) == expected(names=("animal", "plant", "animal"))
    assert load(path, tmp_path, labels="coarse").class_names == ("plant", "animal")
    assert load(path, tmp_path, labels="folders").class_names == ()
    assert (load(path / "mask", tmp_path).images == 9).all()
    with pytest.raises(WganError, match="coarsest") as caught:
        load(path, tmp_path, labels="coarsest")
    assert "coarse" in caught.value.hint
    with pytest.raises(WganError, match="no column face") as caught:
        load(path / "face", tmp_path)
    assert "image" in caught.value.hint


@pytest.mark.parametrize("saved", [True, False], ids=["save_to_disk", "parquet"])
def test_parts(tmp_path, saved):
    from datasets import DatasetDict

    train, test, path = rows(slice(0, 18)), rows(slice(18, 24)), tmp_path / "set"
    if saved:
        DatasetDict(train=train, test=test, extra=test).save_to_disk(path)
    else:
        (path / "data").mkdir(parents=True)
        (path / "README.md").write_text("about")
        train.to_parquet(path / "data/train-00000-of-00001.parquet")
        test.to_parquet(path / "data/test-00000-of-00001.parquet")
        test.to_parquet(path / "data/extra-00000-of-00001.parquet")
    messages = []
    real = real_images(settings_for(path), tmp_path, messages.append)
    assert pairs(real.training.dataset) == expected(slice(0, 18)) and not real.seen
    assert pairs(real.held_out.dataset) == expected(slice(18, 24))
    assert any("not used" in line and "extra" in line for line in messages)
    assert pairs(load(path, tmp_path, split="all")) == expected()
    if saved:
        assert pairs(load(path / "test", tmp_path)) == expected(slice(18, 24))


@pytest.mark.parametrize("saved", [True, False], ids=["save_to_disk", "parquet"])
def test_parts_without_rows(tmp_path, saved):
    from datasets import DatasetDict

    train, empty, path = rows(slice(0, 18)), rows(slice(0, 0)), tmp_path / "set"
    if saved:
        DatasetDict(train=train, test=empty, valid=rows(slice(18, 24))).save_to_disk(path)
    else:
        path.mkdir()
        empty.to_parquet(path / "train-00000-of-00002.parquet")
        train.to_parquet(path / "train-00001-of-00002.parquet")
        empty.to_parquet(path / "test-00000-of-00001.parquet")
        rows(slice(18, 24)).to_parquet(path / "valid-00000-of-00001.parquet")
    real = real_images(settings_for(path), tmp_path, lambda text: None)
    assert pairs(real.training.dataset) == expected(slice(0, 18)) and not real.seen
    assert pairs(real.held_out.dataset) == expected(slice(18, 24))


def test_parts_without_classes(tmp_path):
    """In tables, `labels: folders` means no classes; parts are used as ever."""
    from datasets import DatasetDict

    for name, first in (("a", 0), ("b", 12)):
        part = {"train": rows(slice(first, first + 8)), "test": rows(slice(first + 8, first + 12))}
        DatasetDict(**part).save_to_disk(tmp_path / name)
    settings = settings_for(tmp_path / "a", labels="folders")
    real = real_images(settings, tmp_path, lambda text: None)
    assert (len(real.training), len(real.held_out), real.seen) == (8, 4, False)
    assert len(load(tmp_path / "a", tmp_path, labels="folders", split="all")) == 12
    both = settings.model_copy(update={"path": (str(tmp_path / "a"), str(tmp_path / "b"))})
    for split, count in (("train", 16), ("test", 8), ("all", 24)):
        assert len(load_images(both.model_copy(update={"split": split}), tmp_path, lambda text: None)) == count


def test_several_tables_are_not_mixed(tmp_path):
    for name in ("small", "large"):
        (tmp_path / "set" / name).mkdir(parents=True)
        rows(slice(0, 3)).to_parquet(tmp_path / "set" / name / "train-00000-of-00001.parquet")
    with pytest.raises(WganError, match="large, small") as caught:
        load(tmp_path / "set", tmp_path)
    assert str(tmp_path / "set/large") in caught.value.hint
    assert pairs(load(tmp_path / "set/large", tmp_path)) == expected(slice(0, 3))


def test_derived_files_are_not_rows(tmp_path):
    from datasets import load_from_disk

    rows().save_to_disk(tmp_path / "set")
    changed = load_from_disk(tmp_path / "set").map(lambda row: {"caption": "b"})
    assert "cache" in changed.cache_files[0]["filename"] and len(list((tmp_path / "set").glob("*.arrow"))) == 2
    assert pairs(load(tmp_path / "set", tmp_path)) == expected() and len(load(tmp_path / "set", tmp_path)) == 24


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (pa.array([2, 10, 2]), ("2", "10")),
        (pa.array([2.0, 10.0, 2.0]), ("2", "10")),
        (pa.array(["b", "a", "b"]).dictionary_encode(), ("a", "b")),
        (pa.array(["b", "a", None]), (".", "a", "b")),
        (pa.array([0.5, 0.25, 2.0]), ()),
    ],
)
def test_labels_without_a_schema(tmp_path, labels, names):
    table = pa.table({"jpg": pa.array(map(png, IMAGES[:3]), pa.binary()), "y": labels})
    pq.write_table(table, tmp_path / "some.parquet", row_group_size=2)
    images = load(tmp_path / "some.parquet", tmp_path)
    assert images.class_names == names
    assert set(pairs(images)) == set(expected(slice(0, 3)))


def test_unlabeled_rows_are_no_class(tmp_path):
    from datasets import ClassLabel, Dataset, Features
    from datasets import Image as Images

    features = Features(image=Images(), label=ClassLabel(names=["a", "b"]))
    columns = {"image": [Image.fromarray(pixels) for pixels in IMAGES[:3]], "label": [0, 1, -1]}
    Dataset.from_dict(columns, features=features).to_parquet(tmp_path / "some.parquet")
    assert pairs(load(tmp_path / "some.parquet", tmp_path)) == expected(slice(0, 3), (*"ab", "."))


def test_unusable_rows_are_named(tmp_path):
    content = [png(IMAGES[0]), None, b"text"]
    pq.write_table(pa.table({"image": pa.array(content, pa.binary())}), tmp_path / "some.parquet")
    with pytest.raises(WganError, match="2 files .*00000001 .*00000002") as caught:
        load(tmp_path / "some.parquet", tmp_path)
    assert "skip" in caught.value.hint
    assert len(load(tmp_path / "some.parquet", tmp_path, on_bad_file="skip")) == 1


def test_columns_of_other_types(tmp_path):
    pq.write_table(pa.table({"image": [[1, 2], [3, 4]]}), tmp_path / "some.parquet")
    with pytest.raises(WganError, match=r"no column of images: it has image \(list"):
        load(tmp_path / "some.parquet", tmp_path)


def test_files_with_different_columns(tmp_path):
    pq.write_table(pa.table({"image": [b"a"], "label": [1]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"image": [b"a"], "label": ["x"]}), tmp_path / "b.parquet")
    with pytest.raises(WganError, match=r"b\.parquet"):
        load(tmp_path, tmp_path / "cache")


@pytest.mark.parametrize("write", [WRITERS["parquet"], WRITERS["saved"]], ids=["parquet", "saved"])
def test_damaged_file(tmp_path, write):
    write(tmp_path)
    files = [*tmp_path.glob("*.parquet"), *tmp_path.glob("*.arrow")]
    files[0].write_bytes(files[0].read_bytes()[:200])
    with pytest.raises(WganError, match=files[0].name):
        load(tmp_path, tmp_path / "cache")


def test_selection_of_rows(tmp_path):
    rows().save_to_disk(tmp_path / "set")
    state = json.loads((tmp_path / "set/state.json").read_text())
    state["_indices_data_files"] = [{"filename": "indices.arrow"}]  # as earlier versions of datasets saved them
    (tmp_path / "set/state.json").write_text(json.dumps(state))
    with pytest.raises(WganError, match="selection"):
        load(tmp_path / "set", tmp_path)


def test_missing_package(tmp_path, monkeypatch):
    path = WRITERS["parquet"](tmp_path)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(WganError, match="needs pyarrow") as caught:
        load(path, tmp_path)
    assert caught.value.hint == "pip install 'wgan[data]'"


def test_full_disk(tmp_path, monkeypatch):
    path = WRITERS["parquet"](tmp_path)

    class Full(io.BytesIO):
        def write(self, content) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(temporary.tempfile, "TemporaryFile", Full)
    with pytest.raises(WganError, match="no space left") as caught:
        load(path, tmp_path)
    assert "TMPDIR" in caught.value.hint
