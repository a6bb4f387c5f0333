"""Splits of the standard data sets."""

from __future__ import annotations

from wgan_cli.utils.format import Log


def parts_of(split: str) -> tuple[str, ...]:
    """Return the parts that a split consists of: ("train",), ("test",) or both for `all`."""
    return ("train", "test") if split == "all" else (split,)


def log_unusual_count(files: str, count: int, standard: int, log: Log) -> None:
    """Log if a set isn't the one used in papers."""
    if count != standard:
        log(f"{files} contain {count:,} images; the standard set has {standard:,}")
