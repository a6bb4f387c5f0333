"""The pack of decoded images: whole or not there, whatever happens while it is made."""

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

import wgan_cli
from wgan_cli.data.files.decoded_cache import ImageWriter, cache_key, cached_decode, open_decoded
from wgan_cli.errors import ExitStatus, WganError

KEY = cache_key(["photos"], ["files"])
SHAPE = (3, 4, 5)
PIXELS = np.random.default_rng(0).integers(0, 256, (20, *SHAPE), np.uint8)
LABELS = [number % 3 for number in range(20)]


def build(file):
    rows = ImageWriter(file, SHAPE)
    for pixels, label in zip(PIXELS, LABELS, strict=True):
        rows.add(pixels, label)
    return rows, rows.info(class_names=("a", "b", "c"), bad=(("x.jpg", "no image"),), empty_classes=("d",), loose=2)


def make(cache: Path, key: str = KEY, build=build, log=lambda text: None):
    return cached_decode(cache, key, build, PIXELS.size, log)


def never(file):
    raise AssertionError("a pack that is there is not made again")


def assert_right(pack) -> None:
    assert np.array_equal(pack.images.numpy(), PIXELS) and pack.images.dtype == torch.uint8
    assert pack.labels.tolist() == LABELS and pack.labels.dtype == torch.int64
    assert pack.info.shape == PIXELS.shape and pack.info.class_names == ("a", "b", "c")
    assert pack.info.bad == (("x.jpg", "no image"),) and pack.info.empty_classes == ("d",)
    assert pack.info.loose == 2 and not pack.info.alike


def test_made_once_and_opened_ever_after(tmp_path):
    assert open_decoded(tmp_path, KEY) is None
    assert_right(make(tmp_path / "new" / "cache"))
    assert_right(make(tmp_path / "new" / "cache", build=never))
    assert [path.name for path in (tmp_path / "new/cache").iterdir()] == [KEY]


def test_images_are_mapped_and_writing_to_them_changes_no_file(tmp_path):
    pack = make(tmp_path)
    pack.images[0] = 0
    assert_right(open_decoded(tmp_path, KEY))


def test_the_key_follows_every_part():
    keys = {cache_key(place, content) for place in (["a"], ["b"], [1, None]) for content in ([], [["x", 1, 2]])}
    assert len(keys) == 6
    assert cache_key(["a"], [1]).partition("-")[0] == cache_key(["a"], [2]).partition("-")[0]


def test_alike_means_every_pixel_of_every_image(tmp_path):
    def same(file, odd: bool):
        rows = ImageWriter(file, SHAPE)
        for number in range(9):
            rows.add(PIXELS[0] if number < 8 or not odd else PIXELS[1], 0)
        return rows, rows.info()

    assert make(tmp_path / "a", build=lambda file: same(file, False)).info.alike
    assert not make(tmp_path / "b", build=lambda file: same(file, True)).info.alike


def test_a_pack_of_files_that_have_changed_makes_room_for_the_new_one(tmp_path):
    old, new, other = cache_key(["a"], [1]), cache_key(["a"], [2]), cache_key(["b"], [1])
    mapped = make(tmp_path, old)
    make(tmp_path, other)
    make(tmp_path, new)
    assert {path.name for path in tmp_path.iterdir()} == {new, other}
    assert_right(mapped)


