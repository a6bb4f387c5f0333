"""Content of checkpoints as earlier versions of the program wrote it, made what this one reads.

Whoever changes what a checkpoint holds, or the name or meaning of a recipe's setting, raises VERSION and adds a step
here; a file that the older program wrote goes into tests/runs/old. A setting that is only new needs none: its default
is how it was before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Content = dict[str, Any]

FORMAT = "wgan"
VERSION = 2  # raised when an older program could not read the file rightly; from 2 on a file carries its checksum


def migrated(content: Content, version: int) -> Content:
    """The content of a file of a version as the newest has it; the given content stays as it is.

    Raises: KeyError, TypeError for content that no version of the program wrote.
    """
    for number in range(version, VERSION):
        content = STEPS[number](content)
    return content


def _from_1(content: Content) -> Content:
    """Version 2 put a checksum around the content, which is the same."""
    return content


#: By version: what makes a file's content that of the next one.
STEPS: dict[int, Callable[[Content], Content]] = {1: _from_1}
