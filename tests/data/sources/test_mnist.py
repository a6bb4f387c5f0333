"""MNIST and Fashion-MNIST: what is read, what is refused, and what a download leaves behind."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.mnist_files import gzipped, idx, md5, small_set, write_files
from torchvision import datasets

from wgan_cli.data.sources import download, mnist
from wgan_cli.errors import ExitStatus, WganError
from wgan_cli.recipe.data_settings import DataSettings

CLASSES = {"mnist": datasets.MNIST, "fashion_mnist": datasets.FashionMNIST}
CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(params=CLASSES)
def source(request) -> str:
    return request.param


def raw(root: Path, source: str = "mnist") -> Path:
    return root / CLASSES[source].__name__ / "raw"


def load(root: Path, log, source: str = "mnist", split: str = "train"):
    return mnist.load(DataSettings(source=source, split=split), root, log)


def pixels_of(content: bytes) -> torch.Tensor:
    """The images of an IDX file: 16 bytes of header, then pixels."""
    return torch.from_numpy(np.frombuffer(content, np.uint8, offset=16).reshape(-1, 1, 28, 28).copy())


@pytest.fixture
def served(server, monkeypatch):
    """Serve a small set as torchvision's source; returns a function (source) -> its files, unpacked."""

    def serve(source: str, url: str | None = None) -> dict[str, bytes]:
        unpacked = small_set()
        server.files = gzipped(unpacked)
        monkeypatch.setattr(CLASSES[source], "mirrors", [url or server.url])
        checksums = [(name, md5(server.files[name])) for name, _ in CLASSES[source].resources]
        monkeypatch.setattr(CLASSES[source], "resources", checksums)
        return unpacked

    return serve


