"""The files, diffs, commands and tests of docs/extending.md work in a copy of the repository.

The copy's checks are in extended.py, which runs there.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
BLOCKS = [match.groups() for match in re.finditer(r"^```(\w+)[^\n]*\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)]
WRITTEN = re.findall(r"^# (tests/\S+\.py)$", PAGE, re.MULTILINE)
COMMANDS = [line for language, code in BLOCKS if language == "sh" for line in code.splitlines()]
COVERING = [shlex.split(line)[3:] for line in COMMANDS if line.startswith("python -m pytest")]
NAMED = {word for words in COVERING for word in words if word.startswith("tests/")}


def apply(diff: str, root: Path) -> None:
    """Apply a patch strictly: each hunk's lines must occur exactly once and match its counts."""
    for name, hunks in re.findall(r"^--- a/.*\n\+\+\+ b/(.*)\n((?:[@ +-].*\n)+?)(?=--- a/|\Z)", diff, re.MULTILINE):
        text = (root / name).read_text(encoding="utf-8")
        added = 0
        for start, before, start_after, after, lines in re.findall(
            r"^@@ -(\d+),(\d+) \+(\d+),(\d+) @@.*\n((?:[ +-].*\n?)+)", hunks, re.MULTILINE
        ):
            old, new = ([line[1:] for line in lines.splitlines() if line[0] in kinds] for kinds in (" -", " +"))
            assert (len(old), len(new)) == (int(before), int(after)), f"{name}: {lines}"
            assert text.count("\n".join(old) + "\n") == 1, f"{name} contains these lines not exactly once: {old}"
            at = text[: text.index("\n".join(old) + "\n")].count("\n") + 1
            assert (int(start), int(start_after)) == (at - added, at), f"{name}: {old[0]!r} is line {at - added}"
            added += len(new) - len(old)
            text = text.replace("\n".join(old) + "\n", "\n".join(new) + "\n")
        (root / name).write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    """Copy the repository, write the page's files into it and apply its diffs."""
    root = tmp_path_factory.mktemp("checkout")
    for name in ("wgan_cli", "recipes", "tests"):
        shutil.copytree(ROOT / name, root / name)
    shutil.copy(ROOT / "pyproject.toml", root)
    for language, code in BLOCKS:
        named = re.match(r"# (?:wgan train --recipe )?([\w./]+\.(?:py|yaml))\n", code)
        if language in ("python", "yaml"):
            assert named, f"a block without a file name: {code[:60]}"
            assert not (root / named[1]).exists(), f"{named[1]} is already in the package"
            (root / named[1]).write_text(code, encoding="utf-8")
        elif language == "diff":
            apply(code, root)
    (root / "commands.txt").write_text("\n".join(COMMANDS), encoding="utf-8")
    return root


def run_pytest(checkout: Path, *words: str) -> str:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words]
    environment = {**os.environ, "PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_examples_work(checkout):
    files = ("tests/docs/extended.py", *WRITTEN, "tests/objectives/test_losses.py")
    run_pytest(checkout, *files, "-k", "extended or resmlp or csv or wgan_div")


def test_named_tests_exist():
    assert NAMED and all((ROOT / path).exists() for path in NAMED - set(WRITTEN))


@pytest.mark.slow
def test_existing_tests_cover_the_examples(checkout):
    collected = run_pytest(checkout, *sorted(NAMED), "--collect-only")
    for name in ("resmlp", "wgan_div"):
        assert len(re.findall(rf"::.*{name}", collected)) > 10, name


@pytest.mark.slow
@pytest.mark.parametrize("words", COVERING, ids=" ".join)
def test_covering_tests_pass(checkout, words):
    assert " passed" in run_pytest(checkout, *words)
