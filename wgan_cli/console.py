"""Consoles of the program: stdout for data, stderr for messages and progress."""

import os
from functools import cache
from typing import Any

from rich.console import Console


class _QuietConsole(Console):
    """A console that discards output after its pipe is closed, where rich ends the program."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())


@cache
def messages() -> Console:
    """Return the console on stderr. Lines wrap only on a terminal, so that a pipe gets whole lines."""
    return _console(stderr=True)


@cache
def data() -> Console:
    """Return the console on stdout."""
    return _console(stderr=False)


def _console(stderr: bool) -> Console:
    options: dict[str, Any] = {"stderr": stderr, "highlight": False, "markup": False, "emoji": False}
    console = _QuietConsole(**options)
    return console if console.is_terminal else _QuietConsole(**options, width=10_000, soft_wrap=True)


def print_message(text: str) -> None:
    """Print a message to stderr."""
    messages().print(text, soft_wrap=True)


def print_error(message: str, hint: str) -> None:
    """Print an error and its hint as two lines that are never wrapped."""
    for label, style, text in (("error:", "bold red", message), ("hint:", "bold cyan", hint)):
        messages().print(label, style=style, end=" ")
        messages().print(text, soft_wrap=True)
