"""CIFAR-10 and CIFAR-100: batch files, image folders, downloads and broken files."""

from __future__ import annotations

import io
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.cifar_files import NAMES, make_images
from helpers.mnist_files import files_in, md5, write_files
from PIL import Image
from torchvision import datasets

from wgan_cli.data.sources import cifar
from wgan_cli.errors import WganError
from wgan_cli.recipe.data_settings import DataSettings

BATCHES = "cifar-10-batches-py"


def load(root: Path, log, split: str = "train", limit: int | None = None):
    return cifar.load(DataSettings(source="cifar10", split=split, limit=limit), root, log)


# Image files


def pixels(loaded, index: int) -> np.ndarray:
    return loaded.images[index].permute(1, 2, 0).numpy()


@pytest.mark.parametrize("split", ["train", "test", "all"])
def test_splits_classes_and_order(tmp_path, messages, split):
    made = make_images(tmp_path)
    loaded = load(tmp_path, messages.append, split)
    parts = ("train", "test") if split == "all" else (split,)
    expected = [f"{part}/{name}/000{n}.png" for part in parts for n in range(2) for name in NAMES]
    assert len(loaded) == len(expected) and "image files" in messages[0] and str(len(made) // 2) in messages[1]
    for index, file in enumerate(expected):
        assert np.array_equal(pixels(loaded, index), made[file])
        assert NAMES[loaded.labels[index]] == file.split("/")[1]


def test_limit_keeps_all_classes(tmp_path, messages):
    make_images(tmp_path)
    few, whole = load(tmp_path, messages.append, "all", limit=25), load(tmp_path, messages.append, "all")
    assert torch.equal(few.images, whole.images[:25]) and torch.equal(few.labels, whole.labels[:25])
    assert set(few.labels.tolist()) == set(range(10))


@pytest.mark.parametrize(("background", "level"), [("black", 0), ("white", 255)])
def test_images_are_read_as_set(tmp_path, messages, background, level):
    make_images(tmp_path, parts=("train",))
    Image.new("RGBA", (32, 32), (9, 9, 9, 0)).save(tmp_path / f"cifar10/train/{NAMES[0]}/0000.png")
    loaded = cifar.load(DataSettings(source="cifar10", background=background), tmp_path, messages.append)
    assert (pixels(loaded, 0) == level).all()


def test_other_sizes_are_rejected(tmp_path, messages):
    make_images(tmp_path, parts=("train",))
    Image.new("RGB", (32, 31)).save(tmp_path / "cifar10/train/dog/0001.png")
    with pytest.raises(WganError, match="cifar10/train .*dog/0001.png .*32x31"):
        load(tmp_path, messages.append)


def test_class_folders_are_checked(tmp_path, messages):
    make_images(tmp_path)
    (tmp_path / "cifar10/test/dog").rename(tmp_path / "cifar10/test/hound")
    assert load(tmp_path, messages.append, "train").class_names == NAMES
    with pytest.raises(WganError, match="cifar10/test has other class folders"):
        load(tmp_path, messages.append, "all")
    (tmp_path / "cifar10/train/dog").rename(tmp_path / "dog")
    with pytest.raises(WganError, match="cifar10/train has 9 class folders"):
        load(tmp_path, messages.append)


# Batch files


def packed_as(folder: str, files: dict[str, bytes]) -> bytes:
    """Return a .tar.gz of files in a folder."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


class Batches:
    """Small CIFAR-10 in torchvision's format, with torchvision's checksums patched to match."""

    def __init__(self, monkeypatch) -> None:
        random = np.random.default_rng(1)
        self.pixels = {name: random.integers(0, 256, (10, 3072), np.uint8) for name in self.names()}
        self.files = {
            name: pickle.dumps({"data": data, "labels": list(range(10))}) for name, data in self.pixels.items()
        }
        self.files["batches.meta"] = pickle.dumps({"label_names": list(NAMES)})
        self.archive = packed_as(BATCHES, self.files)
        patches = {
            "train_list": [[name, md5(self.files[name])] for name in self.names()[:5]],
            "test_list": [["test_batch", md5(self.files["test_batch"])]],
            "meta": {**datasets.CIFAR10.meta, "md5": md5(self.files["batches.meta"])},
            "tgz_md5": md5(self.archive),
        }
        for name, value in patches.items():
            monkeypatch.setattr(datasets.CIFAR10, name, value)

    @staticmethod
    def names() -> list[str]:
        return [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]

    def images(self, *names: str) -> torch.Tensor:
        return torch.from_numpy(np.concatenate([self.pixels[name] for name in names]).reshape(-1, 3, 32, 32))


@pytest.fixture
def batches(monkeypatch) -> Batches:
    return Batches(monkeypatch)


def test_batch_files_are_preferred(tmp_path, messages, batches):
    make_images(tmp_path)
    write_files(tmp_path / BATCHES, batches.files)
    train = load(tmp_path, messages.append)
    assert str(tmp_path / BATCHES) in messages[0] and "batch files" in messages[0]
    assert torch.equal(train.images, batches.images(*batches.names()[:5])) and train.images.is_contiguous()
    assert train.labels.tolist() == list(range(10)) * 5 and train.labels.dtype == torch.int64
    assert train.class_names == NAMES
    assert torch.equal(load(tmp_path, messages.append, "test").images, batches.images("test_batch"))
    assert torch.equal(load(tmp_path, messages.append, "all").images, batches.images(*batches.names()))


def test_images_are_used_if_batch_files_are_missing(tmp_path, messages, batches):
    make_images(tmp_path)
    write_files(tmp_path / BATCHES, {name: batches.files[name] for name in batches.names()[:3]})
    assert len(load(tmp_path, messages.append)) == 20
    assert "image files" in messages[0]


@pytest.mark.parametrize("name", ["data_batch_3", "test_batch", "batches.meta"])
def test_wrong_checksum_is_never_unpickled(tmp_path, messages, batches, name):
    class Trap:
        def __reduce__(self):
            return Path.touch, (tmp_path / "code_was_run",)

    write_files(tmp_path / BATCHES, {**batches.files, name: pickle.dumps(Trap())})
    with pytest.raises(WganError) as caught:
        load(tmp_path, messages.append, "all")
    assert str(tmp_path / BATCHES / name) in caught.value.message and "delete" in caught.value.hint
    assert not any(good in caught.value.message for good in batches.files if good != name)
    assert not (tmp_path / "code_was_run").exists()


# Download


def serve(server, monkeypatch, content: bytes) -> None:
    monkeypatch.setattr(datasets.CIFAR10, "url", server.url + "archive.tar.gz")
    server.files = {"archive.tar.gz": content}


def test_missing_set_is_downloaded_once(tmp_path, messages, batches, server, monkeypatch, capsys):
    serve(server, monkeypatch, batches.archive)
    assert torch.equal(load(tmp_path, messages.append, "test").images, batches.images("test_batch"))
    assert messages[0].startswith(f"cifar10 is not in {tmp_path}")
    assert files_in(tmp_path) == sorted(f"{BATCHES}/{name}" for name in batches.files)
    assert capsys.readouterr() == ("", "")
    server.requested.clear()
    assert len(load(tmp_path, messages.append)) == 50 and server.requested == []


def test_existing_archive_is_unpacked_offline(tmp_path, messages, batches):
    write_files(tmp_path, {datasets.CIFAR10.filename: batches.archive})
    assert len(load(tmp_path, messages.append)) == 50


def test_corrupt_download_leaves_nothing(tmp_path, messages, batches, server, monkeypatch):
    serve(server, monkeypatch, batches.archive[:100] + b"x" + batches.archive[101:])
    with pytest.raises(WganError, match="cannot download cifar10"):
        load(tmp_path, messages.append)
    assert files_in(tmp_path) == []


def test_offline_error_says_what_to_do(tmp_path, messages):
    with pytest.raises(WganError, match="Connection refused") as caught:
        load(tmp_path, messages.append, "test")
    for fix in ("cifar-10-python.tar.gz", str(tmp_path / "cifar10/test"), "wgan train digits_dcgan", "--data-root"):
        assert fix in caught.value.hint


# CIFAR-100


def test_cifar100(tmp_path, messages, server, monkeypatch):
    names = [f"class {number}" for number in range(100)]
    data = np.random.default_rng(0).integers(0, 256, (100, 3072), np.uint8)
    part = {"data": data, "fine_labels": list(range(100)), "coarse_labels": [0] * 100}
    files = {"train": pickle.dumps(part), "test": pickle.dumps(part), "meta": pickle.dumps({"fine_label_names": names})}
    packed = packed_as("cifar-100-python", files)
    monkeypatch.setattr(datasets.CIFAR100, "train_list", [["train", md5(files["train"])]])
    monkeypatch.setattr(datasets.CIFAR100, "test_list", [["test", md5(files["test"])]])
    monkeypatch.setattr(datasets.CIFAR100, "meta", {**datasets.CIFAR100.meta, "md5": md5(files["meta"])})
    monkeypatch.setattr(datasets.CIFAR100, "tgz_md5", md5(packed))
    monkeypatch.setattr(datasets.CIFAR100, "url", server.url + "archive.tar.gz")
    server.files = {"archive.tar.gz": packed}
    images = cifar.load(DataSettings(source="cifar100", split="test"), tmp_path, messages.append)
    assert np.array_equal(images.images, data.reshape(-1, 3, 32, 32)) and images.labels.tolist() == list(range(100))
    assert images.class_names == tuple(names)
    assert files_in(tmp_path) == [f"cifar-100-python/{name}" for name in ("meta", "test", "train")]
