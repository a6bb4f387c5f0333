"""WebDataset shards: equal to the same images in memory, decoded on demand."""

from __future__ import annotations

import copy
import io
import json
import sys
import tarfile
import warnings
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from wgan_cli.data import ImageSet, load_images, native_shape
from wgan_cli.data.inspection import inspect_shards
from wgan_cli.data.loaders.device import DeviceLoader
from wgan_cli.data.loaders.make_loader import make_loader
from wgan_cli.data.loaders.streaming import StreamingLoader
from wgan_cli.data.sources import shard_index
from wgan_cli.data.sources.shards import Shards
from wgan_cli.distributed.batch_shard import BatchShard, use_shard
from wgan_cli.errors import ExitStatus, WganError
from wgan_cli.evaluation.real_images import real_images
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.utils.pixels import as_uint8, to_16_bits

pytest.importorskip("webdataset", reason="needs webdataset: pip install 'wgan[shards]'")
CPU = torch.device("cpu")
Member = tuple[str, bytes]


def write_shard(path: Path, members: Iterable[Member]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def png(value: int, size: tuple[int, int] = (8, 8), mode: str = "L") -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, value if mode == "L" else (value, 0, 255 - value)).save(file, "png")
    return file.getvalue()


def numbered(first: int, count: int) -> list[Member]:
    """Images whose gray level is their number, of classes 0, 1 and 2 in turn."""
    return [
        member
        for n in range(first, first + count)
        for member in ((f"{n:04d}.png", png(n)), (f"{n:04d}.cls", str(n % 3).encode()))
    ]


@pytest.fixture
def shards(tmp_path) -> str:
    """Five shards of 3, 5, 7, 5 and 3 images."""
    for number, (first, count) in enumerate(((0, 3), (3, 5), (8, 7), (15, 5), (20, 3))):
        write_shard(tmp_path / f"images-{number:03d}.tar", numbered(first, count))
    return str(tmp_path / "images-{000..004}.tar")


@pytest.fixture
def load(tmp_path, messages):
    def load_shards(path: str | Path, **settings) -> ImageSet:
        chosen = DataSettings(source="shards", path=str(path), **settings)
        return load_images(chosen, tmp_path / "root", messages.append)

    return load_shards


@pytest.fixture
def loader_of():
    loaders = []

    def make(dataset: ImageSet, batch_size: int = 4) -> StreamingLoader:
        loaders.append(make_loader(dataset, DataSettings(), batch_size, 3, CPU))
        return loaders[-1]

    yield make
    for loader in loaders:
        loader.close()


def decoded(dataset: ImageSet) -> ImageSet:
    """Return the same set in memory."""
    images = dataset.images.index_select(0, torch.arange(len(dataset)))
    return ImageSet(images, dataset.labels, dataset.class_names, "memory")


def values(batch: torch.Tensor) -> list[int]:
    """Return the gray levels of a batch of `numbered` images."""
    return ((batch[:, 0, 0, 0] + 1) * 127.5).round().int().tolist()


def error_of(load, *args, **settings) -> WganError:
    with pytest.raises(WganError) as caught:
        load(*args, **settings)
    return caught.value


@pytest.mark.parametrize("as_folder", [False, True])
def test_images_and_labels(load, shards, as_folder):
    filters = warnings.filters[:]
    dataset = load(Path(shards).parent if as_folder else shards)
    assert str(dataset.shape) == "8x8x1" and dataset.class_names == ("0", "1", "2")
    assert decoded(dataset).images[:, 0, 0, 0].tolist() == list(range(23)) and warnings.filters == filters
    assert dataset.labels.tolist() == [n % 3 for n in range(23)]


def test_batches_equal_those_from_memory(load, loader_of, shards):
    dataset = load(shards)
    streamed, resident = loader_of(dataset), DeviceLoader(decoded(dataset), 4, 3, CPU)
    for _ in range(13):
        (real, labels), (real_again, labels_again) = streamed.next(), resident.next()
        assert torch.equal(real, real_again) and torch.equal(labels, labels_again)
        assert streamed.state_dict() == resident.state_dict()


