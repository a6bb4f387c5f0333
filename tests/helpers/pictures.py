"""Sizes of written pictures."""

from __future__ import annotations

from pathlib import Path

from PIL import Image


def size(path: str | Path) -> tuple[int, int]:
    """Return the width and height of a picture whose pixels can be read."""
    with Image.open(path) as picture:
        picture.load()
        return picture.size
