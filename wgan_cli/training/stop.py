"""Requests to stop training, from a signal or a time limit, granted between two steps."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from wgan_cli.distributed.process_group import all_reduce_max, world_size
from wgan_cli.errors import ExitStatus

MAX_STEPS, SECONDS = 100, 0.2  # between two all-reduces that ask whether any rank should stop


class StopRequest:
    """Tells the loop when to stop, and with which exit status; a run ends normally at its limit in minutes or steps."""

    def __init__(self, minutes: float | None = None, steps: int | None = None) -> None:
        self.status: ExitStatus | None = None
        self._steps_left = steps
        self._deadline = None if minutes is None else time.monotonic() + 60 * minutes
        self._interval, self._steps, self._last_time = 1, 0, time.monotonic()

    def due(self) -> bool:
        """Return True to stop instead of another step; call it once before each, because it counts them.

        All ranks stop after the same step.
        """
        if self._steps_left is not None:
            self._steps_left -= 1
            if self._steps_left < 0:  # on all ranks at once
                self.status = self.status or ExitStatus.DONE
                return True
        if self.status is None and self._deadline is not None and time.monotonic() >= self._deadline:
            self.status = ExitStatus.DONE
        return self.status is not None if world_size() == 1 else self._any_rank_due()

    def _any_rank_due(self) -> bool:
        """All-reduce the status, but not after every step: for short steps that takes a large part of the time."""
        self._steps += 1
        if self._steps < self._interval:
            return False
        seconds = max(time.monotonic() - self._last_time, 1e-6) / self._steps
        interval = max(1, min(MAX_STEPS, round(SECONDS / seconds)))
        self._steps, self._last_time = 0, time.monotonic()
        status, self._interval = all_reduce_max("stopping", -1 if self.status is None else self.status, interval)
        if status >= 0:  # else keep a status that a signal has set in the meantime
            self.status = ExitStatus(status)
        return status >= 0

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Stop on Ctrl-C, SIGTERM, SIGUSR1 and SIGHUP inside the block; a second Ctrl-C ends the process at once.

        Signals that the process was started to ignore, as by `nohup`, stay ignored. Only the main thread receives
        signals; in others this does nothing.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        statuses = {signal.SIGINT: ExitStatus.INTERRUPTED, signal.SIGTERM: ExitStatus.TERMINATED}
        for name in ("SIGHUP", "SIGUSR1"):  # lost terminal, scheduler's warning; not on Windows
            if hasattr(signal, name):
                statuses[getattr(signal, name)] = ExitStatus.TERMINATED

        def handle(number: int, frame: object) -> None:
            if self.status == ExitStatus.INTERRUPTED and number == signal.SIGINT:
                os._exit(ExitStatus.INTERRUPTED)
            self.status = statuses[signal.Signals(number)]

        handled = [number for number in statuses if signal.getsignal(number) != signal.SIG_IGN]
        before = {number: signal.signal(number, handle) for number in handled}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