@pytest.mark.parametrize("source", ["shards", "folder"])
def test_resumed_training_is_exact(trainer, shards, tmp_path, monkeypatch, source):
    (tmp_path / "jpegs").mkdir()
    for number in range(9):
        Image.new("L", (8, 8), 20 * number).save(tmp_path / f"jpegs/{number}.jpg")
    monkeypatch.setenv("WGAN_DATA", str(tmp_path / "root"))
    path = shards if source == "shards" else tmp_path / "jpegs"
    recipe = trainer.recipe("steps=3", f"data={{source: {source}, path: '{path}'}}")
    states = [trainer.prepared(recipe), trainer.prepared(recipe)]
    states[0].engine(0)
    checkpoint = copy.deepcopy(states[0].full_checkpoint())
    for state in states:
        state.restore(copy.deepcopy(checkpoint))
        for step in (1, 2):
            state.engine(step)
        state.loader.close()
    weights = ([p for network in state.networks.values() for p in network.parameters()] for state in states)
    assert all(torch.equal(one, other) for one, other in zip(*weights, strict=True))


def test_each_rank_reads_its_shard_of_the_batch(load, loader_of, shards, monkeypatch):
    read, plain = Counter(), Shards.read
    monkeypatch.setattr(Shards, "read", lambda self, sample: (read.update([sample]), plain(self, sample))[1])
    dataset, seen = load(shards, limit=20, image_size=8, channels=1), []
    for rank in range(2):
        read.clear()
        with use_shard(BatchShard(rank, 2)):
            loader = loader_of(dataset)
        seen.append([value for _ in range(5) for value in values(loader.next()[0])])
        loader.close()
        order = loader_of(dataset)._sampler.epoch_order(0)
        prefetched = read.keys() - set(order[rank::2].tolist())
        assert len(prefetched) <= 4 * loader.batch_size, "only images of the next epoch"
    assert not set(seen[0]) & set(seen[1])
    assert sorted(seen[0] + seen[1]) == list(range(20))
    alone = loader_of(dataset)
    together = [value for pair in zip(*seen, strict=True) for value in pair]
    assert together == [value for _ in range(5) for value in values(alone.next()[0])]


def test_selected_classes(load, shards):
    dataset = load(shards, classes=[2, 0])
    assert dataset.class_names == ("2", "0") and dataset.shape.num_classes == 2
    assert [n % 3 for n in decoded(dataset).images[:, 0, 0, 0].tolist()] == [(2, 0)[k] for k in dataset.labels.tolist()]
    assert native_shape(DataSettings(source="shards", path=shards, classes=[2, 0])) == dataset.shape


@pytest.mark.parametrize(
    ("members", "names", "labels"),
    [
        ([("a/1.png", png(1)), ("a/1.cls", b"dog\n"), ("b/1.PNG", png(2)), ("b/1.cls", b"cat"), ("b/1.txt", b"x")],
         ("cat", "dog"), [1, 0]),
        ([(f"{n}.{end}", what) for n in (10, 9, 2) for end, what in (("png", png(n)), ("cls", str(n).encode()))],
         ("2", "9", "10"), [2, 1, 0]),
        ([("1.png", png(1)), ("2.png", png(2))], (), [0, 0]),
    ],
    ids=["words", "numbers", "no labels"],
)  # fmt: skip
def test_class_names(load, tmp_path, members, names, labels):
    dataset = load(write_shard(tmp_path / "one.tar", members))
    assert dataset.class_names == names and dataset.labels.tolist() == labels


