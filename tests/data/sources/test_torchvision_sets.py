"""SVHN and STL-10 in torchvision's files, and their downloads."""

import io
import sys
import tarfile

import numpy as np
import pytest
import scipy.io
import torch
from helpers.mnist_files import files_in, md5, write_files
from torchvision import datasets

from wgan_cli.data.loading import load_images, native_shape
from wgan_cli.errors import WganError
from wgan_cli.recipe.data_settings import DataSettings


def load(source: str, root, messages, **more):
    settings = DataSettings.model_validate({"source": source, **more})
    images = load_images(settings, root, messages.append)
    assert native_shape(settings) == images.shape
    return images


def noise(part: str, size: int) -> np.ndarray:
    """Pixels (N, 3, size, size)."""
    return np.random.default_rng([*part.encode()]).integers(0, 256, (12, 3, size, size), np.uint8)


# SVHN


@pytest.fixture
def svhn(server, monkeypatch) -> dict[str, bytes]:
    """Serve small .mat files, with torchvision's checksums changed to theirs."""
    files, rows = {}, {}
    for part in ("train", "test"):
        content = io.BytesIO()
        labels = np.arange(1, 13, dtype=np.uint8)[:, None].clip(max=10)  # 10 is the digit 0
        scipy.io.savemat(content, {"X": noise(part, 32).transpose(2, 3, 1, 0), "y": labels})
        name = f"{part}_32x32.mat"
        files[name] = content.getvalue()
        rows[part] = [server.url + name, name, md5(files[name])]
    monkeypatch.setattr(datasets.SVHN, "split_list", {**datasets.SVHN.split_list, **rows})
    server.files = dict(files)
    return files


def test_svhn(tmp_path, svhn, server, messages):
    train = load("svhn", tmp_path, messages)
    assert set(server.requested) == {"train_32x32.mat"} and files_in(tmp_path) == ["train_32x32.mat"]
    np.testing.assert_array_equal(train.images, noise("train", 32))
    assert train.labels.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0, 0] and train.labels.dtype == torch.int64
    both = load("svhn", tmp_path, messages, split="all")
    np.testing.assert_array_equal(both.images[12:], noise("test", 32))
    assert load("svhn", tmp_path, messages, classes=[0]).labels.tolist() == [0, 0, 0]
    assert any("12 images" in line and "73,257" in line for line in messages)


def test_broken_svhn(tmp_path, svhn, messages):
    write_files(tmp_path, {"train_32x32.mat": svhn["train_32x32.mat"][:3000]})
    with pytest.raises(WganError, match="train_32x32.mat is truncated or damaged"):
        load("svhn", tmp_path, messages)


def test_svhn_needs_scipy(tmp_path, svhn, server, messages, monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(WganError, match="svhn needs scipy") as caught:
        load("svhn", tmp_path, messages)
    assert caught.value.hint == "pip install 'wgan[data]'" and server.requested == []


# STL-10


@pytest.fixture
def stl10(server, monkeypatch) -> dict[str, bytes]:
    """Serve a small archive, with torchvision's checksums changed to its files'."""
    files = {}
    for part in ("train", "test", "unlabeled"):
        files[f"{part}_X.bin"] = noise(part, 96).swapaxes(2, 3).tobytes()
        files[f"{part}_y.bin"] = bytes([*range(1, 11), 1, 2])
    del files["unlabeled_y.bin"]
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"stl10_binary/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    for attribute in ("train_list", "test_list"):
        rows = [[name, md5(files[name])] for name, _ in getattr(datasets.STL10, attribute)]
        monkeypatch.setattr(datasets.STL10, attribute, rows)
    monkeypatch.setattr(datasets.STL10, "tgz_md5", md5(packed.getvalue()))
    monkeypatch.setattr(datasets.STL10, "url", f"{server.url}archive.tar.gz")
    server.files = {"archive.tar.gz": packed.getvalue()}
    return files


@pytest.mark.parametrize("split", ["train", "test"])
def test_stl10(tmp_path, stl10, server, messages, split):
    images = load("stl10", tmp_path, messages, split=split)
    np.testing.assert_array_equal(images.images, noise(split, 96))
    assert images.labels.tolist() == [*range(10), 0, 1] and images.class_names[3] == "cat"
    server.requested.clear()
    unlabeled = load("stl10_unlabeled", tmp_path, messages, split=split)
    expected = noise("unlabeled" if split == "train" else "test", 96)
    np.testing.assert_array_equal(unlabeled.images, expected)
    assert unlabeled.class_names == () and server.requested == []


def test_other_files_of_stl10_are_not_needed(tmp_path, stl10, messages):
    write_files(tmp_path / "stl10_binary", {name: stl10[name] for name in ("test_X.bin", "test_y.bin")})
    assert len(load("stl10", tmp_path, messages, split="test")) == 12


@pytest.mark.parametrize("change", [{"train_X.bin": b"1234"}, {"train_y.bin": bytes(12)}, {"train_y.bin": b"\1"}])
def test_broken_stl10(tmp_path, stl10, messages, change):
    write_files(tmp_path / "stl10_binary", {**stl10, **change})
    with pytest.raises(WganError, match="train_X.bin or .*train_y.bin is truncated or damaged"):
        load("stl10", tmp_path, messages)


@pytest.mark.parametrize("source", ["stl10", "svhn"])
def test_offline(tmp_path, messages, source, monkeypatch):
    rows = {part: ["http://127.0.0.1:1/", name, sum_] for part, (_, name, sum_) in datasets.SVHN.split_list.items()}
    monkeypatch.setattr(datasets.SVHN, "split_list", rows)
    with pytest.raises(WganError, match=f"cannot download {source}") as caught:
        load(source, tmp_path, messages)
    assert str(tmp_path) in caught.value.hint and files_in(tmp_path) == []
