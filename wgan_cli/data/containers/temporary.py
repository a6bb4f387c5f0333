"""Anonymous temporary files for images that can't be read one at a time where they are."""

import errno
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from wgan_cli.errors import ExitStatus, WganError


@contextmanager
def temporary_copy(source: Path) -> Iterator[BinaryIO]:
    """Open a temporary file for a copy of what `source` holds. Raises: WganError if the disk is full."""
    try:
        with tempfile.TemporaryFile() as file:
            yield file
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise WganError(
            f"cannot copy {source} to $TMPDIR: no space left",
            "set $TMPDIR to a folder with more space",
            ExitStatus.FAILED,
        ) from None
