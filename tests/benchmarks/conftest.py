"""The benchmarks are scripts beside each other, not a package; a test asks for one by its name."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch) -> Callable[[str], ModuleType]:
    """Call it with a benchmark's name for its module, new in each test."""
    names = [path.stem for path in BENCHMARKS.glob("*.py")]
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield importlib.import_module
    for name in names:
        sys.modules.pop(name, None)


@pytest.fixture
def sixty_images(tmp_path) -> Path:
    """A folder of small images."""
    folder, random = tmp_path / "images", np.random.default_rng(0)
    folder.mkdir()
    for number in range(60):
        Image.fromarray(random.integers(0, 256, (8, 8), np.uint8)).save(folder / f"{number}.png")
    return folder
