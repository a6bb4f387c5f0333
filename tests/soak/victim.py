"""`wgan WORDS` in a process that kills itself with SIGKILL: `python victim.py KIND NUMBER BACKGROUND WORDS...`.

KIND call: at the NUMBER-th call or return of a function in the package, Python's or C's, after training starts.
KIND write: in the NUMBER-th file write, after half of its bytes.
KIND line: never; another process does it.
BACKGROUND: 1 to write in a thread, as on a GPU, else 0.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import wgan_cli
from wgan_cli.cli.app import main
from wgan_cli.training.recording import writer
from wgan_cli.utils import files

PROGRAM = str(Path(wgan_cli.__file__).parent)
LOOP = str(Path(PROGRAM, "training", "loop.py"))


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_at_event(number: int) -> None:
    left = None

    def look(frame, event, argument) -> None:
        nonlocal left
        if left is None and frame.f_code.co_name == "training_loop" and frame.f_code.co_filename == LOOP:
            left = number
        if left is not None and frame.f_code.co_filename.startswith(PROGRAM):
            left -= 1
            if left < 0:
                die()

    threading.setprofile(look)  # in threads to come
    sys.setprofile(look)


def die_in_write(number: int) -> None:
    left = number

    def halved(write):
        def call(file, data):
            nonlocal left
            left -= 1
            if left < 0:
                write(file, memoryview(data)[: len(data) // 2])
                die()
            return write(file, data)

        return call

    files._RecordingFile.write = halved(files._RecordingFile.write)
    os.write = halved(os.write)


if __name__ == "__main__":
    kind, number, background = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    sys.argv[1:] = sys.argv[4:]
    writer.writes_in_background = lambda device: background == "1"
    {"call": die_at_event, "write": die_in_write, "line": lambda number: None}[kind](number)
    main()
