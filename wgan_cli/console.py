"""The one console: stdout carries data, stderr messages and progress."""

from __future__ import annotations

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

    console = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console = Console(stderr=stderr, highlight=False, markup=False, emoji=False, width=10_000, soft_wrap=True)
    return console


def say(text: str) -> None:
    """Tell the user something."""
    messages().print(text, soft_wrap=True)


def complain(message: str, hint: str) -> None:
    """Say what is wrong and what to do about it, in two lines that nothing wraps."""
    messages().print("error:", style="bold red", end=" ")
    messages().print(message, soft_wrap=True)
    messages().print("hint:", style="bold cyan", end=" ")
    messages().print(hint, soft_wrap=True)
