"""MNIST and Fashion-MNIST: reading, broken files and downloads."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.mnist_files import files_in, gzipped, idx, md5, small_set, write_files
from torchvision import datasets

from wgan_cli.data.sources import download, mnist
from wgan_cli.errors import ExitStatus, WganError
from wgan_cli.recipe.data_settings import DataSettings

CLASSES = {"mnist": datasets.MNIST, "fashion_mnist": datasets.FashionMNIST, "kmnist": datasets.KMNIST}
IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


@pytest.fixture(params=CLASSES)
def source(request) -> str:
    return request.param


def raw(root: Path, source: str = "mnist") -> Path:
    return root / CLASSES[source].__name__ / "raw"


def load(root: Path, log, source: str = "mnist", split: str = "train"):
    return mnist.load(DataSettings(source=source, split=split), root, log)


def pixels_of(content: bytes) -> torch.Tensor:
    """Return the images of an IDX file, which has 16 bytes of header."""
    return torch.from_numpy(np.frombuffer(content, np.uint8, offset=16).reshape(-1, 1, 28, 28).copy())


@pytest.fixture
def served(server, monkeypatch):
    """Serve a small set as torchvision's source; call it with the source to get the unpacked files."""

    def serve(source: str, url: str | None = None) -> dict[str, bytes]:
        unpacked = small_set()
        server.files = gzipped(unpacked)
        monkeypatch.setattr(CLASSES[source], "mirrors", [url or server.url])
        checksums = [(name, md5(server.files[name])) for name, _ in CLASSES[source].resources]
        monkeypatch.setattr(CLASSES[source], "resources", checksums)
        return unpacked

    return serve


# Reading


def test_all_is_train_then_test(source, tmp_path, messages):
    write_files(raw(tmp_path, source), small_set())
    train, test, both = (load(tmp_path, messages.append, source, split) for split in ("train", "test", "all"))
    assert len(train) == 30 and len(test) == 20 and train.labels.tolist() == [number % 10 for number in range(30)]
    assert torch.equal(both.images, torch.cat([train.images, test.images]))
    assert torch.equal(both.labels, torch.cat([train.labels, test.labels]))
    assert train.class_names[9] == {"mnist": "9", "fashion_mnist": "Ankle boot", "kmnist": "wo"}[source]
    assert "30" in messages[0] and "60,000" in messages[0] and "20" in messages[1] and "10,000" in messages[1]


def test_other_split_is_not_needed(tmp_path, messages):
    write_files(raw(tmp_path), {name: content for name, content in small_set().items() if name.startswith("t10k")})
    assert len(load(tmp_path, messages.append, split="test")) == 20
    assert not any("downloading" in line for line in messages)


@pytest.mark.parametrize(
    ("broken", "change"),
    [
        pytest.param(IMAGES, lambda content: content[:-1], id="truncated"),
        pytest.param(IMAGES, lambda content: content + b"\0", id="too long"),
        pytest.param(IMAGES, lambda content: content[:16], id="only a header"),
        pytest.param(IMAGES, lambda content: b"", id="empty"),
        pytest.param(IMAGES, lambda content: b"\0\0\x0a\x03" + content[4:], id="unknown type"),
        pytest.param(IMAGES, lambda content: idx(np.zeros((30, 32, 32))), id="other size"),
        pytest.param(IMAGES, lambda content: idx(np.zeros(30)), id="labels for images"),
        pytest.param(LABELS, lambda content: content[:-1], id="truncated labels"),
        pytest.param(LABELS, lambda content: idx(np.full(30, 10)), id="label 10"),
        pytest.param(LABELS, lambda content: idx(np.zeros(29)), id="too few labels"),
        pytest.param(LABELS, lambda content: idx(np.zeros((30, 28, 28))), id="images for labels"),
    ],
)
def test_broken_file_is_named_and_kept(tmp_path, messages, broken, change):
    contents = small_set()
    write_files(raw(tmp_path), {**contents, broken: change(contents[broken])})
    with pytest.raises(WganError) as caught:
        load(tmp_path, messages.append)
    assert str(raw(tmp_path) / broken) in caught.value.message and "delete" in caught.value.hint
    assert (raw(tmp_path) / broken).exists()


# Downloads


def test_missing_set_is_downloaded_once(source, tmp_path, served, server, messages, capsys):
    unpacked = served(source)
    loaded = load(tmp_path / "new", messages.append, source)
    assert torch.equal(loaded.images, pixels_of(unpacked[IMAGES]))
    assert messages[0].startswith(f"{source} is not in {tmp_path / 'new'}")
    folder = raw(tmp_path / "new", source).relative_to(tmp_path)
    assert files_in(tmp_path) == sorted(str(folder / name) for name in unpacked), "no archives or temporary files"
    assert capsys.readouterr() == ("", ""), "no progress bar without a terminal"

    server.requested.clear()
    assert torch.equal(load(tmp_path / "new", messages.append, source).images, loaded.images)
    assert len(load(tmp_path / "new", messages.append, source, "test")) == 20
    assert server.requested == []


