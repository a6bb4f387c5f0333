"""Suffixes, and atomic writes."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import torch
from helpers.disk import largest_file

from wgan_cli.errors import ExitStatus, WganError
from wgan_cli.utils.files import append_whole, check_suffix, write_atomically, write_text


@pytest.mark.parametrize(
    ("path", "better"), [("grid.jpg", "grid.png"), ("my files/grid", "'my files/grid.png'"), (".", "images.png")]
)
def test_suffix(path, better):
    check_suffix(Path("GRID.PNG"), (".webp", ".png"), "images.png")
    with pytest.raises(WganError) as refused:
        check_suffix(Path(path), (".webp", ".png"), "images.png", "--out")
    assert f"--out {path}" in refused.value.message and refused.value.hint.endswith(f" --out {better}")


def test_write_and_replace(tmp_path):
    path = tmp_path / "file"
    for content in (b"first", b"second, longer", b""):
        write_atomically(path, lambda file, content=content: file.write(content))
        assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["file"]


def test_old_file_stays_until_the_new_one_is_complete(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    seen = []

    def write(file):
        file.write(b"half")
        file.flush()
        seen.append(path.read_bytes())
        file.write(b" and half")

    write_atomically(path, write)
    assert seen == [b"old"]
    assert path.read_bytes() == b"half and half"


@pytest.mark.parametrize(
    "failure", [ValueError("no"), KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")]
)
def test_failed_write_keeps_the_old_file(tmp_path, failure):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def write(file):
        file.write(b"half")
        raise failure

    with pytest.raises((type(failure), WganError)):
        write_atomically(path, write)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_full_disk_error_names_the_file(tmp_path):
    def write(file):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(WganError) as caught:
        write_atomically(tmp_path / "file", write)
    assert caught.value.message == f"cannot write {tmp_path / 'file'}: No space left on device"
    assert "free space" in caught.value.hint
    assert caught.value.status == ExitStatus.FAILED


@pytest.mark.parametrize("place", ["missing/file", "file/below", "folder"])
def test_unwritable_path(tmp_path, place):
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "folder").mkdir()
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(WganError, match="cannot write"):
        write_text(tmp_path / place, "text")
    assert sorted(os.listdir(tmp_path)) == before
    assert (tmp_path / "file").read_bytes() == b"old"


def test_text_is_utf8(tmp_path):
    write_text(tmp_path / "file", "é\n")
    assert (tmp_path / "file").read_bytes() == "é\n".encode()


def test_append_all_or_nothing(tmp_path):
    path = tmp_path / "file"
    append_whole(path, b"first\n")
    for _ in range(2):
        with largest_file(10), pytest.raises(OSError):
            append_whole(path, b"second, of which four bytes fit\n")
        assert path.read_bytes() == b"first\n"
    append_whole(path, b"2nd\n")
    assert path.read_bytes() == b"first\n2nd\n"


@pytest.mark.parametrize("size", [0, 64, 1000, 1500, 5000, 9000])
def test_full_disk_inside_torch_save(tmp_path, size):
    weights = {"weight": torch.zeros(3000)}
    with largest_file(size), pytest.raises(WganError, match="cannot write .*: File too large"):
        write_atomically(tmp_path / "file", lambda file: torch.save(weights, file))  # torch's error is another one
    assert os.listdir(tmp_path) == []
