"""Time, memory and score of the packaged recipes; benchmarks/pages.py writes them from its results."""

import json
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("measured.json")


@dataclass(frozen=True)
class Measured:
    """A complete training run: peak memory of its process in GB, or None, and its main score."""

    minutes: float
    gigabytes: float | None
    score: str
    value: float


@dataclass(frozen=True)
class Measurements:
    """Measurements by recipe name, and the machine they were made on."""

    where: str
    recipes: dict[str, Measured]


def measurements() -> Measurements:
    """Return all measurements; recipes may be missing."""
    content = json.loads(FILE.read_text(encoding="utf-8"))
    return Measurements(content["where"], {name: Measured(**row) for name, row in content["recipes"].items()})


def thumbnail(name: str) -> Path | None:
    """Return the strip of samples of a measured recipe, from the installed package or the docs of a checkout."""
    package = Path(__file__).resolve().parents[2]
    folders = (package / "thumbnails", package.parent / "docs" / "family")
    return next((path for folder in folders if (path := folder / f"{name}.png").is_file()), None)
