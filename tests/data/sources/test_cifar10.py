"""CIFAR-10: batch files before images before a download, and what each refuses."""

from __future__ import annotations

import io
import pickle
import struct
import tarfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.mnist_files import md5, write_files
from PIL import Image
from torchvision import datasets

from wgan_cli.data.sources import cifar10
from wgan_cli.errors import WganError
from wgan_cli.recipe.data_settings import DataSettings

NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
BATCHES = "cifar-10-batches-py"


def load(root: Path, log, split: str = "train", limit: int | None = None):
    return cifar10.load(DataSettings(source="cifar10", split=split, limit=limit), root, log)


# Image files


def make_images(root: Path, per_class: int = 2, parts=("train", "test"), names=NAMES) -> dict[str, np.ndarray]:
    """PNG files of noise; returns the pixels (32, 32, 3) by path relative to root/cifar10."""
    random = np.random.default_rng(0)
    made = {}
    for part in parts:
        for name in names:
            folder = root / "cifar10" / part / name
            folder.mkdir(parents=True)
            for number in range(per_class):
                pixels = random.integers(0, 256, (32, 32, 3), np.uint8)
                Image.fromarray(pixels).save(folder / f"{number:04}.png")
                made[f"{part}/{name}/{number:04}.png"] = pixels
    return made


def pixels(loaded, index: int) -> np.ndarray:
    return loaded.images[index].permute(1, 2, 0).numpy()


def test_real_jpeg_files(real_cifar_root, messages):
    loaded = load(real_cifar_root, messages.append, "all")
    assert loaded.images.shape == (60, 3, 32, 32) and loaded.images.dtype == torch.uint8
    assert loaded.class_names == NAMES
    for label, name in enumerate(NAMES):
        mine = [pixels(loaded, index) for index in (loaded.labels == label).nonzero().flatten()]
        names = [f"{part}/{name}/000{number}.jpg" for part in ("train", "test") for number in range(3)]
        for image, file in zip(mine, names, strict=True):
            assert np.array_equal(image, np.asarray(Image.open(real_cifar_root / "cifar10" / file)))
    assert str(real_cifar_root / "cifar10") in messages[0] and "image files" in messages[0]
    assert "30" in messages[1] and "50,000" in messages[1] and "30" in messages[2] and "10,000" in messages[2]


@pytest.mark.parametrize("split", ["train", "test", "all"])
def test_each_image_has_the_class_of_its_folder(tmp_path, messages, split):
    made = make_images(tmp_path)
    loaded = load(tmp_path, messages.append, split)
    parts = ("train", "test") if split == "all" else (split,)
    expected = [f"{part}/{name}/000{n}.png" for part in parts for n in range(2) for name in NAMES]
    assert len(loaded) == len(expected)
    for index, file in enumerate(expected):
        assert np.array_equal(pixels(loaded, index), made[file])
        assert NAMES[loaded.labels[index]] == file.split("/")[1]


def test_a_limit_takes_the_first_images_and_keeps_all_classes(tmp_path, messages):
    make_images(tmp_path)
    few, whole = load(tmp_path, messages.append, "all", limit=15), load(tmp_path, messages.append, "all")
    assert torch.equal(few.images, whole.images[:15]) and torch.equal(few.labels, whole.labels[:15])
    assert set(few.labels.tolist()) == set(range(10))


@pytest.mark.parametrize(
    ("mode", "name"), [("L", "x.png"), ("RGBA", "x.png"), ("P", "x.PNG"), ("CMYK", "x.JPEG"), ("L", "x.jpg")]
)
def test_any_mode_and_any_case_of_the_extension(tmp_path, messages, mode, name):
    make_images(tmp_path, per_class=1, parts=("train",))
    file = tmp_path / "cifar10/train/airplane" / name
    Image.new("RGB", (32, 32), (204, 204, 204)).convert(mode).save(file)
    loaded = load(tmp_path, messages.append)
    assert len(loaded) == 11
    assert np.abs(pixels(loaded, 10).astype(int) - 204).max() <= 3


