"""Run the program on a pseudo-terminal."""

from __future__ import annotations

import os
import re


def on_terminal(
    processes, *words: object, columns: int, term: str = "xterm-256color", lines: int = 24, colors: str | None = None,
    cell: tuple[int, int] = (0, 0), answers: dict[bytes, bytes] | None = None,
) -> tuple[int, str]:  # fmt: skip
    """Run `wgan WORDS` on a terminal and return its exit status and output.

    Args:
        processes: the fixture `wgan_process`.
        colors: $COLORTERM.
        cell: width and height of a character in pixels, as reported by terminals that show pixels.
        answers: replies by pattern of the query.
    """
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, columns * cell[0], lines * cell[1]))
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), theirs)
    process = processes.start(*words, changes={"TERM": term, "COLORTERM": colors}, **streams)
    os.close(theirs)
    shown, answers = b"", dict(answers or {})
    try:
        while part := os.read(ours, 4096):
            shown += part
            for query in [pattern for pattern in answers if re.search(pattern, shown)]:
                os.write(ours, answers.pop(query))
    except OSError:  # on Linux, the end of the output
        pass
    finally:
        os.close(ours)
    return process.wait(timeout=60), shown.decode("utf-8")
