"""Fuzzing with hypothesis: every case either works or raises a WganError.

The default test run draws a few fixed cases; `make fuzz` (WGAN_FUZZ=1) draws many different ones each time.
"""

from __future__ import annotations

import faulthandler
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wgan_cli.errors import WganError

FUZZ = os.environ.get("WGAN_FUZZ") == "1"
SECONDS = 60  # a case takes milliseconds on an idle machine
MORE_MEMORY = 3 * 10**9
REFUSED = "refused"  # returned by an attempt that ended in an error message


class Hang(BaseException):
    """Raised on a timeout; not an Exception, so that the code under test does not catch it."""


@contextmanager
def no_hang(seconds: int = SECONDS) -> Iterator[None]:
    """Fail the test if the block takes longer; if Python itself hangs, end the process with a traceback."""

    def stop(number: int, frame: object) -> None:
        raise Hang(f"a case took more than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    faulthandler.dump_traceback_later(4 * seconds, exit=True, file=sys.__stderr__)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture
def guarded() -> Iterator[None]:
    """Time limit for a test."""
    with no_hang():
        yield


@pytest.fixture(scope="module")
def limited_memory() -> Iterator[None]:
    """Limit on additional memory for the tests of a module."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    status = Path("/proc/self/statm")
    if status.exists():
        used = int(status.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MORE_MEMORY, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def is_said(error: WganError) -> None:
    """Assert that an error has a message and a hint, of bounded length and without control characters."""
    assert error.message
    assert error.hint
    assert (error.message + error.hint).isprintable()
    assert len(error.message) < 6100


@pytest.fixture
def fuzz(limited_memory, capsys) -> Callable[..., None]:
    """Fuzz a callable: fuzz(name, attempt, *strategies, short=, long=). A WganError is a valid outcome."""

    def run(what: str, attempt: Callable[..., Any], *values: st.SearchStrategy, short: int, long: int) -> None:
        tried = refused = 0

        @settings(
            max_examples=long if FUZZ else short,
            derandomize=not FUZZ,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(st.tuples(*values))
        def case(on_samples: tuple) -> None:
            nonlocal tried, refused
            tried += 1
            try:
                with no_hang():
                    refused += attempt(*on_samples) is REFUSED
            except WganError as error:
                refused += 1
                is_said(error)

        case()
        if FUZZ:
            with capsys.disabled():
                print(f"\n{what}: {tried:,} cases, {refused:,} of them refused")

    return run


NUMBERS = st.one_of(
    st.integers(-5, 300),
    st.integers(),
    st.sampled_from([2**31, 2**63 - 1, 2**63, 2**64, 10**30, 10**900, -1]),
    st.floats(),
)
WORDS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["mlp", "resnet", "wgan_gp", "digits", "folder", "batch", "none", "relu", "linear", "auto", "1GB"]),
    st.sampled_from(["", "x" * 5000, "\x1b[2J", "a\0b", "\ud800", "../../etc", "1e5", "null", "{", "[", "\u202e"]),
)
PLAIN = st.one_of(st.none(), st.booleans(), NUMBERS, WORDS)
WILD = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | NUMBERS, inner, max_size=4), max_leaves=8
)


#: One to four accidents of a file: (what, where in millionths of its length, how long, what comes there).
ACCIDENTS = st.lists(
    st.tuples(
        st.sampled_from(["flip", "set", "drop", "put", "move", "cut"]),
        st.integers(0, 10**6),
        st.sampled_from([1, 2, 4, 8, 64, 1024]),
        st.binary(min_size=1, max_size=16) | st.sampled_from([b"\xff" * 4, bytes(8), b"\xff\xff\xff\x7f", b"\0\0\1\0"]),
    ),
    min_size=1,
    max_size=4,
)


def damaged(whole: bytes, accidents: list[tuple[str, int, int, bytes]]) -> bytes:
    """Return file content with flipped bits, changed, dropped, inserted or repeated bytes, or a truncated end."""
    data = bytearray(whole)
    for kind, millionths, length, new in accidents:
        place = millionths * max(0, len(data) - 1) // 10**6
        if kind == "flip" and data:
            data[place] ^= 1 << new[0] % 8
        elif kind == "set":
            data[place : place + len(new)] = new
        elif kind == "drop":
            del data[place : place + length]
        elif kind == "put":
            data[place:place] = new * length
        elif kind == "move":
            source = place * new[0] // 256
            data[place : place + length] = data[source : source + length]
        elif kind == "cut":
            del data[place:]
    return bytes(data)


def changed_inside(content: Any) -> st.SearchStrategy[Any]:
    """Strategy for a nested value with one to three inner values replaced, dropped or added."""

    @st.composite
    def changed(draw: st.DrawFn) -> Any:
        value = _copied(content)
        for _ in range(draw(st.integers(1, 3))):
            value = _with_change(draw, value)
        return value

    return changed()


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(inner) for key, inner in value.items()}
    return [_copied(inner) for inner in value] if isinstance(value, list | tuple) else value


def _with_change(draw: st.DrawFn, value: Any) -> Any:
    places = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    if not places or draw(st.integers(0, 9)) == 0:
        return draw(WILD)
    place = draw(st.sampled_from(places))
    kind = draw(st.sampled_from(["inside", "inside", "inside", "drop", "add"]))
    if kind == "drop":
        del value[place]
    elif kind == "add" and isinstance(value, dict):
        value[draw(WORDS)] = draw(WILD)
    else:
        value[place] = _with_change(draw, value[place])
    return value
