"""The file behind a page: deleted, replaced, damaged while somebody explores."""

from __future__ import annotations

import shutil

import pytest

from wgan_cli.errors import WganError
from wgan_cli.explore.session import Studio, View


def test_of_a_run_the_best_and_of_a_file_itself(source, tiny_run):
    assert source(tiny_run.path).file == tiny_run.generator_file
    assert source(tiny_run.checkpoint_file(6)).generator.step == 6


def test_nothing_has_changed(source, own_run):
    made = source(own_run.path)
    assert not made.changed() and not made.gone()


def test_a_deleted_file_is_noticed_and_the_page_goes_on(source, own_run):
    made = source(own_run.generator_file)
    studio = Studio(made)
    before = studio.images(View(count=3))
    own_run.generator_file.unlink()
    assert made.gone() and not made.changed()
    assert studio.images(View(count=3)).equal(before)
    with pytest.raises(WganError):
        studio.reload()
    assert studio.images(View(count=3)).equal(before)
    shutil.rmtree(own_run.path)
    assert made.gone()


def test_a_replaced_file_is_taken_when_asked(source, own_run):
    made = source(own_run.path)
    studio = Studio(made)
    before = studio.images(View(count=3))
    shutil.copy(own_run.checkpoint_file(6), own_run.generator_file)
    assert made.changed()
    assert studio.images(View(count=3)).equal(before)
    studio.reload()
    assert not made.changed() and studio.generator.step == 6
    assert studio.images(View(count=3)).equal(Studio(source(own_run.checkpoint_file(6))).images(View(count=3)))


def test_a_best_generator_that_comes_later_is_noticed(source, own_run):
    made = source(own_run.path)
    shutil.copy(own_run.checkpoint_file(6), own_run.best_file)
    assert made.changed()


def test_what_cannot_be_read_or_is_of_other_networks_is_refused_and_the_old_one_stays(source, own_run, styled_run):
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
