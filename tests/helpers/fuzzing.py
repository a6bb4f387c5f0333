"""Fuzzing with hypothesis: every case either works or raises a WganError with a message and a hint.

The default test run draws a few fixed cases; `make fuzz` (WGAN_FUZZ=1) draws a hundred times as many different ones.
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
MORE_MEMORY = 10**9


class Hang(BaseException):
    """Raised on a timeout; not an Exception, so that the code under test does not catch it."""


@contextmanager
def no_hang() -> Iterator[None]:
    """Fail the test if the block takes SECONDS; if Python itself hangs, end the process with a traceback."""

    def stop(number: int, frame: object) -> None:
        raise Hang(f"a case took more than {SECONDS} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    faulthandler.dump_traceback_later(4 * SECONDS, exit=True, file=sys.__stderr__)
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


@pytest.fixture
def fuzz(limited_memory) -> Callable[..., None]:
    """Call `attempt` with values of strategies: fuzz(attempt, *strategies, cases=). A WganError is a valid outcome."""

    def run(attempt: Callable[..., Any], *values: st.SearchStrategy, cases: int) -> None:
        every_check = list(HealthCheck)

        @settings(max_examples=100 * cases if FUZZ else cases, derandomize=not FUZZ, suppress_health_check=every_check)
        @given(st.tuples(*values))
        def case(drawn: tuple) -> None:
            try:
                with no_hang():
                    attempt(*drawn)
            except WganError as error:
                assert error.message and error.hint
                assert (error.message + error.hint).isprintable() and len(error.message) < 6100

        case()

    return run


NUMBERS = st.one_of(
    st.integers(-5, 300), st.integers(), st.floats(), st.sampled_from([2**31, 2**63 - 1, 2**64, 10**30, 10**900])
)
WORDS = st.text(max_size=12) | st.sampled_from(
    ["mlp", "resnet", "wgan_gp", "digits", "folder", "batch", "none", "relu", "linear", "auto", "1GB", "", "x" * 5000]
    + ["\x1b[2J", "a\0b", "\ud800", "../../etc", "1e5", "null", "{", "[", "\u202e"]
)
WILD = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | NUMBERS, inner, max_size=4),
    max_leaves=8,
)


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """Draw file content with one to four flipped bits, or bytes that are replaced, dropped, inserted or repeated."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        place, source = draw(st.integers(0, len(data))), draw(st.integers(0, len(data)))
        length = draw(st.sampled_from([0, 1, 4, 64, 1024, len(data)]))
        if draw(st.booleans()):
            data[place : place + 1] = bytes(byte ^ 1 << source % 8 for byte in data[place : place + 1])
        else:
            huge = [b"\xff" * 4, b"\xff\xff\xff\x7f", bytes(8)]
            data[place : place + length] = draw(
                st.binary(max_size=16) | st.sampled_from([*huge, bytes(data[source : source + length])])
            )
    return bytes(data)


@st.composite
def changed_inside(draw: st.DrawFn, value: Any) -> Any:
    """Draw a nested value with one to three inner values replaced, dropped or added."""
    for _ in range(draw(st.integers(1, 3))):
        value = _changed(draw, value)
    return value


def _changed(draw: st.DrawFn, value: Any) -> Any:
    if not isinstance(value, dict | list | tuple) or not value or draw(st.integers(0, 9)) == 0:
        return draw(WILD)
    items = dict(value) if isinstance(value, dict) else dict(enumerate(value))
    place = draw(st.sampled_from(list(items)))
    kind = draw(st.sampled_from(["inside", "inside", "inside", "drop", "add"]))
    if kind == "drop":
        del items[place]
    elif kind == "add":
        items[draw(WORDS)] = draw(WILD)
    else:
        items[place] = _changed(draw, items[place])
    return items if isinstance(value, dict) else list(items.values())