def test_hidden_files_are_passed_over(tmp_path, messages):
    make_images(tmp_path, per_class=1, parts=("train",))
    (tmp_path / "cifar10/train/.DS_Store").write_text("x")
    (tmp_path / "cifar10/train/cat/.DS_Store").write_text("x")
    assert len(load(tmp_path, messages.append)) == 10


def bad_text(file: Path) -> None:
    file.write_text("not an image")


def bad_half(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:200])


def bad_chunk(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[40:60] = bytes(20)
    file.write_bytes(content)


def bad_header(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[8:12] = struct.pack(">I", 12)  # the header's length; PIL raises ValueError
    file.write_bytes(content)


def bad_bomb(file: Path) -> None:
    header = b"IHDR" + struct.pack(">IIBBBBB", 10**5, 10**5, 8, 2, 0, 0, 0)
    size, checksum = struct.pack(">I", 13), struct.pack(">I", zlib.crc32(header))
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + size + header + checksum + struct.pack(">I", 0) + b"IDAT")


def bad_empty(file: Path) -> None:
    file.write_bytes(b"")


@pytest.mark.parametrize("spoil", [bad_text, bad_half, bad_chunk, bad_header, bad_bomb, bad_empty])
def test_a_file_that_is_no_image_is_named(tmp_path, messages, spoil):
    make_images(tmp_path, parts=("train",))
    file = tmp_path / "cifar10/train/dog/0001.png"
    spoil(file)
    with pytest.raises(WganError) as caught:
        load(tmp_path, messages.append)
    assert "dog/0001.png" in caught.value.message and caught.value.hint


@pytest.mark.parametrize("size", [(32, 31), (64, 64), (1, 1)])
def test_an_image_of_another_size_is_named(tmp_path, messages, size):
    make_images(tmp_path, parts=("train",))
    file = tmp_path / "cifar10/train/dog/0001.png"
    Image.new("RGB", size).save(file)
    with pytest.raises(WganError) as caught:
        load(tmp_path, messages.append)
    assert "dog/0001.png" in caught.value.message and f"{size[0]}x{size[1]}" in caught.value.message


def test_other_than_ten_classes_is_refused(tmp_path, messages):
    make_images(tmp_path, parts=("train",), names=NAMES[:9])
    with pytest.raises(WganError, match="9 class folders") as caught:
        load(tmp_path, messages.append)
    assert str(tmp_path / "cifar10/train") in caught.value.message


def test_train_and_test_must_have_the_same_classes(tmp_path, messages):
    make_images(tmp_path)
    (tmp_path / "cifar10/test/dog").rename(tmp_path / "cifar10/test/hound")
    assert load(tmp_path, messages.append, "train").class_names == NAMES
    with pytest.raises(WganError, match="cifar10/test has other class folders"):
        load(tmp_path, messages.append, "all")


def test_empty_class_folders_are_refused(tmp_path, messages):
    make_images(tmp_path, per_class=0)
    with pytest.raises(WganError, match="contains no files"):
        load(tmp_path, messages.append)


# Batch files


class Batches:
    """A small CIFAR-10 in torchvision's format, whose checksums torchvision is made to expect."""

    def __init__(self, monkeypatch, md5) -> None:
        random = np.random.default_rng(1)
        self.pixels = {name: random.integers(0, 256, (10, 3072), np.uint8) for name in self.names()}
        self.files = {
            name: pickle.dumps({"data": data, "labels": list(range(10))}) for name, data in self.pixels.items()
        }
        self.files["batches.meta"] = pickle.dumps({"label_names": list(NAMES)})
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as tar:
            for name, content in self.files.items():
                member = tarfile.TarInfo(f"{BATCHES}/{name}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        self.archive = packed.getvalue()
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
    return Batches(monkeypatch, md5)


def left_in(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_batch_files_are_preferred_and_read_whole(tmp_path, messages, batches):
    make_images(tmp_path)
    write_files(tmp_path / BATCHES, batches.files)
    train = load(tmp_path, messages.append)
    assert str(tmp_path / BATCHES) in messages[0] and "batch files" in messages[0]
    assert torch.equal(train.images, batches.images(*batches.names()[:5])) and train.images.is_contiguous()
    assert train.labels.tolist() == list(range(10)) * 5 and train.labels.dtype == torch.int64
    assert train.class_names == NAMES
    assert torch.equal(load(tmp_path, messages.append, "test").images, batches.images("test_batch"))
    assert torch.equal(load(tmp_path, messages.append, "all").images, batches.images(*batches.names()))


def test_incomplete_batch_files_give_way_to_images(tmp_path, messages, batches):
    make_images(tmp_path)
    write_files(tmp_path / BATCHES, {name: batches.files[name] for name in batches.names()[:3]})
    assert len(load(tmp_path, messages.append)) == 20
    assert "image files" in messages[0]


@pytest.mark.parametrize("name", ["data_batch_3", "test_batch", "batches.meta"])
def test_a_batch_file_with_a_wrong_checksum_is_named_and_never_unpickled(tmp_path, messages, batches, name):
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


def test_a_missing_set_is_downloaded_once(tmp_path, messages, batches, server, monkeypatch, capsys):
    monkeypatch.setattr(datasets.CIFAR10, "url", server.url + "archive.tar.gz")
    server.files = {"archive.tar.gz": batches.archive}
    assert torch.equal(load(tmp_path, messages.append, "test").images, batches.images("test_batch"))
    assert messages[0] == f"cifar10 is not in {tmp_path}: downloading it with torchvision"
    assert left_in(tmp_path) == sorted(f"{BATCHES}/{name}" for name in batches.files)
    assert capsys.readouterr() == ("", "")

    server.requested.clear()
    assert len(load(tmp_path, messages.append)) == 50
    assert server.requested == []


def test_a_deleted_batch_file_is_downloaded_again(tmp_path, messages, batches, server, monkeypatch):
    monkeypatch.setattr(datasets.CIFAR10, "url", server.url + "archive.tar.gz")
    server.files = {"archive.tar.gz": batches.archive}
    write_files(tmp_path / BATCHES, {name: batches.files[name] for name in batches.names()[1:]})
    assert torch.equal(load(tmp_path, messages.append).images, batches.images(*batches.names()[:5]))


def test_an_archive_that_lies_there_is_unpacked_without_a_network(tmp_path, messages, batches):
    write_files(tmp_path, {datasets.CIFAR10.filename: batches.archive})
    assert len(load(tmp_path, messages.append)) == 50


@pytest.mark.parametrize("fault", ["cut", "corrupt", "missing"])
def test_a_download_that_fails_leaves_nothing(tmp_path, messages, batches, server, monkeypatch, fault):
    monkeypatch.setattr(datasets.CIFAR10, "url", server.url + "archive.tar.gz")
    content = batches.archive
    server.files = {
        "cut": {"archive.tar.gz": content},
        "corrupt": {"archive.tar.gz": content[:100] + b"x" + content[101:]},
        "missing": {},
    }[fault]
    server.cut = {"archive.tar.gz"} if fault == "cut" else set()
    with pytest.raises(WganError, match="cannot download cifar10"):
        load(tmp_path, messages.append)
    assert left_in(tmp_path) == []

    server.files, server.cut = {"archive.tar.gz": content}, set()
    assert len(load(tmp_path, messages.append)) == 50


def test_without_a_network_the_error_says_what_else_to_do(tmp_path, messages):
    with pytest.raises(WganError) as caught:
        load(tmp_path, messages.append, "test")
    assert "Connection refused" in caught.value.message
    for repair in ("cifar-10-python.tar.gz", str(tmp_path / "cifar10/test"), "--recipe digits_dcgan", "--data-root"):
        assert repair in caught.value.hint