DAMAGES = {
    "shorter images": lambda folder: os.truncate(folder / "images.u8", 100),
    "longer images": lambda folder: os.truncate(folder / "images.u8", 10**5),
    "no images": lambda folder: (folder / "images.u8").unlink(),
    "no labels": lambda folder: (folder / "labels.npy").unlink(),
    "empty labels": lambda folder: os.truncate(folder / "labels.npy", 0),
    "other labels": lambda folder: np.save(folder / "labels.npy", np.zeros(20, np.int64)),
    "pickled labels": lambda folder: np.save(folder / "labels.npy", np.array([object]), allow_pickle=True),
    "no facts": lambda folder: (folder / "pack.json").unlink(),
    "half of the facts": lambda folder: os.truncate(folder / "pack.json", 40),
    "empty facts": lambda folder: (folder / "pack.json").write_text("{}"),
    "other facts": lambda folder: (folder / "pack.json").write_text("[1, 2]"),
    "a file in its place": lambda folder: (shutil.rmtree(folder), folder.write_text("x")),
    "an empty folder": lambda folder: (shutil.rmtree(folder), folder.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_pack_is_made_anew(tmp_path, damage):
    make(tmp_path)
    damage(tmp_path / KEY)
    assert open_decoded(tmp_path, KEY) is None
    assert_right(make(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == [KEY]


def test_an_error_while_it_is_made_leaves_nothing(tmp_path):
    def broken(file):
        file.write(b"half")
        raise WganError("a bad file", "mend it")

    with pytest.raises(WganError, match="a bad file"):
        make(tmp_path, build=broken)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_says_so_and_leaves_nothing(tmp_path):
    def full(file):
        file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(WganError, match="No space left") as caught:
        make(tmp_path, build=full)
    assert caught.value.status == ExitStatus.FAILED and str(tmp_path) in caught.value.message
    assert list(tmp_path.iterdir()) == []


def test_too_little_room_is_seen_before_any_work(tmp_path):
    with pytest.raises(WganError, match="MB are needed"):
        cached_decode(tmp_path, KEY, never, 10**18, lambda text: None)


@pytest.mark.parametrize("error", [errno.EACCES, errno.EROFS])
def test_where_nothing_can_be_kept_the_images_stay_in_memory(tmp_path, messages, monkeypatch, error):
    def refusing(self, *args, **options):
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(Path, "mkdir", refusing)
    assert_right(make(tmp_path / "cache", log=messages.append))
    assert len(messages) == 1 and os.strerror(error) in messages[0] and str(tmp_path / "cache") in messages[0]


def test_halves_that_nobody_makes_any_more_are_removed(tmp_path, monkeypatch):
    for name in (".12345678-0123456789abcdef", ".87654321-empty"):
        (tmp_path / name).mkdir()
    (tmp_path / ".12345678-0123456789abcdef/images.u8").write_bytes(b"half")

    def build_while_another_starts(file):
        assert_right(make(tmp_path, cache_key(["other"], [])))  # must not take this one's half for abandoned
        return build(file)

    assert_right(make(tmp_path, build=build_while_another_starts))
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_second_process_waits_for_the_first(tmp_path, messages):
    threads = []

    def build_while_another_waits(file):
        threads.append(threading.Thread(target=lambda: make(tmp_path, build=never, log=messages.append)))
        threads[0].start()
        while not messages:
            time.sleep(0.01)
        return build(file)

    assert_right(make(tmp_path, build=build_while_another_waits))
    threads[0].join()
    assert len(messages) == 1 and "waiting" in messages[0]
    assert [path.name for path in tmp_path.iterdir()] == [KEY]


# Real processes

MAKERS = """
import os, sys, time
from pathlib import Path
import numpy as np
from wgan_cli.data.files.decoded_cache import ImageWriter, cached_decode

def make(cache, key, count, pause):
    def build(file):
        rows = ImageWriter(file, (1, 64, 64))
        for number in range(count):
            rows.add(np.full((1, 64, 64), number % 251, np.uint8), number % 7)
            time.sleep(pause)
        return rows, rows.info()
    made = cached_decode(Path(cache), key, build, 0, lambda text: None)
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


class Makers:
    """Processes that make packs of `count` images, `pause` seconds apart; forked by one that imported torch once."""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONPATH": str(Path(wgan_cli.__file__).parents[1]), "OMP_NUM_THREADS": "1"}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.parent = subprocess.Popen([sys.executable, "-c", MAKERS], text=True, env=environment, **pipes)

    def _ask(self, *words: object) -> int:
        print(*words, sep="\t", file=self.parent.stdin, flush=True)
        return int(self.parent.stdout.readline())

    def start(self, cache: Path, count: int, pause: float) -> int:
        return self._ask("start", cache, KEY, count, pause)

    def wait(self, process: int) -> int:
        """Its exit status: 0 where the pack that it made or found is right."""
        return self._ask("wait", process)


@pytest.fixture(scope="module")
def makers():
    running = Makers()
    yield running
    running.parent.communicate()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("times", [6, pytest.param(300, marks=pytest.mark.slow)])
def test_killed_at_any_moment_it_is_whole_or_not_there(tmp_path, makers, times):
    moments = random.Random(times)
    for _ in range(times):
        process = makers.start(tmp_path, 200, 0.0005)
        time.sleep(moments.uniform(0.0, 0.25))
        os.kill(process, signal.SIGKILL)
        makers.wait(process)
        found = open_decoded(tmp_path, KEY)
        assert found is None or (len(found.labels) == 200 and (found.images[150] == 150).all())
        if found is not None:
            shutil.rmtree(tmp_path / KEY)
    assert makers.wait(makers.start(tmp_path, 200, 0.0)) == 0
    assert [path.name for path in tmp_path.iterdir()] == [KEY]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_processes_at_once(tmp_path, makers):
    for times in range(3):
        processes = [makers.start(tmp_path / str(times), 100, 0.001 * number) for number in range(4)]
        assert [makers.wait(process) for process in processes] == [0] * 4
        assert [path.name for path in (tmp_path / str(times)).iterdir()] == [KEY]
