"""The generator file behind the page: deleted, replaced or damaged while the page is open."""

from __future__ import annotations

import shutil

import pytest

from wgan_cli.errors import WganError
from wgan_cli.explore.session import SamplingSession, View


def test_run_and_file(source, tiny_run):
    made = source(tiny_run.path)
    assert made.file == made.newest() == tiny_run.generator_file and not made.changed()
    assert source(tiny_run.checkpoint_file(6)).generator.step == 6


def test_deleted_file(source, own_run):
    made = source(own_run.generator_file)
    session = SamplingSession(made)
    before = session.images(View(count=3))
    own_run.generator_file.unlink()
    assert made.newest() is None and not made.changed()
    assert session.images(View(count=3)).equal(before)
    with pytest.raises(WganError):
        session.reload()
    assert session.images(View(count=3)).equal(before)
    shutil.rmtree(own_run.path)
    assert made.newest() is None


def test_replaced_file(source, own_run):
    made = source(own_run.path)
    session = SamplingSession(made)
    before = session.images(View(count=3))
    shutil.copy(own_run.checkpoint_file(6), own_run.generator_file)
    assert made.changed()
    assert session.images(View(count=3)).equal(before)
    session.reload()
    assert not made.changed() and session.generator.step == 6
    other = SamplingSession(source(own_run.checkpoint_file(6)))
    assert session.images(View(count=3)).equal(other.images(View(count=3)))
    shutil.copy(own_run.checkpoint_file(6), own_run.best_file)  # the best generator comes first
    assert made.changed()


def test_unusable_file_keeps_the_old_generator(source, own_run, styled_run):
    made = source(own_run.path)
    old = made.generator
    whole = own_run.generator_file.read_bytes()
    own_run.generator_file.write_bytes(whole[:-500])
    assert made.changed()
    with pytest.raises(WganError):
        made.load()
    assert made.generator is old and made.changed()
    shutil.copy(styled_run.generator_file, own_run.generator_file)
    with pytest.raises(WganError, match="other networks"):
        made.load()
    assert made.generator is old
