"""The program on a terminal of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import wgan_cli


def on_terminal(
    folder: Path, *words: str, columns: int, term: str = "xterm-256color", lines: int = 24, colours: str | None = None,
    cell: tuple[int, int] = (0, 0), answers: dict[bytes, bytes] | None = None,
) -> tuple[int, str]:  # fmt: skip
    """Run `wgan WORDS` on a terminal: its exit status and all that it showed.

    colours: of $COLORTERM. cell: how many pixels wide and high a letter is, as a terminal that draws pixels says.
    answers: by a pattern of what is asked of the terminal, what it says.
    """
    import fcntl
    import pty
    import struct
    import termios

    mine, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, columns * cell[0], lines * cell[1]))
    personal = ("COLUMNS", "LINES", "NO_COLOR", "COLORTERM", "FORCE_COLOR")
    environment = {name: value for name, value in os.environ.items() if name not in personal}
    environment |= {"PYTHONPATH": str(Path(wgan_cli.__file__).parents[1]), "OMP_NUM_THREADS": "1", "TERM": term}
    environment |= {"COLORTERM": colours} if colours else {}
    command = [sys.executable, "-m", "wgan_cli", *map(str, words)]
    process = subprocess.Popen(command, cwd=folder, env=environment, stdin=its, stdout=its, stderr=its)
    os.close(its)
    shown, answers = b"", dict(answers or {})
    try:
        while part := os.read(mine, 4096):
            shown += part
            for question in [asked for asked in answers if re.search(asked, shown)]:
                os.write(mine, answers.pop(question))
    except OSError:  # how Linux says that nobody holds the other end any longer
        pass
    finally:
        os.close(mine)
    return process.wait(timeout=60), shown.decode("utf-8")
