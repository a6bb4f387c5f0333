"""Snapshots of a run that trains: read again only if something is new."""

from __future__ import annotations

import json
import shutil
from html import escape

import pytest

from wgan_cli.errors import WganError
from wgan_cli.explore import html_parts
from wgan_cli.explore.live import has_generator, read_snapshot
from wgan_cli.runs.lock import only_trainer


def add_record(run, step: int) -> None:
    last = json.loads(run.metrics_file.read_text().splitlines()[-1])
    with run.metrics_file.open("a") as file:
        file.write(json.dumps({**last, "step": step}) + "\n")


def test_finished_run_is_read_once(own_run):
    snapshot = read_snapshot(own_run.path)
    assert snapshot.ended and snapshot.frame.step == 12 and snapshot.report.facts.step == 12
    assert read_snapshot(own_run.path, snapshot.fingerprint) is None


def test_changes_are_noticed(own_run):
    snapshot = read_snapshot(own_run.path)
    add_record(own_run, 13)
    snapshot = read_snapshot(own_run.path, snapshot.fingerprint)
    assert snapshot.report.facts.step == 13 and snapshot.frame.step == 12
    shutil.copy(own_run.sample_file(12), own_run.sample_file(18))
    snapshot = read_snapshot(own_run.path, snapshot.fingerprint)
    assert snapshot.frame.step == 18
    own_run.generator_file.unlink()
    snapshot = read_snapshot(own_run.path, snapshot.fingerprint)
    assert not snapshot.fingerprint.has_generator and not has_generator(own_run)
    with only_trainer(own_run):
        assert read_snapshot(own_run.path, snapshot.fingerprint) is not None


def test_run_without_records(own_run):
    own_run.metrics_file.unlink()
    for file in own_run.sample_files():
        file.unlink()
    snapshot = read_snapshot(own_run.path)
    assert snapshot.frame is None
    text = html_parts.training(snapshot)
    assert "no sample grid" in text and "No losses" in text


def test_broken_grid_and_removed_run(own_run):
    own_run.sample_file(12).write_bytes(b"no picture")
    assert read_snapshot(own_run.path).frame is None
    shutil.rmtree(own_run.path)
    with pytest.raises(WganError):
        read_snapshot(own_run.path)


def test_every_loss_is_shown_with_its_meaning(own_run):
    snapshot = read_snapshot(own_run.path)
    text = html_parts.training(snapshot)
    for name, meaning in snapshot.report.meanings.items():
        assert name.replace("_", " ") in text and escape(meaning).replace("&#x27;", "&#39;") in text
    assert text.count("<svg") == len(snapshot.report.facts.losses)
    assert 'class="alive"' not in text
