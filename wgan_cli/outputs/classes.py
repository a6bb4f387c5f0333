"""Classes that a user asks for, and their folder names."""

from __future__ import annotations

import re
from collections.abc import Sequence

from wgan_cli.utils.class_names import class_indices


def parse_classes(text: str, class_names: Sequence[str]) -> list[int]:
    """Parse a list of classes such as 3, 0-9 or cat,dog into indices, in its order. Names take precedence.

    Raises: WganError for an unknown class, or one listed twice.
    """
    words: list[str] = []
    for word in (part.strip() for part in text.split(",")):
        first, dash, last = word.partition("-")
        numbers = dash and all(end.isdecimal() and len(end) < 7 for end in (first, last))
        if numbers and word not in class_names and int(first) <= int(last):
            words += map(str, range(int(first), int(last) + 1))
        else:
            words.append(word)
    return class_indices(words, class_names, "--class", f"; for example, write 3, 0-9 or {class_names[0]}")


def folder_names(class_names: Sequence[str]) -> list[str]:
    """Return a unique folder name for each class, without characters that file systems refuse."""
    names: list[str] = []
    for number, name in enumerate(class_names):
        safe = re.sub(r'[\x00-\x1f\\/:*?"<>|]', "-", name).strip(". ") or f"class {number}"
        names.append(f"{safe} {number}" if safe.lower() in map(str.lower, names) else safe)
    return names