def test_size_and_channels(load, tmp_path):
    path = write_shard(tmp_path / "one.tar", [("1.png", png(1, (40, 20))), ("2.png", png(2, (30, 30), "RGB"))])
    assert load(path).shape == native_shape(DataSettings(source="shards", path=str(path))) == ImageShape(64, 64, 3)
    assert load(path, image_size=16, channels=1).shape == ImageShape(16, 16, 1)
    assert decoded(load(path, image_size=16, channels=1, fit="pad")).images[0, 0, 0].tolist() == [0] * 16


def test_deep_image_after_those_checked(load, tmp_path, messages):
    content = io.BytesIO()
    Image.fromarray(np.full((8, 8), 32896, np.uint16)).save(content, "PNG")
    members = [(f"{n:04d}.png", content.getvalue() if n in (301, 304) else png(n % 256)) for n in range(600)]
    path = write_shard(tmp_path / "one.tar", members)
    levels = decoded(load(path)).images[:, 0, 0, 0].tolist()
    assert levels == [128 if n in (301, 304) else n % 256 for n in range(600)]
    (said,) = (line for line in messages if "data.range" in line)
    assert "0301" in said
    messages.clear()
    assert decoded(load(path, range=(0, 65792))).images[301, 0, 0, 0] == 128 and not messages


def test_values_that_are_not_finite_are_reported(load, tmp_path, messages):
    content = io.BytesIO()
    Image.fromarray(np.full((8, 8), np.nan, np.float32)).save(content, "TIFF")
    path = write_shard(tmp_path / "one.tar", [(f"{number}.tif", content.getvalue()) for number in range(3)])
    decoded(load(path, range=(0, 1)))
    assert sum("NaN or infinite" in line for line in messages) == 1


def test_index_is_cached(load, shards, tmp_path, monkeypatch):
    indexed, plain = [], shard_index._index_shard
    monkeypatch.setattr(shard_index, "_index_shard", lambda path, *rest: (indexed.append(path), plain(path, *rest))[1])
    first, second = load(shards), load(shards)
    assert len(indexed) == 5 and torch.equal(first.labels, second.labels)
    write_shard(tmp_path / "images-002.tar", numbered(8, 6))
    assert len(load(shards)) == 22
    (kept,) = (tmp_path / "root/.packs").glob("*.npz")
    kept.write_bytes(b"damaged")
    assert len(load(shards)) == 22 and len(indexed) == 15


def test_missing_shards(load, shards, tmp_path):
    assert "2 of 7 shards are missing, such as" in error_of(load, shards.replace("004", "006")).message
    (tmp_path / "empty").mkdir()
    assert "no .tar files" in error_of(load, tmp_path / "empty").message
    assert "more than 100,000" in error_of(load, "images-{0..99999999999}.tar").message
    assert "images-{000..255}" in error_of(load, "images-{000..002.tar").hint
    assert "must be local" in error_of(load, "pipe:touch gone.tar").hint and not Path("gone.tar").exists()


def test_damaged_shards(load, tmp_path):
    whole = write_shard(tmp_path / "whole.tar", numbered(0, 4)).read_bytes()
    (tmp_path / "cut.tar").write_bytes(whole[: 5 * 512 + 100])
    assert "cut.tar is damaged" in error_of(load, tmp_path / "cut.tar").message
    (tmp_path / "none.tar").write_bytes(b"no tar at all" * 100)
    error = error_of(load, tmp_path / "none.tar")
    assert "none.tar is damaged or not" in error.message and "gunzip" in error.hint


def test_missing_label(load, tmp_path):
    write_shard(tmp_path / "a-0.tar", numbered(0, 3))
    write_shard(tmp_path / "a-1.tar", [*numbered(3, 2), ("lost.png", png(9))])
    error = error_of(load, tmp_path / "a-{0..1}.tar")
    assert "1 of 6 samples" in error.message and "lost of " in error.message and "a-1.tar" in error.message


