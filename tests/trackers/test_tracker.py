"""The tracker callback with a client that fails: training goes on, and nothing is lost or sent twice."""

from __future__ import annotations

import importlib.machinery
import json
import os
import shutil

import pytest
from conftest import TINY

from wgan_cli import Callback, Tracker, WganError, train
from wgan_cli.cli.render.progress import LiveProgress
from wgan_cli.errors import ExitStatus
from wgan_cli.runs.metrics_log import read_metrics
from wgan_cli.trackers import known, tracker
from wgan_cli.trackers.client import Started, TrackerClient

SMALL = [*TINY, "steps=8", "log_every=2", "sample_every=4", "save_every=4"]


class Loopback(TrackerClient):
    """Keeps what it is sent; raises at the steps in `down`, and when it starts if 0 is among them."""

    package, setup = "json", "plug it in"
    down: frozenset[int] = frozenset()
    now = 0

    def start(self, folder, recipe, saved):
        self.entries, self.name, self.recipe, self.saved = [], folder.name, recipe, dict(saved)
        if 0 in self.down:
            raise ConnectionError("no network")
        return Started("somewhere", {"run_id": "17"})

    def log_numbers(self, numbers, step):
        self._add(("numbers", step, numbers))

    def log_grid(self, file, step):
        self._add(("grid", step, file.name))

    def log_generator(self, file):
        self._add(("generator", file.name))

    def finish(self, failed):
        self._add(("finish", failed))

    def _add(self, entry):
        if Loopback.now in self.down:
            raise ConnectionError("no network")
        self.entries.append(entry)


class Clock(Callback):
    """Tells the client below the step, and keeps the messages."""

    def __init__(self):
        self.messages = []

    def on_train_start(self, step, steps):
        Loopback.now = step

    def on_step(self, step, networks):
        Loopback.now = step

    def on_message(self, text):
        self.messages.append(text)


@pytest.fixture
def tracked(monkeypatch, tmp_path):
    """Train with the client below; return run, tracker, and the messages with its name."""
    monkeypatch.setitem(known.CLIENTS, "loopback", Loopback)
    monkeypatch.setattr(tracker, "RETRY_AFTER", 0.0)
    monkeypatch.setattr(tracker, "MAX_SHARE", 1e9)

    def run_with(*down, settings=SMALL, others=(), **options):
        monkeypatch.setattr(Loopback, "down", frozenset(down))
        clock, tracked = Clock(), Tracker("loopback")
        options = options or {"recipe": "digits_dcgan", "out": tmp_path / "run"}
        run = train(settings=settings, callbacks=[clock, *others, tracked], device="cpu", **options)
        return run, tracked._client, [text for text in clock.messages if "loopback" in text]

    return run_with


EVERYTHING = [
    ("grid", 0), ("numbers", 2), ("numbers", 4), ("grid", 4), ("numbers", 6), ("numbers", 8), ("grid", 8),
    ("generator", "G.pth"), ("finish", False),
]  # fmt: skip


@pytest.mark.parametrize("background", [False, True])
def test_what_is_sent(tracked, request, background):
    if background:  # as on a GPU, where a grid's file is written later
        request.getfixturevalue("background_writes")

    class Added(Callback):
        def on_log(self, record, networks):
            record |= {"fd": 1.5, "undefined": float("nan")}

    run, client, messages = tracked(others=[Added()])
    assert [entry[:2] for entry in client.entries] == EVERYTHING and messages == ["loopback: somewhere"]
    assert client.name == "run" and client.recipe == run.read_recipe().as_dict()
    for _, step, numbers in [entry for entry in client.entries if entry[0] == "numbers"]:
        (record,) = [each for each in read_metrics(run.metrics_file) if each["step"] == step]
        assert {"step": step, "fd": numbers.pop("scores/fd"), **numbers} == record


@pytest.mark.parametrize("down", [(2,), (4, 5, 6), (2, 3, 4, 5, 6, 7)])
def test_missed_entries_are_sent_later(tracked, down):
    run, client, messages = tracked(*down)
    assert [entry[:2] for entry in client.entries] == EVERYTHING
    assert len(messages) == 2 and "no network" in messages[1]
    assert read_metrics(run.metrics_file)[-1]["step"] == 8


