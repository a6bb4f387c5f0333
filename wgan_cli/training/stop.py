"""A request to stop, from a signal or a clock, that the loop grants between two steps."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

from wgan_cli.errors import ExitStatus


class StopRequest:
    """Says whether to stop, and with which exit status.

    Args:
        minutes: stop this long after the first step, as a normal end; None never.
    """

    def __init__(self, minutes: float | None = None) -> None:
        self.status: ExitStatus | None = None
        self._deadline = None if minutes is None else time.monotonic() + 60 * minutes

    def due(self) -> bool:
        """Whether to stop now."""
        if self.status is None and self._deadline is not None and time.monotonic() >= self._deadline:
            self.status = ExitStatus.DONE
        return self.status is not None

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Let Ctrl-C, SIGTERM and a lost terminal ask for a stop; a second Ctrl-C ends the process at once."""
        statuses = {signal.SIGINT: ExitStatus.INTERRUPTED, signal.SIGTERM: ExitStatus.TERMINATED}
        if hasattr(signal, "SIGHUP"):  # not on Windows
            statuses[signal.SIGHUP] = ExitStatus.TERMINATED

        def ask(number: int, frame: object) -> None:
            if self.status == ExitStatus.INTERRUPTED and number == signal.SIGINT:
                os._exit(ExitStatus.INTERRUPTED)
            self.status = statuses[signal.Signals(number)]

        before = {number: signal.signal(number, ask) for number in statuses}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
