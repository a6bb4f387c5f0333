"""Consoles of the program: stdout for data, stderr for messages and progress."""

from __future__ import annotations

import os
import re
import time
from functools import cache
from typing import TYPE_CHECKING, Any

from rich.console import Console

from wgan_cli.utils.format import Activity

if TYPE_CHECKING:
    from rich.progress import Progress

PLAIN_SECONDS = 5.0  # between lines about one activity if there is no terminal


class _QuietConsole(Console):
    """A console that discards output after its pipe is closed, where rich ends the program.

    A message that stderr cannot take is dropped: a full disk or a lost terminal doesn't end a training.
    """

    def _check_buffer(self) -> None:
        try:
            super()._check_buffer()
        except OSError:
            if not self.stderr:
                raise
            del self._buffer[:]

    def on_broken_pipe(self) -> None:
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())


class _PipeConsole(_QuietConsole):
    """A console without a terminal: prints whole lines, without the spaces that pad a table's last column."""

    def print(self, *objects: Any, **options: Any) -> None:
        with self.capture() as captured:
            super().print(*objects, **options)
        super().print(re.sub(r" +(?=\n)", "", captured.get()), end="", soft_wrap=True)


@cache
def messages() -> Console:
    """Return the console on stderr. Lines wrap only on a terminal, so that a pipe gets whole lines."""
    return _console(stderr=True)


def data() -> Console:
    """Return the console on stdout."""
    end_activity()
    return _data()


@cache
def _data() -> Console:
    return _console(stderr=False)


def _console(stderr: bool) -> Console:
    options: dict[str, Any] = {"stderr": stderr, "highlight": False, "markup": False, "emoji": False}
    console = _QuietConsole(**options)
    return console if console.is_terminal else _PipeConsole(**options, width=10_000, soft_wrap=True)


def print_message(text: str) -> None:
    """Print a message to stderr; an activity is a bar that the next message removes, or a line now and then."""
    if isinstance(text, Activity):
        _shown.update(text)
        return
    end_activity()
    messages().print(text, soft_wrap=True)


def end_activity() -> None:
    """Remove the bar or spinner of an activity."""
    _shown.end()


class _ShownActivity:
    """The current activity."""

    def __init__(self) -> None:
        self.bar: Progress | None = None
        self.countable = False  # the bar has a length
        self.next_line = 0.0

    def update(self, activity: Activity) -> None:
        if not messages().is_terminal or messages().is_dumb_terminal:
            now = time.monotonic()
            if activity.total is not None and now >= self.next_line:
                self.next_line = now + PLAIN_SECONDS
                messages().print(activity, soft_wrap=True)
            return
        countable = activity.total is not None
        if self.bar is None or self.countable != countable:
            self.end()
            self.bar, self.countable = _activity_bar(countable), countable
            self.bar.start()
        for task in self.bar.task_ids:
            self.bar.remove_task(task)
        self.bar.add_task(str(activity), total=activity.total, completed=activity.done)

    def end(self) -> None:
        if self.bar is not None:
            self.bar.stop()
            self.bar = None


_shown = _ShownActivity()


def _activity_bar(countable: bool) -> Progress:
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), *([BarColumn()] if countable else []))
    return Progress(*columns, console=messages(), transient=True)


def print_error(message: str, hint: str) -> None:
    """Print an error and its hint as two lines that are never wrapped."""
    end_activity()
    for label, style, text in (("error:", "bold red", message), ("hint:", "bold cyan", hint)):
        messages().print(label, style=style, end=" ")
        messages().print(text, soft_wrap=True)
