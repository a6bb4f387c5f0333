"""Folders and archives: which files they contain, under which names, and damaged ones."""

from __future__ import annotations

import io
import os
import random
import sys
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wgan_cli.data.containers import archives, container
from wgan_cli.data.containers.archives import safe_name
from wgan_cli.data.containers.container import NotAnImage
from wgan_cli.data.containers.folders import open_container
from wgan_cli.errors import WganError

FILES = {"cat/1.jpg": b"one", "cat/deep/er/2.JPG": b"two", "dog/3.png": b"three"}


def make_folder(path: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def make_zip(path: Path, files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def make_tar(path: Path, files: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name.rstrip("/"))
            info.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


MAKERS = {
    "folder": make_folder,
    "zip": make_zip,
    "stored zip": lambda path, files: make_zip(path, files, zipfile.ZIP_STORED),
    "tar": make_tar,
    "tar.gz": lambda path, files: make_tar(path, files, "w:gz"),
    "tar.bz2": lambda path, files: make_tar(path, files, "w:bz2"),
    "tar.xz": lambda path, files: make_tar(path, files, "w:xz"),
}
every_kind = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
every_archive = pytest.mark.parametrize("make", list(MAKERS.values())[1:], ids=list(MAKERS)[1:])


def content_of(path: Path) -> dict[str, bytes]:
    with open_container(path) as opened:
        return {entry.name: opened.read(entry) for entry in opened.entries()}


@every_kind
def test_names_classes_and_content(tmp_path, make):
    path = make(tmp_path / "anything", FILES)
    with open_container(path) as opened:
        entries = opened.entries()
        assert [entry.name for entry in entries] == sorted(FILES)
        assert [entry.class_name for entry in entries] == ["cat", "cat", "dog"]
        assert opened.folders() == ["cat", "dog"]
        for entry in reversed(entries):
            assert opened.read(entry) == FILES[entry.name] and entry.size == len(FILES[entry.name])
            with opened.open(entry) as file:
                assert file.read(2) == FILES[entry.name][:2]


@every_kind
def test_flat_and_hidden_files(tmp_path, make):
    hidden = {".DS_Store": b"x", ".git/a.jpg": b"x", "sub/.hidden.jpg": b"x", "Thumbs.db": b"x", "__MACOSX/b.jpg": b"x"}
    path = make(tmp_path / "anything", {"b.jpg": b"b", "a.jpg": b"a", **hidden})
    assert content_of(path) == {"a.jpg": b"a", "b.jpg": b"b"}
    with open_container(path) as opened:
        assert [entry.class_name for entry in opened.entries()] == [None, None]


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_folder_around_a_whole_archive_is_no_class(tmp_path, make):
    wrapped = {f"./photos/{name}": content for name, content in FILES.items()}
    path = make(tmp_path / "x", {**wrapped, "photos/": b"", "photos/empty/": b""})
    with open_container(path) as opened:
        assert [entry.name for entry in opened.entries()] == sorted(FILES)
        assert opened.folders() == ["cat", "dog", "empty"]


def test_archive_of_the_current_folder(tmp_path):
    with open_container(
        make_tar(tmp_path / "x", {"./": b"", "./cat/": b"", "./cat/1.jpg": b"1", "./a.txt": b"2"})
    ) as tar:
        assert tar.folders() == ["cat"] and [entry.name for entry in tar.entries()] == ["a.txt", "cat/1.jpg"]


@pytest.mark.parametrize("make", [make_folder, make_zip, make_tar])
def test_reading_in_threads(tmp_path, make):
    files = {f"{number:03}.bin": bytes([number]) * (1000 + number) for number in range(100)}
    with open_container(make(tmp_path / "x", files)) as opened, ThreadPoolExecutor(8) as pool:
        entries = 8 * opened.entries()
        random.Random(0).shuffle(entries)
        assert all(content == files[e.name] for e, content in zip(entries, pool.map(opened.read, entries), strict=True))


# Links


def test_file_reached_twice_counts_once_under_its_own_name(tmp_path):
    make_folder(tmp_path / "photos", {"b/real.jpg": b"1", "b/other.jpg": b"2"})
    (tmp_path / "photos/a").mkdir()
    (tmp_path / "photos/a/link.jpg").symlink_to("../b/real.jpg")
    (tmp_path / "photos/a-whole").symlink_to("b")
    assert content_of(tmp_path / "photos") == {"b/real.jpg": b"1", "b/other.jpg": b"2"}


def test_links_to_other_folders_are_followed_once(tmp_path):
    make_folder(tmp_path / "elsewhere", {"1.jpg": b"1", "sub/2.jpg": b"2"})
    (tmp_path / "photos").mkdir()
    for name in ("first", "second"):
        (tmp_path / "photos" / name).symlink_to(tmp_path / "elsewhere")
    (tmp_path / "photos/third.jpg").symlink_to(tmp_path / "elsewhere/1.jpg")
    assert content_of(tmp_path / "photos") == {"first/1.jpg": b"1", "first/sub/2.jpg": b"2"}
    assert open_container(tmp_path / "photos").folders() == ["first"]


def test_link_loops(tmp_path):
    make_folder(tmp_path / "photos", {"cat/1.jpg": b"1"})
    for name, target in (("cat/up", ".."), ("top", tmp_path)):
        (tmp_path / "photos" / name).symlink_to(target)
    (tmp_path / "linked").symlink_to("photos")
    assert content_of(tmp_path / "photos") == content_of(tmp_path / "linked") == {"cat/1.jpg": b"1"}


def test_broken_links_are_files_that_cannot_be_read(tmp_path):
    make_folder(tmp_path, {"cat/1.jpg": b"1"})
    targets = ("self.jpg", "self.jpg"), ("a", "b"), ("b", "a"), ("no.jpg", "no"), ("cat/2.jpg", "../no"), (".x", "no")
    for name, target in targets:
        (tmp_path / name).symlink_to(target)
    with open_container(tmp_path) as opened:
        assert [entry.name for entry in opened.entries()] == ["a", "b", "cat/1.jpg", "cat/2.jpg", "no.jpg", "self.jpg"]
        for entry in opened.entries():
            for read in (opened.read, opened.open) if entry.name != "cat/1.jpg" else ():
                with pytest.raises(NotAnImage, match="broken link"):
                    read(entry)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipes_are_not_opened(tmp_path):
    make_folder(tmp_path, {"1.jpg": b"1"})
    os.mkfifo(tmp_path / "pipe.jpg")
    assert content_of(tmp_path) == {"1.jpg": b"1"}
    with pytest.raises(WganError, match="is not a folder"):
        open_container(tmp_path / "pipe.jpg")


def test_deeply_nested_folders(tmp_path):
    deepest, limit = "d/" * 300 + "1.jpg", sys.getrecursionlimit()
    make_folder(tmp_path, {deepest: b"1"})
    sys.setrecursionlimit(250)
    try:
        assert content_of(tmp_path) == {deepest: b"1"}
    finally:
        sys.setrecursionlimit(limit)


# Names in archives


def test_safe_names():
    for name in ("a/b.jpg", "./a//b.jpg", "../../a/b.jpg", "/a/b.jpg", "C:/a/b.jpg", "a/../../b.jpg"):
        assert safe_name(name) == "a/b.jpg"
    assert [safe_name(name) for name in ("..", "/", "", "a/.b/c.jpg", "a/")] == ["", "", "", "", "a/"]


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_names_are_never_used_as_paths(tmp_path, make):
    outside = tmp_path / "secret.jpg"
    outside.write_bytes(b"secret")
    path = make(tmp_path / "x", {"../secret.jpg": b"1", str(outside): b"2", "cat/../../3.jpg": b"3"})
    found = content_of(path)
    assert sorted(found.values()) == [b"1", b"2", b"3"]
    assert all(not name.startswith(("/", "..")) for name in found)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["secret.jpg", "x"]


def test_backslashes_in_a_zip(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name in ("a\\1.jpg", "b\\2.jpg"):
            info = zipfile.ZipInfo("placeholder")
            info.filename = name
            archive.writestr(info, b"x")
    assert sorted(content_of(tmp_path / "x.zip")) == ["a/1.jpg", "b/2.jpg"]


def test_links_and_devices_in_archives_are_ignored(tmp_path):
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    with tarfile.open(make_tar(tmp_path / "x.tar", {"a.jpg": b"a"}), "a") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
            info = tarfile.TarInfo(f"{kind.decode()}.jpg")
            info.type, info.linkname = kind, str(tmp_path / "secret.jpg")
            archive.addfile(info)
    with zipfile.ZipFile(make_zip(tmp_path / "x.zip", {"a.jpg": b"a"}), "a") as archive:
        info = zipfile.ZipInfo("link.jpg")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, str(tmp_path / "secret.jpg"))
    assert content_of(tmp_path / "x.tar") == content_of(tmp_path / "x.zip") == {"a.jpg": b"a"}


def test_last_of_two_equal_names_counts(tmp_path):
    make_tar(tmp_path / "x.tar", {"a.jpg": b"old"})
    make_tar(tmp_path / "x.tar", {"a.jpg": b"new"}, "a")
    assert content_of(tmp_path / "x.tar") == {"a.jpg": b"new"}


# Unreadable files


@pytest.mark.parametrize("name", ["missing", "missing/deeper", "x.zip/deeper", "nul\0", "x.zip"])
def test_missing_path_and_other_file(tmp_path, name):
    (tmp_path / "x.zip").write_text("not a zip")
    with pytest.raises(WganError, match="is not a folder" if name == "x.zip" else "no file or folder"):
        open_container(tmp_path / name)


def test_unreadable_folder(tmp_path, monkeypatch):
    make_folder(tmp_path, FILES)
    scandir = os.scandir

    def refusing(path):
        if str(path).endswith("cat"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(WganError, match="cannot read .*cat: Permission denied"):
        open_container(tmp_path).entries()


def test_large_files_are_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(container, "MAX_BYTES", 4)
    for make in (make_folder, make_zip, make_tar):
        with open_container(make(tmp_path / make.__name__, FILES)) as opened:
            large = opened.entries()[-1]
            with pytest.raises(NotAnImage, match="too large: 5 bytes"):
                opened.read(large)


def test_deleted_file(tmp_path):
    opened = open_container(make_folder(tmp_path, FILES))
    (entry, *_) = opened.entries()
    (tmp_path / entry.name).unlink()
    with pytest.raises(NotAnImage, match="No such file"):
        opened.read(entry)


def test_encrypted_file_in_a_zip(tmp_path):
    path = make_zip(tmp_path / "x.zip", {"a.jpg": b"a" * 50}, zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    for mark, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(mark) + flags] |= 1
    path.write_bytes(content)
    opened = open_container(path)
    with pytest.raises(NotAnImage, match="encrypted"):
        opened.read(opened.entries()[0])


def test_no_space_to_unpack_a_tar(tmp_path, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archives.shutil, "copyfileobj", full)
    with pytest.raises(WganError, match="No space left") as caught:
        open_container(make_tar(tmp_path / "x", FILES, "w:gz")).entries()
    assert "TMPDIR" in caught.value.hint


@every_archive
@pytest.mark.parametrize("share", [0.1, 0.8])
def test_truncated_archive(tmp_path, make, share):
    path = make(tmp_path / "x", {f"{number}.bin": os.urandom(2000) for number in range(20)})
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(WganError) as caught:
        content_of(path)
    assert str(path) in caught.value.message and caught.value.hint


def read_or_error(path: Path) -> None:
    try:
        opened = open_container(path)
        entries = opened.entries()
    except WganError as error:
        assert error.message and error.hint
        return
    for entry in entries:
        try:
            opened.read(entry)
        except NotAnImage as reason:
            assert str(reason)
    opened.close()


@every_archive
@pytest.mark.parametrize("examples", [8, pytest.param(100, marks=pytest.mark.slow)])
def test_corrupted_archive(tmp_path, make, examples):
    @settings(max_examples=examples)
    @given(data=st.data())
    def corrupted(data):
        path = make(tmp_path / "x", FILES)
        content = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 6))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        path.write_bytes(content)
        read_or_error(path)

    corrupted()


@pytest.mark.parametrize("number", [1, 2])
def test_broken_header_is_not_the_end_of_a_tar(tmp_path, number):
    path = make_tar(tmp_path / "x.tar", {f"{n}.jpg": b"x" for n in range(3)})
    content = bytearray(path.read_bytes())
    content[1024 * number + 150] ^= 1  # in the checksum
    path.write_bytes(content)
    with pytest.raises(WganError, match="broken in the middle"):
        content_of(path)


def test_tar_sizes_that_point_backwards(tmp_path):
    path = make_tar(tmp_path / "x.tar", {"a.jpg": b"a" * 600, "b.jpg": b"b"})
    content = bytearray(path.read_bytes())
    content[124:136] = b"\xff" * 10 + b"\xfc\x00"  # -1024 in base 256: before this header
    content[148:156] = b" " * 8
    content[148:156] = f"{sum(content[:512]):06o}\0 ".encode()
    path.write_bytes(content)
    with pytest.raises(WganError):
        content_of(path)
