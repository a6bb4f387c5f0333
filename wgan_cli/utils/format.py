"""Numbers as people read them."""

from __future__ import annotations

from collections.abc import Callable

Log = Callable[[str], None]  # receives lines of progress text


def clock(seconds: float) -> str:
    """Seconds as m:ss or h:mm:ss."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
