"""Commands of the Makefile, of which none installs anything here."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(*words: object) -> subprocess.CompletedProcess[str]:
    command = ["make", "--no-print-directory", "-C", str(Path(__file__).parents[1]), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.parametrize("place", [".venv", "elsewhere"])
def test_demo_runs_the_program_of_any_environment(tmp_path, place):
    environment = place if place == ".venv" else tmp_path / place
    done = make("--dry-run", "demo", f"VENV={environment}")
    assert f'"{Path(__file__).parents[1] / environment}/bin/wgan" train' in done.stdout, done.stderr


def test_missing_python(tmp_path):
    done = make("test", f"VENV={tmp_path}", "PYTHON=python3.0")
    error, hint = done.stdout.splitlines()
    assert done.returncode == 2 and error.startswith("error: ") and "python3.0" in error and hint.startswith("hint: ")
