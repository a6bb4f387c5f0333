"""A run that is followed: read again when something is new, and left alone otherwise."""

from __future__ import annotations

import json
import shutil

import pytest

from wgan_cli.errors import WganError
from wgan_cli.explore import html_parts
from wgan_cli.explore.live import has_generator, look
from wgan_cli.runs.lock import only_trainer


def add_record(run, step: int) -> None:
    last = json.loads(run.metrics_file.read_text().splitlines()[-1])
    with run.metrics_file.open("a") as file:
        file.write(json.dumps({**last, "step": step}) + "\n")


def test_a_finished_run_is_read_once(own_run):
    seen = look(own_run.path)
    assert seen.over and seen.frame.step == 12 and seen.told.facts.step == 12
    assert look(own_run.path, seen.mark) is None


def test_new_records_grids_generators_and_trainers_are_seen(own_run):
    mark = look(own_run.path).mark
    add_record(own_run, 13)
    seen = look(own_run.path, mark)
    assert seen.told.facts.step == 13 and seen.frame.step == 12
    shutil.copy(own_run.sample_file(12), own_run.sample_file(18))
    seen = look(own_run.path, seen.mark)
    assert seen.frame.step == 18
    own_run.generator_file.unlink()
    seen = look(own_run.path, seen.mark)
    assert not seen.mark.has_generator and not has_generator(own_run)
    with only_trainer(own_run):
        assert look(own_run.path, seen.mark) is not None


def test_a_run_that_has_just_begun(own_run):
    own_run.metrics_file.unlink()
    for file in own_run.sample_files():
        file.unlink()
    seen = look(own_run.path)
    assert not seen.over and seen.frame is None
    words = html_parts.training(seen)
    assert "no sample grid yet" in words and "No losses have been logged yet" in words


def test_a_grid_that_is_none_and_a_run_that_is_gone(own_run):
    own_run.sample_file(12).write_bytes(b"no picture")
    assert look(own_run.path).frame is None
    shutil.rmtree(own_run.path)
    with pytest.raises(WganError):
        look(own_run.path)


def test_every_loss_is_shown_with_what_it_means(own_run):
    seen = look(own_run.path)
    words = html_parts.training(seen)
    for name, meaning in seen.told.meanings.items():
        assert name.replace("_", " ") in words and meaning.split(";")[0].replace("'", "&#x27;") in words
    assert words.count("<svg") == len(seen.told.facts.losses)
    assert words.count('class="alive"') == 0
