"""The table of promises: rows are read back, added up and replaced, and only by tests that passed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from reliability import Kept, merged, read_table, written

OLD = Kept("kept | as it is", "a | b", 1234, 1234, 0, "2020-01-01")


def test_rows_read_back():
    assert read_table(written([OLD])) == [OLD]


def test_a_promise_tried_twice_is_one_row_and_takes_the_old_ones_place():
    stale, first = Kept("whole", "old", 9, 9, 9, "2020-01-01"), Kept("whole", "a kill", 3, 2, 1, "2021-01-01")
    rows = merged([OLD, stale], [first, Kept("whole", "a cut", 50, 50, 0, "2021-01-01")])
    assert rows == [OLD, Kept("whole", "a kill; a cut", 53, 52, 1, "2021-01-01")]


@pytest.mark.parametrize("fails", [False, True])
def test_only_a_run_without_failures_writes(tmp_path, fails):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/reliability.md").write_text(written([OLD]))
    (tmp_path / "tests").mkdir()
    shutil.copy(Path(__file__).with_name("reliability.py"), tmp_path / "tests")
    (tmp_path / "tests/conftest.py").write_text("pytest_plugins = ['reliability']\n")
    (tmp_path / "tests/test_it.py").write_text(
        "def test_promise(promise): promise('new', how='here', cases=2)\n"
        f"def test_other_promise(promise): assert {not fails}\n"
        "def test_none(): raise AssertionError('a test without a promise ran')\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "--write-reliability", "-p", "no:cacheprovider", "tests"]
    done = subprocess.run(command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path / "tests")}, timeout=120)
    assert done.returncode == (1 if fails else 0)
    rows = read_table((tmp_path / "docs/reliability.md").read_text())
    assert [(row.promise, row.cases) for row in rows] == [(OLD.promise, 1234)] + ([] if fails else [("new", 2)])
