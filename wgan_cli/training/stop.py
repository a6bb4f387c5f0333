"""A request to stop, from a signal or a clock, that the loop grants between two steps."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from wgan_cli.distributed import process_group
from wgan_cli.errors import ExitStatus

MOST_STEPS_BETWEEN, SECONDS_BETWEEN = 100, 0.2  # questions of several processes whether one was asked to stop


class StopRequest:
    """Says whether to stop, and with which exit status.

    Args:
        minutes: stop this long after the first step, as a normal end; None never.
    """

    def __init__(self, minutes: float | None = None) -> None:
        self.status: ExitStatus | None = None
        self._deadline = None if minutes is None else time.monotonic() + 60 * minutes
        self._ask_every, self._asked_since, self._asked_at = 1, 0, time.monotonic()

    def due(self) -> bool:
        """Whether to stop now; several processes of a run stop after the same step."""
        if self.status is None and self._deadline is not None and time.monotonic() >= self._deadline:
            self.status = ExitStatus.DONE
        return self.status is not None if process_group.world_size() == 1 else self._agreed()

    def _agreed(self) -> bool:
        """Ask the others now and then: seldom where steps are short, for a question costs a fraction of one."""
        self._asked_since += 1
        if self._asked_since < self._ask_every:
            return False
        seconds = max(time.monotonic() - self._asked_at, 1e-6) / self._asked_since
        wish = max(1, min(MOST_STEPS_BETWEEN, round(SECONDS_BETWEEN / seconds)))
        self._asked_since, self._asked_at = 0, time.monotonic()
        status, self._ask_every = process_group.all_reduce_max(
            "whether to stop", -1 if self.status is None else self.status, wish
        )
        self.status = None if status < 0 else ExitStatus(status)
        return self.status is not None

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Let Ctrl-C, SIGTERM, SIGUSR1 and a lost terminal ask for a stop; a second Ctrl-C ends the process at once.

        In any other thread than the main one, which alone is told of signals, nothing changes.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        statuses = {signal.SIGINT: ExitStatus.INTERRUPTED, signal.SIGTERM: ExitStatus.TERMINATED}
        for name in ("SIGHUP", "SIGUSR1"):  # a lost terminal, a scheduler's warning; not on Windows
            if hasattr(signal, name):
                statuses[getattr(signal, name)] = ExitStatus.TERMINATED

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
