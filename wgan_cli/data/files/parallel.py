"""Threads that read and decode image files."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from wgan_cli.data.containers.container import NotAnImage
from wgan_cli.data.files.decoding import quiet_pillow
from wgan_cli.utils.format import Log, log_progress

THREADS = min(8, os.cpu_count() or 1)  # Pillow releases the interpreter lock while it decodes
CHUNK = 32  # items per task
MAX_AHEAD = 1 << 28  # bytes of results that are computed ahead

T = TypeVar("T")
R = TypeVar("R")


def parallel_map(
    work: Callable[[T], R],
    items: Iterable[T],
    threads: int = THREADS,
    chunk: int = CHUNK,
    size_of: Callable[[T], int] = lambda item: 0,
) -> Iterator[R]:
    """Yield `work(item)` for each item, in order, computed in threads a few chunks ahead.

    Args:
        size_of: bytes of an item's result, of which about MAX_AHEAD are computed ahead.
    """
    parts = _parts(items, chunk, size_of, MAX_AHEAD // (3 * threads))
    pending: deque[tuple[Future[list[R]], int]] = deque()
    ahead, pool = 0, ThreadPoolExecutor(threads)
    try:
        with quiet_pillow():
            while True:
                while len(pending) < 3 * threads and ahead < MAX_AHEAD and (found := next(parts, None)):
                    part, size = found
                    pending.append((pool.submit(lambda part: [work(item) for item in part], part), size))
                    ahead += size
                if not pending:
                    return
                results, size = pending.popleft()
                yield from results.result()
                ahead -= size
    finally:
        pool.shutdown(cancel_futures=True)


def _parts(
    items: Iterable[T], chunk: int, size_of: Callable[[T], int], max_bytes: int
) -> Iterator[tuple[list[T], int]]:
    """Yield up to `chunk` items at a time, fewer if their results have `max_bytes` already, and the number of these."""
    part, total = list[T](), 0
    for item in items:
        part.append(item)
        total += size_of(item)
        if len(part) == chunk or total >= max_bytes:
            yield part, total
            part, total = [], 0
    if part:
        yield part, total


def attempt_all(
    work: Callable[[T], R], items: Sequence[T], title: str, log: Log, size_of: Callable[[T], int] = lambda item: 0
) -> Iterator[R | NotAnImage]:
    """Yield `work(item)` for each item, or the NotAnImage that it raises, computed in threads; log the progress.

    Args:
        size_of: bytes of an item's result, as for `parallel_map`.
    """

    def attempt(item: T) -> R | NotAnImage:
        try:
            return work(item)
        except NotAnImage as reason:
            return reason

    return log_progress(parallel_map(attempt, items, size_of=size_of), len(items), title, log)