def left_in(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


# What is read


@pytest.mark.parametrize(("split", "count", "prefix"), [("train", 60_000, "train"), ("test", 10_000, "t10k")])
def test_real_mnist(real_data_root, messages, split, count, prefix):
    loaded = load(real_data_root, messages.append, split=split)
    assert loaded.images.dtype == torch.uint8 and loaded.labels.dtype == torch.int64
    assert torch.equal(loaded.images, pixels_of((raw(real_data_root) / f"{prefix}-images-idx3-ubyte").read_bytes()))
    labels = (raw(real_data_root) / f"{prefix}-labels-idx1-ubyte").read_bytes()[8:]
    assert loaded.labels.tolist() == list(labels) and len(labels) == count
    assert loaded.class_names == tuple("0123456789")
    assert loaded.origin == f"mnist {split} from {raw(real_data_root)}"
    assert messages == [], "the standard set is nothing to remark on"


def test_part_of_fashion_mnist_is_taken_and_remarked_on(real_data_root, messages):
    loaded = load(real_data_root, messages.append, "fashion_mnist", "all")
    assert loaded.images.shape == (2500, 1, 28, 28) and len(loaded.labels) == 2500
    assert loaded.class_names[0] == "T-shirt/top" and loaded.class_names[9] == "Ankle boot"
    assert len(loaded.class_names) == 10
    assert len(messages) == 2
    assert "train" in messages[0] and "2,000" in messages[0] and "60,000" in messages[0]
    assert "test" in messages[1] and "500" in messages[1] and "10,000" in messages[1]


def test_all_is_train_then_test(source, tmp_path, messages):
    write_files(raw(tmp_path, source), small_set())
    train, test, both = (load(tmp_path, messages.append, source, split) for split in ("train", "test", "all"))
    assert len(train) == 30 and len(test) == 20
    assert torch.equal(both.images, torch.cat([train.images, test.images]))
    assert torch.equal(both.labels, torch.cat([train.labels, test.labels]))


def test_only_the_files_of_the_split_are_needed(tmp_path, messages):
    only_test = {name: content for name, content in small_set().items() if name.startswith("t10k")}
    write_files(raw(tmp_path), only_test)
    assert len(load(tmp_path, messages.append, split="test")) == 20
    assert not any("downloading" in line for line in messages)


# What is refused

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


@pytest.mark.parametrize(
    ("broken", "change"),
    [
        pytest.param(IMAGES, lambda content, idx: content[:-1], id="cut"),
        pytest.param(IMAGES, lambda content, idx: content + b"\0", id="too long"),
        pytest.param(IMAGES, lambda content, idx: content[:10], id="half a header"),
        pytest.param(IMAGES, lambda content, idx: content[:16], id="only a header"),
        pytest.param(IMAGES, lambda content, idx: b"", id="empty"),
        pytest.param(IMAGES, lambda content, idx: b"<html>no such page</html>" * 40, id="a web page"),
        pytest.param(IMAGES, lambda content, idx: b"\0\0\x0a\x03" + content[4:], id="unknown type"),
        pytest.param(IMAGES, lambda content, idx: b"\0\0\x09\x03" + content[4:], id="signed type"),
        pytest.param(IMAGES, lambda content, idx: idx(np.zeros((30, 32, 32))), id="other size"),
        pytest.param(IMAGES, lambda content, idx: idx(np.zeros(30)), id="labels for images"),
        pytest.param(LABELS, lambda content, idx: content[:-1], id="cut labels"),
        pytest.param(LABELS, lambda content, idx: idx(np.full(30, 10)), id="label 10"),
        pytest.param(LABELS, lambda content, idx: idx(np.zeros(29)), id="too few labels"),
        pytest.param(LABELS, lambda content, idx: idx(np.zeros((30, 28, 28))), id="images for labels"),
    ],
)
def test_a_broken_file_is_named_and_so_is_the_repair(source, tmp_path, messages, broken, change):
    contents = small_set()
    contents[broken] = change(contents[broken], idx)
    write_files(raw(tmp_path, source), contents)
    with pytest.raises(WganError) as caught:
        load(tmp_path, messages.append, source)
    assert str(raw(tmp_path, source) / broken) in caught.value.message
    assert "delete" in caught.value.hint
    assert (raw(tmp_path, source) / broken).exists(), "deleting is left to the user"


# What a download leaves behind


def test_a_missing_set_is_downloaded_once(source, tmp_path, served, server, messages, capsys):
    unpacked = served(source)
    loaded = load(tmp_path / "new", messages.append, source)
    assert torch.equal(loaded.images, pixels_of(unpacked[IMAGES]))
    assert messages[0] == f"{source} is not in {tmp_path / 'new'}: downloading it with torchvision"
    folder = raw(tmp_path / "new", source).relative_to(tmp_path)
    assert left_in(tmp_path) == sorted(str(folder / name) for name in unpacked), "no archive, no temporary folder"
    assert capsys.readouterr() == ("", ""), "no progress bar where nobody looks"

    server.requested.clear()
    assert torch.equal(load(tmp_path / "new", messages.append, source).images, loaded.images)
    assert len(load(tmp_path / "new", messages.append, source, "test")) == 20
    assert server.requested == []


def test_progress_is_shown_on_a_terminal(tmp_path, served, messages, capsys, monkeypatch):
    served("mnist")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    load(tmp_path, messages.append)
    shown = capsys.readouterr()
    assert "100" in shown.err and shown.out == ""


def test_the_next_mirror_is_tried(tmp_path, served, server, messages, monkeypatch):
    served("mnist")
    monkeypatch.setattr(datasets.MNIST, "mirrors", ["http://127.0.0.1:1/", server.url])
    assert len(load(tmp_path, messages.append)) == 30


def test_without_a_network_the_error_says_what_else_to_do(source, tmp_path, messages):
    with pytest.raises(WganError) as caught:
        load(tmp_path / "root", messages.append, source)
    assert caught.value.message.startswith(f"cannot download {source}: ") and "127.0.0.1" in caught.value.message
    assert str(raw(tmp_path / "root", source)) in caught.value.hint
    assert "--recipe digits_dcgan" in caught.value.hint and "--data-root" in caught.value.hint
    assert left_in(tmp_path) == []


def test_a_wrong_checksum_is_refused_and_leaves_nothing(source, tmp_path, served, server, messages):
    served(source)
    name = f"{LABELS}.gz"
    good = server.files[name]
    server.files[name] = good[:-1] + bytes([good[-1] ^ 1])
    with pytest.raises(WganError, match=f"cannot download {source}") as caught:
        load(tmp_path, messages.append, source)
    assert "corrupted" in caught.value.message
    assert left_in(tmp_path) == []

    server.files[name] = good
    assert len(load(tmp_path, messages.append, source)) == 30


def test_a_connection_that_breaks_leaves_nothing(tmp_path, served, server, messages):
    served("mnist")
    server.cut = {f"{IMAGES}.gz"}
    with pytest.raises(WganError, match="cannot download mnist"):
        load(tmp_path, messages.append)
    assert left_in(tmp_path) == []

    server.cut = set()
    assert len(load(tmp_path, messages.append)) == 30


def test_a_server_that_falls_silent_is_given_up(tmp_path, served, server, messages, monkeypatch):
    served("mnist")
    server.stuck = {f"{IMAGES}.gz"}
    monkeypatch.setattr(download, "TIMEOUT", 0.2)
    with pytest.raises(WganError, match="cannot download mnist: .*timed out"):
        load(tmp_path, messages.append)
    assert socket.getdefaulttimeout() is None, "nothing else in the process is hurried"
    assert left_in(tmp_path) == []


def test_archives_that_lie_there_are_unpacked_without_a_network(source, tmp_path, served, server, messages):
    served(source, url="http://127.0.0.1:1/")
    write_files(raw(tmp_path, source), server.files)
    assert len(load(tmp_path, messages.append, source)) == 30
    assert server.requested == []


def test_an_archive_with_a_wrong_checksum_is_downloaded_but_not_touched(tmp_path, served, server, messages):
    served("mnist")
    mine = raw(tmp_path) / f"{IMAGES}.gz"
    write_files(raw(tmp_path), {mine.name: b"something else"})
    assert len(load(tmp_path, messages.append)) == 30
    assert mine.read_bytes() == b"something else"
    assert f"{mine} has a wrong checksum and is not used: delete it" in messages


def test_a_file_that_lies_there_is_not_replaced(tmp_path, served, messages):
    served("mnist")
    mine = {IMAGES: small_set(seed=1)[IMAGES]}
    write_files(raw(tmp_path), mine)
    assert torch.equal(load(tmp_path, messages.append).images, pixels_of(mine[IMAGES]))


@pytest.mark.parametrize("moves", range(4))
def test_interrupted_between_files_the_next_run_completes_the_set(tmp_path, served, messages, monkeypatch, moves):
    unpacked = served("mnist")
    real_replace, done = os.replace, []

    def replace(*args):
        if len(done) == moves:
            raise KeyboardInterrupt
        done.append(args)
        real_replace(*args)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(os, "replace", replace)
        load(tmp_path, messages.append)
    left = left_in(tmp_path)
    assert len(left) == moves, "the temporary folder is gone"
    assert all((tmp_path / file).read_bytes() == unpacked[Path(file).name] for file in left)
    assert torch.equal(load(tmp_path, messages.append).images, pixels_of(unpacked[IMAGES]))


def test_killed_while_downloading_the_next_run_starts_afresh(tmp_path, served, server, messages):
    unpacked = served("mnist")
    server.stuck = {f"{LABELS}.gz"}  # the second file: the first is there and unpacked by then
    code = f"""
from pathlib import Path
from torchvision import datasets
datasets.MNIST.mirrors, datasets.MNIST.resources = {datasets.MNIST.mirrors!r}, {datasets.MNIST.resources!r}
from wgan_cli.data.sources import mnist
from wgan_cli.recipe.data_settings import DataSettings
mnist.load(DataSettings(source="mnist"), Path({str(tmp_path)!r}), print)
"""
    process = subprocess.Popen([sys.executable, "-c", code], cwd=CHECKOUT, stdout=subprocess.DEVNULL)
    try:
        assert server.is_stuck.wait(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert IMAGES in [Path(file).name for file in left_in(tmp_path)], "killed halfway"
    assert not raw(tmp_path).exists()

    server.stuck = set()
    assert torch.equal(load(tmp_path, messages.append).images, pixels_of(unpacked[IMAGES]))


def test_another_process_may_finish_the_same_download_first(tmp_path, served, messages, monkeypatch):
    unpacked = served("mnist")
    real_download = datasets.MNIST.download

    def download(dataset):
        real_download(dataset)
        write_files(raw(tmp_path), unpacked)  # what the other process did meanwhile

    monkeypatch.setattr(datasets.MNIST, "download", download)
    assert torch.equal(load(tmp_path, messages.append).images, pixels_of(unpacked[IMAGES]))
    assert sorted(Path(file).name for file in left_in(tmp_path)) == sorted(unpacked)


def test_a_root_that_cannot_be_written_is_named(tmp_path, served, messages):
    served("mnist")
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(WganError) as caught:
        load(tmp_path / "file" / "root", messages.append)
    assert str(tmp_path / "file" / "root") in caught.value.message and "--data-root" in caught.value.hint
    assert caught.value.status is ExitStatus.FAILED


def test_a_full_disk_is_no_network_failure(tmp_path, served, messages, monkeypatch):
    served("mnist")

    def no_room(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", no_room)
    with pytest.raises(WganError, match="cannot write mnist to .*No space left on device") as caught:
        load(tmp_path, messages.append)
    assert caught.value.status is ExitStatus.FAILED
    assert left_in(tmp_path) == []
