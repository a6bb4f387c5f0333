"""Cache of decoded images: entries are complete or missing, whatever happens while they are written."""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock

import wgan_cli
from wgan_cli.data.files.decoded_cache import ImageWriter, cache_key, cached_decode, open_decoded
from wgan_cli.errors import ExitStatus, WganError
from wgan_cli.utils.format import no_log

KEY = cache_key(["photos"], ["files"])
SHAPE = (3, 4, 5)
PIXELS = np.random.default_rng(0).integers(0, 256, (20, *SHAPE), np.uint8)
LABELS = [number % 3 for number in range(20)]


def decode(file):
    writer = ImageWriter(file, SHAPE)
    for pixels, label in zip(PIXELS, LABELS, strict=True):
        writer.add(pixels, label)
    facts = {"class_names": ("a", "b", "c"), "bad": (("x.jpg", "not an image"),), "empty_classes": ("d",), "loose": 2}
    return writer, writer.info(**facts)


def make(cache: Path, key: str = KEY, decode=decode, log=no_log):
    return cached_decode(cache, key, decode, PIXELS.size, log)


def never(file):
    raise AssertionError("an existing entry is decoded again")


def entries(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir())


def assert_right(decoded) -> None:
    assert np.array_equal(decoded.images.numpy(), PIXELS) and decoded.images.dtype == torch.uint8
    assert decoded.labels.tolist() == LABELS and decoded.labels.dtype == torch.int64
    info = decoded.info
    assert (info.shape, info.class_names, info.empty_classes) == (PIXELS.shape, ("a", "b", "c"), ("d",))
    assert (info.bad, info.loose, info.alike) == ((("x.jpg", "not an image"),), 2, False)


def test_decoded_once(tmp_path):
    cache = tmp_path / "new" / "cache"
    assert open_decoded(cache, KEY) is None
    assert_right(make(cache))
    assert_right(make(cache, decode=never))
    assert entries(cache) == [KEY]


def test_key_is_stable():
    assert KEY == "f52219b0ed661010bde5-4da19c44772a70b364a7", "entries of earlier versions stay usable"


def test_writing_to_images_does_not_change_the_file(tmp_path):
    make(tmp_path).images[0] = 0
    assert_right(open_decoded(tmp_path, KEY))


def test_key_depends_on_every_part():
    keys = {cache_key(location, content) for location in (["a"], ["b"], [1, None]) for content in ([], [["x", 1, 2]])}
    assert len(keys) == 6
    assert cache_key(["a"], [1]).partition("-")[0] == cache_key(["a"], [2]).partition("-")[0]


@pytest.mark.parametrize("alike", [True, False])
def test_alike(tmp_path, alike):
    def same(file):
        writer = ImageWriter(file, SHAPE)
        for number in range(9):
            writer.add(PIXELS[0] if number < 8 or alike else PIXELS[1], 0)
        return writer, writer.info()

    assert make(tmp_path, decode=same).info.alike is alike


def test_outdated_entry_is_removed(tmp_path):
    old, new, other = cache_key(["a"], [1]), cache_key(["a"], [2]), cache_key(["b"], [1])
    mapped = make(tmp_path, old)
    make(tmp_path, other)
    make(tmp_path, new)
    assert entries(tmp_path) == sorted([new, other])
    assert_right(mapped)


DAMAGES = {
    "truncated images": lambda folder: os.truncate(folder / "images.u8", 100),
    "longer images": lambda folder: os.truncate(folder / "images.u8", 10**5),
    "no images": lambda folder: (folder / "images.u8").unlink(),
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
    assert open_decoded(tmp_path, KEY) is None
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
        cached_decode(tmp_path, KEY, never, 10**18, no_log)


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
        (folder / "images.u8").write_bytes(b"half")
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


# Processes

WORKER = """
import os, sys, time
from pathlib import Path
import numpy as np
from wgan_cli.data.files.decoded_cache import ImageWriter, cached_decode

def make(cache, key, count, pause):
    def decode(file):
        writer = ImageWriter(file, (1, 64, 64))
        for number in range(count):
            writer.add(np.full((1, 64, 64), number % 251, np.uint8), number % 7)
            time.sleep(pause)
        return writer, writer.info()
    made = cached_decode(Path(cache), key, decode, 0, lambda text: None)
    wrong = [n for n in range(count) if made.labels[n] != n % 7 or (made.images[n] != n % 251).any()]
    return len(made.labels) == count and not wrong

for line in sys.stdin:
    word, *rest = line.rstrip("\\n").split("\\t")
    if word == "start":
        child = os.fork()
        if not child:
            os._exit(0 if make(rest[0], rest[1], int(rest[2]), float(rest[3])) else 1)
        print(child, flush=True)
    else:
        print(os.waitpid(int(rest[0]), 0)[1], flush=True)
"""


class Workers:
    """Processes that decode `count` images, `pause` seconds apart; forked from one that has imported torch."""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONPATH": str(Path(wgan_cli.__file__).parents[1]), "OMP_NUM_THREADS": "1"}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.parent = subprocess.Popen([sys.executable, "-c", WORKER], text=True, env=environment, **pipes)

    def _ask(self, *words: object) -> int:
        print(*words, sep="\t", file=self.parent.stdin, flush=True)
        return int(self.parent.stdout.readline())

    def start(self, cache: Path, count: int, pause: float) -> int:
        return self._ask("start", cache, KEY, count, pause)

    def wait(self, process: int) -> int:
        """Return the exit status: 0 if the entry is right."""
        return self._ask("wait", process)


@pytest.fixture(scope="module")
def workers():
    running = Workers()
    yield running
    running.parent.communicate()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("times", [6, pytest.param(300, marks=pytest.mark.slow)])
def test_killed_processes_leave_complete_entries_or_none(tmp_path, workers, times):
    moments = random.Random(times)
    for _ in range(times):
        process = workers.start(tmp_path, 200, 0.0005)
        time.sleep(moments.uniform(0.0, 0.25))
        os.kill(process, signal.SIGKILL)
        workers.wait(process)
        found = open_decoded(tmp_path, KEY)
        assert found is None or (len(found.labels) == 200 and (found.images[150] == 150).all())
        if found is not None:
            shutil.rmtree(tmp_path / KEY)
    assert workers.wait(workers.start(tmp_path, 200, 0.0)) == 0
    assert entries(tmp_path) == [KEY]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_concurrent_processes(tmp_path, workers):
    for number in range(3):
        processes = [workers.start(tmp_path / str(number), 100, 0.001 * k) for k in range(4)]
        assert [workers.wait(process) for process in processes] == [0] * 4
        assert entries(tmp_path / str(number)) == [KEY]
