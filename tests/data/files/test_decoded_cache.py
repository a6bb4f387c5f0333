"""Cache of decoded images: entries are complete or missing, whatever happens while they are written."""

from __future__ import annotations

import errno
import multiprocessing
import os
import random
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock

from wgan_cli.data.files.decoded_cache import DecodedInfo, add_entry, cache_key, open_entry
from wgan_cli.errors import ExitStatus, WganError
from wgan_cli.utils.format import no_log

KEY = cache_key(["photos"], ["files"])
PIXELS = np.random.default_rng(0).integers(0, 256, (20, 3, 4, 5), np.uint8)
LABELS = [number % 3 for number in range(20)]
INFO = DecodedInfo(PIXELS.shape, ("a", "b", "c"), (("x.jpg", "not an image"),), empty_classes=("d",), loose=2)


def decode(file):
    file.write(PIXELS.tobytes())
    return LABELS, INFO


def make(cache: Path, key: str = KEY, decode=decode, log=no_log):
    return add_entry(cache, key, decode, PIXELS.size, log)


def never(file):
    raise AssertionError("an existing entry is decoded again")


def entries(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir())


def assert_right(decoded) -> None:
    assert np.array_equal(decoded.images.numpy(), PIXELS) and decoded.images.dtype == torch.uint8
    assert decoded.labels.tolist() == LABELS and decoded.labels.dtype == torch.int64
    assert replace(decoded.info, checksum=0) == INFO


def test_decoded_once(tmp_path):
    cache = tmp_path / "new" / "cache"
    assert open_entry(cache, KEY) is None
    assert_right(make(cache))
    assert_right(make(cache, decode=never))
    assert entries(cache) == [KEY]


def test_key_is_stable():
    assert KEY == "6f0c0b89784c150925ba-63e254eb3c304336a6af", "entries written with this VERSION stay usable"


def test_writing_to_images_does_not_change_the_file(tmp_path):
    make(tmp_path).images[0] = 0
    assert_right(open_entry(tmp_path, KEY))


def test_outdated_entry_is_removed(tmp_path):
    old, new, other = cache_key(["a"], [1]), cache_key(["a"], [2]), cache_key(["b"], [1])
    mapped = make(tmp_path, old)
    make(tmp_path, other)
    make(tmp_path, new)
    assert entries(tmp_path) == sorted([new, other])
    assert_right(mapped)


DAMAGES = {
    "truncated images": lambda folder: os.truncate(folder / "images.bin", 100),
    "longer images": lambda folder: os.truncate(folder / "images.bin", 10**5),
    "no images": lambda folder: (folder / "images.bin").unlink(),
    "no labels": lambda folder: (folder / "labels.npy").unlink(),
    "empty labels": lambda folder: os.truncate(folder / "labels.npy", 0),
    "other labels": lambda folder: np.save(folder / "labels.npy", np.zeros(20, np.int64)),
    "pickled labels": lambda folder: np.save(folder / "labels.npy", np.array([object]), allow_pickle=True),
    "no info": lambda folder: (folder / "pack.json").unlink(),
    "truncated info": lambda folder: os.truncate(folder / "pack.json", 40),
    "empty info": lambda folder: (folder / "pack.json").write_text("{}"),
    "other info": lambda folder: (folder / "pack.json").write_text("[1, 2]"),
    "file": lambda folder: (shutil.rmtree(folder), folder.write_text("x")),
    "empty folder": lambda folder: (shutil.rmtree(folder), folder.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damaged_entry_is_replaced(tmp_path, damage):
    make(tmp_path)
    damage(tmp_path / KEY)
    assert open_entry(tmp_path, KEY) is None
    assert_right(make(tmp_path))
    assert entries(tmp_path) == [KEY]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (WganError("a bad file", "repair it"), "a bad file"),
        (OSError(errno.ENOSPC, "No space left on device"), "cannot write decoded images to .*No space left"),
    ],
)
def test_failure_leaves_nothing(tmp_path, error, message):
    def failing(file):
        file.write(b"half")
        raise error

    with pytest.raises(WganError, match=message) as caught:
        make(tmp_path, decode=failing)
    assert caught.value.status == (ExitStatus.FAILED if isinstance(error, OSError) else ExitStatus.USAGE)
    assert entries(tmp_path) == []


def test_free_space_is_checked_first(tmp_path):
    with pytest.raises(WganError, match="MB are needed"):
        add_entry(tmp_path, KEY, never, 10**18, no_log)


@pytest.mark.parametrize("error", [errno.EACCES, errno.EROFS])
def test_read_only_cache(tmp_path, messages, monkeypatch, error):
    def refusing(self, *args, **options):
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(Path, "mkdir", refusing)
    assert_right(make(tmp_path / "cache", log=messages.append))
    assert len(messages) == 1 and os.strerror(error) in messages[0] and str(tmp_path / "cache") in messages[0]


def test_abandoned_entries_are_removed(tmp_path):
    abandoned, used = tmp_path / f".{cache_key(['a'], [])}", tmp_path / f".{cache_key(['b'], [])}"
    for folder in (abandoned, used, tmp_path / f".{KEY}", tmp_path / ".12345678-of-an-older-version"):
        folder.mkdir()
        (folder / "images.bin").write_bytes(b"half")
    with FileLock(f"{used}.lock"):
        assert_right(make(tmp_path))
    assert entries(tmp_path) == sorted([KEY, used.name, f"{used.name}.lock"])


def test_second_process_waits_for_the_first(tmp_path, messages):
    threads = []

    def decode_while_another_waits(file):
        threads.append(threading.Thread(target=lambda: make(tmp_path, decode=never, log=messages.append)))
        threads[0].start()
        for _ in range(1000):
            if messages:
                break
            time.sleep(0.01)
        return decode(file)

    assert_right(make(tmp_path, decode=decode_while_another_waits))
    threads[0].join()
    assert len(messages) == 1 and "waiting" in messages[0]
    assert entries(tmp_path) == [KEY]


def test_file_system_without_locks(tmp_path, monkeypatch):
    def unsupported(self, *args, **options):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(FileLock, "acquire", unsupported)
    assert_right(make(tmp_path))
    assert entries(tmp_path) == [KEY]


def start(cache: Path, pause: float) -> multiprocessing.Process:
    """Start a process that decodes the images, `pause` seconds apart."""

    def slowly(file):
        for pixels in PIXELS:
            file.write(pixels.tobytes())
            time.sleep(pause)
        return LABELS, INFO

    process = multiprocessing.get_context("fork").Process(target=make, args=(cache, KEY, slowly))
    process.start()
    return process


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("times", [4, pytest.param(300, marks=pytest.mark.slow)])
def test_killed_processes_leave_complete_entries_or_none(tmp_path, times):
    moments = random.Random(times)
    for _ in range(times):
        process = start(tmp_path, 0.001)
        time.sleep(moments.uniform(0.0, 0.06))
        process.kill()
        process.join()
        if (found := open_entry(tmp_path, KEY)) is not None:
            assert_right(found)
            shutil.rmtree(tmp_path / KEY)
    start(tmp_path, 0.0).join()
    assert_right(open_entry(tmp_path, KEY))
    assert entries(tmp_path) == [KEY]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_concurrent_processes(tmp_path):
    processes = [start(tmp_path, 0.001 * number) for number in range(4)]
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    assert_right(open_entry(tmp_path, KEY))
    assert entries(tmp_path) == [KEY]
