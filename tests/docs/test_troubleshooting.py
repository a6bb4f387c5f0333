"""docs/troubleshooting.md quotes messages that the program has; the tests of each command prove when it prints them."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import wgan_cli

PAGE = Path(__file__).parents[2] / "docs" / "troubleshooting.md"
MISSING = "..."  # what a message on the page leaves out


def quoted() -> list[str]:
    """The messages in the first column, without those of other programs, which stand in italics."""
    cells = re.findall(r"^\| (`+)(.+?)\1 \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return [message.strip() for _, message in cells]


def text_of(node: ast.AST) -> str | None:
    """A text of the program with `...` for what is only known when it runs, without the hint behind a message."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value.partition("|")[0]
    if isinstance(node, ast.JoinedStr):
        parts = (part.value if isinstance(part, ast.Constant) else MISSING for part in node.values)
        return "".join(parts).partition("|")[0]
    return None


@cache
def texts() -> frozenset[str]:
    """All texts in the program's code."""
    files = Path(wgan_cli.__file__).parent.rglob("*.py")
    nodes = (node for file in files for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    return frozenset(text for text in map(text_of, nodes) if text)


def is_in_the_code(message: str) -> bool:
    """Return True if the program has a text like a message of the page, where `...` may be anything."""
    said = message.removeprefix("warning: ")
    forms = (said, re.sub(r"^\.\.\.:? ", "", said))
    pattern = re.compile("|".join(".*".join(map(re.escape, form.split(MISSING))) for form in forms), re.DOTALL)
    return any(map(pattern.fullmatch, texts()))


def test_each_message_is_in_the_code():
    assert len(set(quoted())) == len(quoted()) > 60
    for message in quoted():
        assert len(message.replace(MISSING, "").strip()) > 10
        assert is_in_the_code(message), f"the program says it in other words now: {message}"


def test_what_the_program_does_not_say_is_found():
    assert is_in_the_code("unknown recipe ...")
    for wrong in ("unknown recipes ...", "unknown recipe ... at all", "recipe unknown ..."):
        assert not is_in_the_code(wrong)