def test_samples_without_one_image(load, tmp_path, messages):
    odd = [("text.txt", b"x"), ("two.png", png(7)), ("two.jpg", png(8)), ("empty.png", b"")]
    path = write_shard(tmp_path / "one.tar", [("1.png", png(1)), *odd, ("__meta__/all.png", b"{}"), ("._1.png", b"")])
    error = error_of(load, path)
    assert "text of " in error.message and "it has 2 images: .jpg, .png" in error.message
    assert "data.on_bad_file=skip" in error.hint
    assert len(load(path, on_bad_file="skip")) == 1
    assert "skipped 3 samples" in messages[-1] and "text of" in messages[-1]
    empty = write_shard(tmp_path / "no.tar", odd[:1])
    assert "there is no image in" in error_of(load, empty, on_bad_file="skip").message


def test_undecodable_image(load, loader_of, tmp_path, messages):
    path = write_shard(tmp_path / "one.tar", [*numbered(0, 3), ("bad.png", b"none"), ("bad.cls", b"1")])
    loader = loader_of(load(path, image_size=8, channels=1))
    with pytest.raises(WganError, match="bad.png of .*one.tar cannot be used: not an image") as caught:
        loader.next()
    assert caught.value.status == ExitStatus.FAILED and "on_bad_file=skip" in caught.value.hint
    loader = loader_of(load(path, image_size=8, channels=1, on_bad_file="skip"))
    images, labels = loader.next()
    pairs = sorted(zip(values(images), labels.tolist(), strict=True))
    assert pairs == [(0, 0), (1, 1), (1, 1), (2, 2)], "the next image of its class replaces it"
    assert "bad.png of" in messages[-1]


def test_a_class_without_usable_images(load, tmp_path, messages):
    path = write_shard(tmp_path / "one.tar", [*numbered(0, 3), ("bad.png", b"none"), ("bad.cls", b"9")])
    dataset = load(path, image_size=8, channels=1, on_bad_file="skip")
    assert decoded(dataset).images[:, 0, 0, 0].tolist() == [0, 1, 2, 0]
    assert "images of another class replace them" in messages[-1]


def test_without_webdataset(load, shards, monkeypatch):
    monkeypatch.setitem(sys.modules, "webdataset", None)
    error = error_of(load, shards)
    assert "needs webdataset" in error.message and error.hint == "pip install 'wgan[shards]'"


def test_images_for_evaluation(load, tmp_path, messages):
    for number in range(4):
        write_shard(tmp_path / f"a-{number}.tar", numbered(20 * number, 20))
    settings = DataSettings(source="shards", path=str(tmp_path / "a-{0..2}.tar"))
    split = real_images(settings, tmp_path / "root", messages.append)
    assert (len(split.training), len(split.held_out), split.seen) == (48, 12, True)
    settings = settings.model_copy(update={"test_path": str(tmp_path / "a-3.tar")})
    held_out = real_images(settings, tmp_path / "root", messages.append)
    assert (len(held_out.training), len(held_out.held_out), held_out.seen) == (60, 20, False)
    assert next(held_out.held_out.batches(20))[:, 0, 0, 0].tolist() == list(range(60, 80))
    write_shard(tmp_path / "b.tar", [("1.png", png(1))])
    other = settings.model_copy(update={"test_path": str(tmp_path / "b.tar")})
    with pytest.raises(WganError, match="data.test_path"):
        real_images(other, tmp_path / "root", messages.append)


def test_inspection(shards):
    found = inspect_shards(shards, pictures=4)
    assert found.facts.count == 23 and found.facts.classes == {"0": 8, "1": 8, "2": 7}
    assert found.facts.sizes == {"8x8": 23} and found.facts.modes == {"L": 23}
    assert found.pictures.shape == (4, 1, 64, 64)


def test_few_headers_are_read_to_choose_a_recipe(shards, monkeypatch):
    monkeypatch.setattr("wgan_cli.data.inspection.SURVEYED", 4)
    facts = inspect_shards(shards, chosen=DataSettings(source="shards", path=shards, classes=(2, 0))).facts
    assert sum(facts.sizes.values()) <= 4
    assert facts.count == 15 and facts.classes == {"2": 7, "0": 8}


