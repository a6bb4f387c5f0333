"""Parsing of `--class`, and folder names."""

from __future__ import annotations

import pytest

from wgan_cli.errors import WganError
from wgan_cli.outputs.classes import folder_names, parse_classes

DIGITS = tuple("0123456789")
ANIMALS = ("cat", "dog", "sea-lion", "3")


@pytest.mark.parametrize(
    ("text", "names", "wanted"),
    [
        ("7", DIGITS, [7]),
        ("0-9", DIGITS, list(range(10))),
        (" 3, 1 ", DIGITS, [3, 1]),
        ("0-2,7-8", DIGITS, [0, 1, 2, 7, 8]),
        ("dog", ANIMALS, [1]),
        ("sea-lion,0", ANIMALS, [2, 0]),
        ("3", ANIMALS, [3]),
        ("2-3", ANIMALS, [2, 3]),
        ("8", ("3", "8"), [1]),  # the name, not the number
    ],
)
def test_names_and_numbers(text, names, wanted):
    assert parse_classes(text, names) == wanted


@pytest.mark.parametrize("text", ["10", "0-10", "5-3", "", "3,,4", "-1", "1-", "x", "9" * 30, "0-" + "9" * 6, "٣-x"])
def test_unknown_class(text):
    with pytest.raises(WganError, match="--class") as caught:
        parse_classes(text, DIGITS)
    assert "0, 1, 2" in caught.value.hint


def test_suggestion_and_repeated_class():
    with pytest.raises(WganError) as caught:
        parse_classes("dgo", ANIMALS)
    assert "`dog`" in caught.value.hint
    with pytest.raises(WganError, match="twice"):
        parse_classes("1,dog", ANIMALS)


def test_folder_names():
    names = folder_names(("T-shirt/top", "a:b", "a?b", "..", "", "Cat", "cat", "nul\0"))
    assert names[0] == "T-shirt-top"
    assert len({name.lower() for name in names}) == 8
    assert not any(letter in name for name in names for letter in '/\\:*?"<>|\0')
    assert all(name and not name.startswith(".") for name in names)
