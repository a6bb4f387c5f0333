"""The one console: stdout carries data, stderr messages and progress."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


@cache
def messages() -> Console:
    """Where messages and progress go: stderr, wrapped only on a terminal so that a pipe gets whole lines."""
    return _console(stderr=True)


@cache
def data() -> Console:
    """Where what was asked for goes: stdout."""
    return _console(stderr=False)


def _console(stderr: bool) -> Console:
    from rich.console import Console

    class Patient(Console):
        """A console that falls silent when the reader of its pipe has seen enough, where rich would end the program."""

        def on_broken_pipe(self) -> None:
            self.quiet = True
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())

    plain = {"stderr": stderr, "highlight": False, "markup": False, "emoji": False}
    console = Patient(**plain)
    return console if console.is_terminal else Patient(**plain, width=10_000, soft_wrap=True)


def say(text: str) -> None:
    """Tell the user something."""
    messages().print(text, soft_wrap=True)


def complain(message: str, hint: str) -> None:
    """Say what is wrong and what to do about it, in two lines that nothing wraps."""
    messages().print("error:", style="bold red", end=" ")
    messages().print(message, soft_wrap=True)
    messages().print("hint:", style="bold cyan", end=" ")
    messages().print(hint, soft_wrap=True)