def test_parts_that_are_not_used_are_reported(tmp_path, load, messages):
    pages, clear = io.BytesIO(), io.BytesIO()
    Image.new("L", (16, 8), 5).save(pages, "TIFF", save_all=True, append_images=[Image.new("L", (16, 8), 9)])
    Image.new("RGBA", (8, 8), (200, 0, 0, 0)).save(clear, "PNG")
    path = write_shard(tmp_path / "a.tar", [("0.tif", pages.getvalue()), ("1.png", clear.getvalue())])
    for settings, words in (
        ({"image_size": 8, "channels": 3}, ("1 of the 2 images", "1 of 2 images have an alpha", "(16x8): using")),
        ({"frames": "first", "fit": "stretch"}, ("1 of 2 images have an alpha",)),
        ({"frames": "first", "fit": "stretch", "channels": 4}, ()),
    ):
        messages.clear()
        load(path, **settings)
        assert len(messages) == len(words) and all(word in line for word, line in zip(words, messages, strict=True))
    images = decoded(load(path, image_size=8, channels=3)).images
    assert images[:, :, 4, 4].tolist() == [[5] * 3, [255] * 3]


def test_range_of_a_sample_of_the_images(tmp_path, load, messages):
    members = []
    for number, level in enumerate((0, 2000, 4095)):
        content = io.BytesIO()
        Image.fromarray(np.full((8, 8), level, np.uint16)).save(content, "PNG")
        members.append((f"{number}.png", content.getvalue()))
    dataset = load(write_shard(tmp_path / "a.tar", members))
    levels = to_16_bits(decoded(dataset).images)[:, 0, 0, 0].tolist()
    assert levels == [0, round(2000 / 4095 * 65535), 65535] and dataset.value_range == (0, 4095)
    assert len(messages) == 1 and "4095 white" in messages[0]
    fixed = load(tmp_path / "a.tar", range=(0, 2000))
    assert as_uint8(decoded(fixed).images)[:, 0, 0, 0].tolist() == [0, 255, 255]


def with_json(values: list[object]) -> list[Member]:
    return [m for n, v in enumerate(values) for m in ((f"{n}.png", png(n)), (f"{n}.json", json.dumps(v).encode()))]


@pytest.mark.parametrize(
    "values",
    [[{"caption": "x", "label": 10}, {"label": 9, "url": ""}], [{"class_name": "10"}, {"class_name": "9"}], [10, "9"]],
)
def test_labels_in_json(load, tmp_path, values):
    path = write_shard(tmp_path / "one.tar", with_json(values))
    for _ in range(2):  # the second time from the cache
        dataset = load(path)
        assert dataset.class_names == ("9", "10") and dataset.labels.tolist() == [1, 0]
    assert load(path, labels="cls").class_names == ()
    assert inspect_shards(str(path)).facts.classes == {"9": 1, "10": 1}
    with pytest.raises(WganError, match="`data.labels` is labels.csv"):
        load(path, labels="labels.csv")


@pytest.mark.parametrize("value", [{"caption": "a cat", "url": "x"}, {"label": 0.5}, {"label": [0.2, 0.8]}, [1, 1]])
def test_json_without_labels_is_reported(load, tmp_path, messages, value):
    path = write_shard(tmp_path / "one.tar", with_json([value, value]))
    for number in range(2):
        assert load(path).class_names == () and len(messages) == number + 1 and ".json" in messages[number]
    assert ".json" in inspect_shards(str(path)).facts.notes[0]


def test_class_files_come_before_json(load, tmp_path):
    first, second = with_json([{"label": 1}]), [("1.png", png(1)), ("1.json", b'{"label": 2}'), ("1.cls", b"b")]
    members = [*first, ("0.cls", b"a"), *second]
    assert load(write_shard(tmp_path / "one.tar", members)).class_names == ("a", "b")
