"""The one exception that a user is meant to read, and what a process says when it ends."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from enum import IntEnum

MOST_LETTERS = 6000  # of a message; the longest path is 4096


class ExitStatus(IntEnum):
    """What the shell sees. 130 and 143 are 128 plus the number of the signal."""

    DONE = 0
    FAILED = 1  # the run itself went wrong: it diverged, the disk is full
    USAGE = 2  # what the user gave is wrong: an option, a recipe, a file
    INTERRUPTED = 130
    TERMINATED = 143


class WganError(Exception):
    """Something a user can put right.

    Args:
        message: what is wrong, naming the value, field or file at fault. One line.
        hint: what to do about it. One line.
        status: the process's exit status.
    """

    def __init__(self, message: str, hint: str, status: ExitStatus = ExitStatus.USAGE) -> None:
        super().__init__(message)
        self.message = one_line(message)
        self.hint = one_line(hint)
        self.status = status


def one_line(text: str) -> str:
    """Text that a terminal shows as one line of bounded length, whatever a file put into it."""
    line = " ".join(text[:MOST_LETTERS].split()) + ("..." if len(text) > MOST_LETTERS else "")
    # From U+DC80 on: the bytes of a path that is no UTF-8, which the program shows as they are.
    return "".join(
        letter if letter.isprintable() or "\udc80" <= letter <= "\udcff" else ascii(letter)[1:-1] for letter in line
    )


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Name the known words nearest to `word`: "did you mean `a` or `b`? " with the space, or ""."""
    near = difflib.get_close_matches(word, list(known), n=3, cutoff=0.55)
    close = [difflib.SequenceMatcher(None, name, word).ratio() for name in near]
    near = [name for name, ratio in zip(near, close, strict=True) if ratio > close[0] - 0.2]  # of a typo only one
    return f"did you mean {' or '.join(f'`{name}`' for name in near)}? " if near else ""


def describe_os_error(error: OSError) -> str:
    """The system's own words for a failed file operation, without the number: "Permission denied"."""
    return error.strerror or str(error) or type(error).__name__


def is_lack_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, on the host or on a device."""
    # PyTorch's allocator for the CPU has no exception of its own.
    return isinstance(error, MemoryError) or "out of memory" in str(error) or "can't allocate memory" in str(error)


class AlreadyReported(Exception):
    """Another process of the run has said what is wrong; this one ends with the same status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"another process ended with {status}")
        self.status = status


class EngineUnavailable(Exception):
    """A faster way does not work here, and the plain one is taken; the text is the reason, a phrase."""
