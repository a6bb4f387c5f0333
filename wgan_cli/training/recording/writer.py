"""The writer: encodes and writes files in a thread while a GPU trains."""

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import torch

from wgan_cli.training.recording.host_copy import host_copy
from wgan_cli.utils.format import Log

MAX_PENDING = 16  # writes; the next one waits for a slow disk
#: Seconds in which the loop queues further steps on the GPU, undisturbed. Python runs one thread at a time, and an
#: encoder may keep the others waiting for milliseconds.
HEAD_START = 0.005


def writes_in_background(device: torch.device) -> bool:
    """Return True if training on a device leaves the CPU time to write, and copies are needed anyway."""
    return device.type == "cuda"


class _Pending(NamedTuple):
    result: Future[None]
    large: bool


class Writer:
    """Carries out writes one after another, in the order in which they were submitted.

    On a GPU a thread carries them out. On a CPU, where it would only take turns with the training, and need a copy of
    every tensor, they are carried out at once. Errors and messages of the thread reach the training in its next call.

    Args:
        deliver: receives messages, in the thread that calls the writer.
    """

    def __init__(self, device: torch.device, deliver: Log) -> None:
        self._device, self._deliver = device, deliver
        self._messages: deque[str] = deque()
        self._pending: deque[_Pending] = deque()
        self._thread = None
        if writes_in_background(device):
            self._thread = ThreadPoolExecutor(1, "wgan-writer", _use_device, (device,))

    def submit(self, write: Callable[..., None], *content: Any, large: bool = False) -> None:
        """Call `write(*content)` after all earlier writes, with tensors as they are now, on the CPU.

        Returns before that, unless there are MAX_PENDING writes, or two large ones: the memory for copies is bounded.

        Args:
            content: see `host_copy`.
        Raises: the error of an earlier write.
        """
        if self._thread is None:
            try:
                write(*(content if self._device.type == "cpu" else host_copy(content)()))
            finally:
                self._pass_on()
            return
        while self._pending and (
            self._pending[0].result.done()
            or len(self._pending) == MAX_PENDING
            or (large and any(earlier.large for earlier in self._pending))
        ):
            self._wait_for_first()
        start = time.monotonic() + HEAD_START
        self._pending.append(_Pending(self._thread.submit(_run, write, host_copy(content), start), large))

    def wait(self) -> None:
        """Wait until everything is written. Raises: the first error."""
        while self._pending:
            self._wait_for_first()

    def close(self) -> None:
        """Finish what is pending and end the thread; errors are dropped, so call `wait` before."""
        if self._thread is not None:
            self._thread.shutdown()
        self._pass_on()

    def log(self, text: str) -> None:
        """Send a message from a write to the training."""
        self._messages.append(text)

    def _wait_for_first(self) -> None:
        try:
            self._pending.popleft().result.result()
        finally:
            self._pass_on()

    def _pass_on(self) -> None:
        while self._messages:
            self._deliver(self._messages.popleft())


def _use_device(device: torch.device) -> None:
    """Choose the thread's GPU: its calls would otherwise take memory of the first one, which others may use."""
    if device.type == "cuda" and device.index is not None:
        torch.cuda.set_device(device)


def _run(write: Callable[..., None], finished: Callable[[], tuple[Any, ...]], start: float) -> None:
    time.sleep(max(0.0, start - time.monotonic()))
    write(*finished())
