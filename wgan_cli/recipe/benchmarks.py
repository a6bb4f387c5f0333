"""What was measured of the recipes that come with the program; benchmarks/pages.py writes it from their results."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent
FILE = Path(__file__).with_name("measured.json")


@dataclass(frozen=True)
class Measured:
    """A recipe's whole training. gigabytes: of its process at most, or None. score: the name of the one to look at."""

    minutes: float
    gigabytes: float | None
    score: str
    value: float


@dataclass(frozen=True)
class Measurements:
    """By a recipe's name what was measured of it, and on which machine."""

    where: str
    recipes: dict[str, Measured]


def measurements() -> Measurements:
    """All that is known; recipes that nobody has measured are missing."""
    content = json.loads(FILE.read_text(encoding="utf-8"))
    return Measurements(content["where"], {name: Measured(**row) for name, row in content["recipes"].items()})


def thumbnail(name: str) -> Path | None:
    """A strip of images of a measured recipe: inside the installed package, or among a checkout's documents."""
    installed = _PACKAGE / "thumbnails"
    path = (installed if installed.is_dir() else _PACKAGE.parent / "docs" / "family") / f"{name}.png"
    return path if path.is_file() else None
