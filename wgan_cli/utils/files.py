"""Files that somebody else may have made: opened without waiting for anybody, and known to end."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def open_plain(path: Path) -> BinaryIO:
    """Open a file for reading. A folder, a pipe or a device is refused, since reading one may wait or go on for ever.

    Raises: OSError, whose words say what is there instead.
    """
    try:
        number = os.open(path, _FLAGS)
    except ValueError:  # Python's own complaint about a zero byte in a name
        raise OSError(errno.EINVAL, "no file can have this name") from None
    mode = os.fstat(number).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(number, "rb")
    os.close(number)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    raise OSError(errno.EINVAL, "it is a pipe or a device, and not a file")
