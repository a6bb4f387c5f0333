"""Errors that users read, and exit statuses."""

import difflib
from collections.abc import Iterable
from enum import IntEnum

MAX_LINE = 6000  # characters of a message; the longest path has 4096


class ExitStatus(IntEnum):
    """Exit statuses of the program. 130 and 143 are 128 plus the number of the signal."""

    DONE = 0
    FAILED = 1  # the run failed: it diverged, the disk is full
    USAGE = 2  # bad input: an option, a recipe, a file
    INTERRUPTED = 130
    TERMINATED = 143


class WganError(Exception):
    """An error that the user can fix.

    Args:
        message: what is wrong; names the value, field or file. One line.
        hint: how to fix it, if possible as a command. One line.
        status: exit status of the process.
    """

    def __init__(self, message: str, hint: str, status: ExitStatus = ExitStatus.USAGE) -> None:
        super().__init__(message)
        self.message = one_line(message)
        self.hint = one_line(hint)
        self.status = status


class TrainingError(WganError):
    """Training fails with these settings: it diverges, or memory runs out. Others may work."""


class AlreadyReported(Exception):
    """Another process of the run has printed the error; this one exits with the same status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"another process ended with {status}")
        self.status = status


class Stopped(Exception):
    """A signal asked the process to end, and there is nothing to save or report."""

    def __init__(self, status: ExitStatus) -> None:
        super().__init__(f"stopped with status {status}")
        self.status = status


class EngineUnavailable(Exception):
    """An engine cannot run here, and the next one takes over; the text is the reason."""


def one_line(text: str) -> str:
    """Return text as one printable line of limited length, whatever a file put into it."""
    line = " ".join(text[:MAX_LINE].split()) + ("..." if len(text) > MAX_LINE else "")
    # U+DC80 to U+DCFF are the bytes of a path that is not UTF-8; they are printed as they are.
    return "".join(char if char.isprintable() or "\udc80" <= char <= "\udcff" else ascii(char)[1:-1] for char in line)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return "did you mean `a` or `b`? " for the known words closest to a word, or ""."""
    spelled: dict[str, list[str]] = {}
    for name in known:
        spelled.setdefault(name.lower(), []).append(name)
    near = difflib.get_close_matches(word.lower(), spelled, n=3, cutoff=0.55)
    ratios = [difflib.SequenceMatcher(None, name, word.lower()).ratio() for name in near]
    kept = (name for name, ratio in zip(near, ratios, strict=True) if ratio > ratios[0] - 0.2)  # one for a typo
    near = [name for lower in kept for name in spelled[lower]]
    return f"did you mean {' or '.join(f'`{name}`' for name in near)}? " if near else ""


def describe_os_error(error: OSError) -> str:
    """Return the system's description of a failed file operation, such as "Permission denied"."""
    return error.strerror or str(error) or type(error).__name__


# PyTorch's CPU allocator has no exception of its own, and neither have CUDA's libraries.
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "STATUS_ALLOC_FAILED", "unable to find an engine")


def is_out_of_memory(error: BaseException) -> bool:
    """Return True if host or device memory ran out."""
    return isinstance(error, MemoryError) or any(sign in str(error) for sign in _OUT_OF_MEMORY)
