"""Benchmarks are scripts next to each other, not a package; tests import them by name."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch) -> Callable[[str], ModuleType]:
    """Return a function that imports a benchmark afresh by its name."""
    names = [path.stem for path in BENCHMARKS.glob("*.py")]
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield importlib.import_module
    for name in names:
        sys.modules.pop(name, None)
