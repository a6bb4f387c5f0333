"""Which classes a user asks for, and how they are called in files."""

from __future__ import annotations

import re
from collections.abc import Sequence

from wgan_cli.errors import WganError, did_you_mean

MOST_LISTED = 20  # names in a hint


def parse_classes(text: str, class_names: Sequence[str]) -> list[int]:
    """Read a list such as 3 or 0-9 or cat,dog as numbers of classes, in its order.

    A word is the class of that name, and else a number that counts from 0.
    Raises: WganError naming the word that is no class, or one given twice.
    """
    chosen: list[int] = []
    for word in (part.strip() for part in text.split(",")):
        for number in _numbers(word, class_names):
            if number in chosen:
                raise WganError(f"--class names {class_names[number]} twice", "name each class once")
            chosen.append(number)
    return chosen


def _numbers(word: str, class_names: Sequence[str]) -> list[int]:
    first, dash, last = word.partition("-")
    if word not in class_names and dash and all(end.isdecimal() and len(end) < 7 for end in (first, last)):
        numbers = [_number(str(n), class_names) for n in range(int(first), min(int(last), 999_999) + 1)]
        if numbers and None not in numbers:
            return numbers
    elif (number := _number(word, class_names)) is not None:
        return [number]
    names = ", ".join(class_names[:MOST_LISTED]) + (", ..." if len(class_names) > MOST_LISTED else "")
    raise WganError(
        f"--class: {word[:40]!r} is no class of this generator",
        f"{did_you_mean(word[:40], list(class_names))}Classes: {names}; write for example 3, 0-9 or {class_names[0]}",
    )


def _number(word: str, class_names: Sequence[str]) -> int | None:
    if word in class_names:
        return class_names.index(word)
    if word.isdecimal() and len(word) < 7 and int(word) < len(class_names):
        return int(word)
    return None


def folder_names(class_names: Sequence[str]) -> list[str]:
    """A folder's name for each class: without what a file system refuses, each another one."""
    names: list[str] = []
    for number, name in enumerate(class_names):
        safe = re.sub(r'[\x00-\x1f\\/:*?"<>|]', "-", name).strip(". ") or f"class {number}"
        names.append(f"{safe} {number}" if safe.lower() in map(str.lower, names) else safe)
    return names
