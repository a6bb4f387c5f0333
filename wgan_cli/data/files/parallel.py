"""Threads that read and decode image files."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from wgan_cli.data.containers.container import NotAnImage
from wgan_cli.data.files.decoding import quiet_pillow
from wgan_cli.utils.format import Log, log_progress

THREADS = min(8, os.cpu_count() or 1)  # Pillow releases the interpreter lock while it decodes
CHUNK = 32  # items per task

T = TypeVar("T")
R = TypeVar("R")


def parallel_map(work: Callable[[T], R], items: Iterable[T], threads: int = THREADS, chunk: int = CHUNK) -> Iterator[R]:
    """Yield `work(item)` for each item, in order, computed in threads a few chunks ahead."""
    items = iter(items)
    pending: deque[Future[list[R]]] = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        with quiet_pillow():
            while True:
                while len(pending) < 3 * threads and (part := list(islice(items, chunk))):
                    pending.append(pool.submit(lambda part: [work(item) for item in part], part))
                if not pending:
                    return
                yield from pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def attempt_all(work: Callable[[T], R], items: Sequence[T], title: str, log: Log) -> Iterator[R | NotAnImage]:
    """Yield `work(item)` for each item, or the NotAnImage that it raises, computed in threads; log the progress."""

    def attempt(item: T) -> R | NotAnImage:
        try:
            return work(item)
        except NotAnImage as reason:
            return reason

    return log_progress(parallel_map(attempt, items), len(items), title, log)
