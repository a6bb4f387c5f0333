"""Values of images with 16 or 32 bits or floats, and the range of them that becomes black to white."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from wgan_cli.recipe.decoding_types import Range

#: Ranges that values are usually meant in, smallest first: 8, 10, 12, 14 or 16 bits; floats.
_INTEGERS = tuple((0.0, 2.0**bits - 1) for bits in (8, 10, 12, 14, 16))
_FLOATS = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))
_LEAST_USE = 0.25  # share of a usual range that the values must span
_PERCENTILES = (0.1, 99.9)
SAMPLED = 4_000_000  # values for percentiles, of all images together


class RangeUnknown(Exception):
    """Raised for an image with more than 8 bits if its set was expected to have none, or its range isn't known yet."""


@dataclass(frozen=True)
class Values:
    """Values of the images with more than 8 bits in a set, and the range chosen for them."""

    images: int
    least: float
    greatest: float
    percentiles: tuple[float, float]  # 0.1 and 99.9
    range: tuple[float, float]  # (low, high), which become black and white

    @property
    def suggested(self) -> tuple[float, float] | None:
        """Percentiles as a range, if they span less than half of the chosen one."""
        low, high = self.percentiles
        return (low, high) if 0 < high - low < (self.range[1] - self.range[0]) / 2 else None


def is_deep(mode: str) -> bool:
    """Return True for Pillow's modes of more than 8 bits."""
    return mode.startswith("I") or mode == "F"


class Summary(NamedTuple):
    """Finite values of one image."""

    integers: bool
    least: float
    greatest: float
    sample: np.ndarray  # evenly spaced


def summarize(image: np.ndarray, sampled: int) -> Summary:
    """Summarize an image of any shape with about `sampled` of its values."""
    values = image[np.isfinite(image)]
    if not len(values):
        values = np.zeros(1, image.dtype)
    sample = values[:: max(1, len(values) // max(1, sampled))].astype(np.float32)
    return Summary(image.dtype.kind in "iu", float(values.min()), float(values.max()), sample)


def choose_range(images: Iterable[Summary]) -> Values | None:
    """Choose a range for all images together, or return None if there are none.

    A usual range is chosen if the values span a quarter of it or more, and otherwise their own.
    """
    found = list(images)
    if not found:
        return None
    least, greatest = min(image.least for image in found), max(image.greatest for image in found)
    low, high = np.percentile(np.concatenate([image.sample for image in found]), _PERCENTILES).tolist()
    usual = _INTEGERS if all(image.integers for image in found) else _FLOATS
    return Values(len(found), least, greatest, (low, high), _choose(least, greatest, usual))


def _choose(least: float, greatest: float, usual: tuple[tuple[float, float], ...]) -> tuple[float, float]:
    for low, high in usual:
        if low <= least and greatest <= high:
            span = greatest - least
            if span == 0 or span >= _LEAST_USE * (high - low):
                return low, high
            break
    low = 0.0 if 0 <= least < _LEAST_USE * greatest else least
    return (low, greatest) if low < greatest else (low, low + 1)


def clipped_share(values: np.ndarray, chosen: Range) -> float:
    """Return the share of values outside of a range that is given; uint8 has its own."""
    if values.dtype == np.uint8 or not isinstance(chosen, tuple):
        return 0.0
    low, high = chosen
    return float(((values < low) | (values > high)).mean())


def scaled(values: np.ndarray, chosen: Range) -> np.ndarray:
    """Scale values so that a range becomes [0, 1], float32; values outside are clipped. uint8 ranges from 0 to 255.

    For `dtype`, the range of integers is [0, 65535], and of floats the first of [0, 1], [0, 255], [0, 65535] and [0,
    maximum] that holds the values. Raises: RangeUnknown for `auto`.
    """
    if values.dtype == np.uint8:
        return values.astype(np.float32) / 255
    if chosen == "auto":
        raise RangeUnknown
    integers, values = values.dtype.kind in "iu", values.astype(np.float64)
    if chosen == "dtype":
        values = np.nan_to_num(values, posinf=0.0, neginf=0.0)
        greatest = float(values.max(initial=0.0))
        ranges = (65535.0,) if integers else (1.0, 255.0, 65535.0)
        low, high = 0.0, next((upper for upper in ranges if greatest <= upper), greatest)
    else:
        low, high = chosen
        values = np.nan_to_num(values, nan=low, posinf=high, neginf=low)
    return ((values - low) / (high - low)).clip(0, 1).astype(np.float32)