def test_progress_on_a_terminal(tmp_path, served, messages, capsys, monkeypatch):
    served("mnist")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    load(tmp_path, messages.append)
    output = capsys.readouterr()
    assert "100" in output.err and output.out == ""


def test_offline_error_says_what_to_do(source, tmp_path, messages):
    with pytest.raises(WganError, match=f"cannot download {source}: (?s:.)*127.0.0.1") as caught:
        load(tmp_path / "root", messages.append, source)
    for fix in (str(raw(tmp_path / "root", source)), "wgan train digits_dcgan", "--data-root"):
        assert fix in caught.value.hint
    assert files_in(tmp_path) == []


@pytest.mark.parametrize("fault", ["checksum", "silent"])
def test_failed_download_leaves_nothing(tmp_path, served, server, messages, monkeypatch, fault):
    served("mnist")
    name, good = f"{LABELS}.gz", server.files[f"{LABELS}.gz"]
    if fault == "checksum":
        server.files[name] = good[:-1] + bytes([good[-1] ^ 1])
    server.stuck = {name} if fault == "silent" else set()
    with monkeypatch.context() as patch, pytest.raises(WganError, match="cannot download mnist") as caught:
        patch.setattr(download, "TIMEOUT", 0.2 if fault == "silent" else 10.0)
        load(tmp_path, messages.append)
    assert {"checksum": "corrupted", "silent": "timed out"}[fault] in caught.value.message
    assert socket.getdefaulttimeout() is None and files_in(tmp_path) == []

    server.files[name], server.stuck = good, set()
    assert len(load(tmp_path, messages.append)) == 30


def test_existing_archives_are_unpacked_offline(source, tmp_path, served, server, messages):
    served(source, url="http://127.0.0.1:1/")
    write_files(raw(tmp_path, source), server.files)
    assert len(load(tmp_path, messages.append, source)) == 30
    assert server.requested == []


def test_existing_files_are_kept(tmp_path, served, messages):
    served("mnist")
    archive = raw(tmp_path) / f"{LABELS}.gz"
    mine = {IMAGES: small_set(seed=1)[IMAGES], archive.name: b"wrong checksum"}
    write_files(raw(tmp_path), mine)
    assert torch.equal(load(tmp_path, messages.append).images, pixels_of(mine[IMAGES]))
    assert archive.read_bytes() == b"wrong checksum"
    assert any(str(archive) in line and "wrong checksum" in line for line in messages)


@pytest.mark.parametrize("moves", range(4))
def test_interrupted_between_files(tmp_path, served, messages, monkeypatch, moves):
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
    left = files_in(tmp_path)
    assert len(left) == moves, "the temporary folder is gone"
    assert all((tmp_path / file).read_bytes() == unpacked[Path(file).name] for file in left)
    assert torch.equal(load(tmp_path, messages.append).images, pixels_of(unpacked[IMAGES]))


def test_killed_while_downloading(tmp_path, served, server, messages):
    unpacked = served("mnist")
    server.stuck = {f"{LABELS}.gz"}  # the second file: the first is unpacked by then
    with ThreadPoolExecutor(1) as pool:
        whole = pool.submit(load, tmp_path / "root", messages.append)
        assert server.is_stuck.wait(timeout=60)
        shutil.copytree(tmp_path / "root", tmp_path / "killed")  # what a kill leaves
        server.release.set()
        assert isinstance(whole.exception(), WganError), "half a file"
    assert IMAGES in [Path(file).name for file in files_in(tmp_path / "killed")]
    assert not raw(tmp_path / "killed").exists() and files_in(tmp_path / "root") == []
    server.stuck = set()
    assert torch.equal(load(tmp_path / "killed", messages.append).images, pixels_of(unpacked[IMAGES]))


@pytest.mark.parametrize("fault", ["no folder", "full disk"])
def test_unwritable_root(tmp_path, served, messages, monkeypatch, fault):
    def no_space(*args):
        raise OSError(28, "No space left on device")

    served("mnist")
    root = tmp_path
    if fault == "no folder":
        (tmp_path / "file").write_text("not a folder")
        root = tmp_path / "file" / "root"
    else:
        monkeypatch.setattr(os, "replace", no_space)
    with pytest.raises(WganError, match=f"cannot write mnist to {root}") as caught:
        load(root, messages.append)
    assert "--data-root" in caught.value.hint and caught.value.status is ExitStatus.FAILED
    assert [file for file in files_in(tmp_path) if file != "file"] == []
