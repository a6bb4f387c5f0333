"""Text for people: numbers, names and progress."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
#: Receives messages about progress.
Log = Callable[[str], None]


def no_log(text: str) -> None:
    """Discard a message."""


def clock(seconds: float) -> str:
    """Format seconds as m:ss or h:mm:ss."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def count_of(count: int, noun: str = "file") -> str:
    """Return a count with its noun: "1 file", "2,000 files"."""
    return f"{count:,} {noun}{'s' if count != 1 else ''}"


def format_rate(rate: float) -> str:
    """Format images per second: whole, or with two digits if there are fewer than ten."""
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"


def format_bytes(count: int) -> str:
    """Format a size as bytes, KB, MB or GB."""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "KB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count} bytes"


def printable(name: str) -> str:
    """Escape undecodable bytes and control characters of a file's name, so that it can be printed and saved."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def thinned(items: Sequence[T], limit: int | None) -> list[T]:
    """Return at most `limit` evenly spaced items, including the first and the last."""
    if limit is None or len(items) <= limit:
        return list(items)
    return [items[round(place * (len(items) - 1) / max(1, limit - 1))] for place in range(limit)]


class Activity(str):
    """Message about a long operation: a bar on a terminal, or a spinner if the number of items is unknown."""

    done: int
    total: int | None

    def __new__(cls, text: str, done: int = 0, total: int | None = None) -> "Activity":
        activity = super().__new__(cls, text)
        activity.done, activity.total = done, total
        return activity


def once(log: Log) -> Log:
    """Return a log that passes on each message once; progress always."""
    seen: set[str] = set()

    def log_once(text: str) -> None:
        if isinstance(text, Activity) or text not in seen:
            seen.add(text)
            log(text)

    return log_once


def log_progress(items: Iterable[T], total: int, title: str, log: Log, unit: str = "images") -> Iterator[T]:
    """Yield the items, logging every second how many there were so far, and the time left."""
    started = logged = time.monotonic()
    for done, item in enumerate(items):
        if time.monotonic() - logged >= 1:
            logged = time.monotonic()
            left = (logged - started) / max(done, 1) * (total - done)
            log(Activity(f"{title} {done:,} of {total:,} {unit}, {clock(left)} left", done, total))
        yield item