def test_a_tracker_that_stays_away(tracked):
    run, client, messages = tracked(*range(5, 9))
    assert [entry[:2] for entry in client.entries] == EVERYTHING[:4]
    assert len(messages) == 3 and "no network" in messages[1] and "4 entries" in messages[2]
    assert run.generator_file.is_file()


def test_a_failed_tracker_is_left_alone_for_a_while(tracked, monkeypatch):
    monkeypatch.setattr(tracker, "RETRY_AFTER", 1e6)
    tries = []
    monkeypatch.setattr(Loopback, "_add", lambda self, entry: tries.append(entry[:2]) or 1 / 0)
    tracked()
    assert tries == [EVERYTHING[0], EVERYTHING[0], EVERYTHING[-1]]  # at once, and at the end


def test_a_tracker_that_does_not_start(tracked, tmp_path):
    with pytest.raises(WganError) as error:
        tracked(0)
    assert "no network" in error.value.message and error.value.status == ExitStatus.FAILED
    assert "plug it in" in error.value.hint and f"--resume {tmp_path / 'run'}" in error.value.hint
    run, client, _ = tracked(resume=tmp_path / "run", settings=())
    assert [entry[:2] for entry in client.entries] == EVERYTHING and client.saved == {}
    assert json.loads(run.trackers_file.read_text()) == {"loopback": {"run_id": "17", "folder": str(run.path)}}


def test_the_others_end_if_one_does_not_start(tracked, monkeypatch):
    class Works(Loopback):
        down = frozenset()

    ends = []
    monkeypatch.setitem(known.CLIENTS, "works", Works)
    monkeypatch.setattr(Loopback, "finish", lambda self, failed: ends.append((type(self), failed)))
    with pytest.raises(WganError, match="loopback cannot start"):
        tracked(0, others=[LiveProgress(), Tracker("works")])
    assert ends == [(Works, True)]


@pytest.mark.parametrize(
    "content", ["", "[]", '{"loopback": 3}', '{"other": {"id": "1"}, "loopback": {"run_id": "17"}}']
)
def test_resuming_with_any_trackers_json(tracked, content):
    run, _, _ = tracked(settings=[*SMALL, "steps=4"])
    run.trackers_file.write_text(content)
    _, client, _ = tracked(resume=run.path, settings=["steps=8"])
    assert [entry[:2] for entry in client.entries] == EVERYTHING[4:]
    assert client.saved == ({"run_id": "17"} if "17" in content else {})
    assert ("other" in json.loads(run.trackers_file.read_text())) == ("other" in content)


@pytest.mark.parametrize("move", [shutil.copytree, shutil.move, os.symlink])
def test_only_a_copied_run_starts_a_new_one(tracked, tmp_path, move):
    run, _, _ = tracked(settings=[*SMALL, "steps=4"])
    move(run.path, tmp_path / "there")
    _, client, messages = tracked(resume=tmp_path / "there", settings=["steps=6"])
    is_copy = move is shutil.copytree
    assert client.saved == ({} if is_copy else {"run_id": "17"}) and len(messages) == 1 + is_copy
    _, client, _ = tracked(resume=tmp_path / "there", settings=["steps=8"])  # which is its own now
    assert client.saved == {"run_id": "17"}


def test_errors_end_the_run_as_failed(tracked, monkeypatch):
    class Failing(Callback):
        def on_step(self, step, networks):
            raise RuntimeError("on purpose")

    ends = []
    monkeypatch.setattr(Loopback, "finish", lambda self, failed: ends.append(failed))
    with pytest.raises(RuntimeError, match="on purpose"):
        tracked(others=[Failing()])
    assert ends == [True]


def test_missing_package(wgan, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(known.CLIENTS, "loopback", Loopback)
    for found in (None, importlib.machinery.ModuleSpec("json", None)):  # the latter for a folder of that name
        monkeypatch.setattr(known, "find_spec", lambda name, found=found: found)
        result = wgan("train", "--dry-run", "--track", "loopback")
        assert result.status == ExitStatus.USAGE and "json" in result.error and "wgan[json]" in result.hint
    assert not list(tmp_path.iterdir())
