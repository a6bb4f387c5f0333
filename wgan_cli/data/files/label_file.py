"""Files that list the class of each image: dataset.json of StyleGAN and EDM, labels.csv, metadata.csv and .jsonl."""

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wgan_cli.utils.format import count_of, printable
from wgan_cli.utils.image_formats import READABLE_SUFFIXES

#: Names that are recognized, in order of precedence.
NAMES = ("dataset.json", "labels.csv", "metadata.csv", "metadata.jsonl", "labels.json", "labels.tsv")
FILE_COLUMNS = ("file_name", "filename", "file", "image", "path", "image_path", "img", "name", "image_id", "id")
LABEL_COLUMNS = ("label", "class", "class_name", "category", "target", "cls", "y")
_WHOLE = re.compile(r"-?\d+(\.0*)?", re.ASCII)
MAX_NAMED = 10  # columns in a message
PROSE_COLUMNS = ("text", "caption", "captions", "prompt", "description")


class NoLabels(ValueError):
    """Raised for a file without classes; the text is the reason."""


@dataclass(frozen=True)
class LabelFile:
    """The class of each file by its name, as written, and a description of where they are in the label file."""

    classes: dict[str, str | None]  # None: no class
    column: str = ""
    unused: tuple[str, ...] = ()  # other columns
    repeated: int = 0  # names that are listed again with another class


def read_labels(name: str, content: bytes) -> LabelFile:
    """Read a label file; the suffix of its name is its format. Raises: NoLabels."""
    text = content.decode("utf-8-sig", "replace")
    suffix = name.rpartition(".")[2].lower()
    try:
        if suffix == "jsonl":
            return _from_rows([json.loads(line) for line in text.split("\n") if line.strip()])
        return _from_json(json.loads(text)) if suffix == "json" else _from_table(text)
    except (ValueError, RecursionError, csv.Error) as error:
        if isinstance(error, NoLabels):
            raise
        raise NoLabels(f"it can't be read: {error}") from None


def class_of(value: Any) -> str | None:
    """Return a label as the name of a class: a whole number, text, or a vector with a single 1; None for no label.

    Raises: NoLabels for other values.
    """
    if value is None or value == "":
        return None
    if isinstance(value, list) and value.count(1) == 1 and value.count(0) == len(value) - 1:
        value = value.index(1)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, str | int):
        raise NoLabels(f"its labels are not classes, such as {value!r:.40}")
    return printable(str(value).strip()) or None


def class_in(values: Mapping[str, Any]) -> str | None:
    """Return the class in the first of LABEL_COLUMNS that a JSON object has. Raises: NoLabels if it has none."""
    if (key := find_column(list(values), LABEL_COLUMNS)) is None:
        raise NoLabels(f"no label among {', '.join(map(str, values)) or 'no keys'}")
    return class_of(values[key])


def in_order(classes: Iterable[str]) -> tuple[str, ...]:
    """Return distinct names of classes, sorted; numbers by value."""
    distinct = set(classes)
    numeric = all(name.isascii() and name.isdigit() for name in distinct)
    return tuple(sorted(distinct, key=lambda name: (int(name) if numeric else 0, name)))


def whole_numbers(classes: Iterable[str]) -> list[str]:
    """Return the names of classes; those written as floats, such as 3.0, as integers if all of them are whole."""
    names = list(classes)
    return [name.partition(".")[0] for name in names] if all(map(_WHOLE.fullmatch, names)) else names


def _from_json(values: Any) -> LabelFile:
    if isinstance(values, dict):
        values = values.get("labels", values)
    if values is None:
        raise NoLabels("it lists no labels")
    if isinstance(values, dict):
        return label_file_of(list(values.items()))
    if isinstance(values, list) and all(isinstance(row, dict) for row in values):
        return _from_rows(values)
    if isinstance(values, list) and all(isinstance(row, list) and len(row) == 2 for row in values):
        return label_file_of(values)
    raise NoLabels("it isn't a list of [file, label]")


def _from_rows(rows: Sequence[Any]) -> LabelFile:
    if not all(isinstance(row, dict) for row in rows):
        raise NoLabels("its lines aren't objects")
    names = list(dict.fromkeys(key for row in rows for key in row))
    file, label = _columns(names)
    return label_file_of([(str(row.get(file, "")), row.get(label)) for row in rows], label, _others(names, file, label))


def _from_table(text: str) -> LabelFile:
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    rows = [row for row in csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True) if any(row)]
    if not rows:
        raise NoLabels("it is empty")
    if len(rows[0]) == 2 and rows[0][0].rpartition(".")[2].lower() in READABLE_SUFFIXES:  # no header
        return label_file_of(_pairs(rows, 0, 1))
    header = [cell.strip() for cell in rows[0]]
    file, label = _columns(header)
    pairs = _pairs(rows[1:], header.index(file), header.index(label))
    return label_file_of(pairs, label, _others(header, file, label))


def _pairs(rows: Sequence[Sequence[str]], file: int, label: int) -> list[tuple[str, str | None]]:
    return [(row[file].strip(), row[label].strip() if len(row) > label else None) for row in rows if len(row) > file]


def _columns(names: Sequence[str]) -> tuple[str, str]:
    """Return the columns of files and of labels."""
    file, label = find_column(names, FILE_COLUMNS), find_column(names, LABEL_COLUMNS)
    if len(names) == 2 and (file is None) != (label is None):
        other = next(name for name in names if name not in (file, label))
        if file is None:
            file = other
        elif other.lower() not in PROSE_COLUMNS:
            label = other
    if file is None or label is None:
        missing = "files" if file is None else "labels"
        raise NoLabels(f"no column of {missing} among {', '.join(map(printable, names[:MAX_NAMED]))}")
    return file, label


def _others(names: Sequence[str], *used: str) -> tuple[str, ...]:
    return tuple(name for name in names if name not in used and name)


def find_column(names: Sequence[str], known: Sequence[str]) -> str | None:
    """Return the first column that has one of the known names, in their order."""
    by_lower = {str(name).lower(): name for name in reversed(names)}
    return next((by_lower[name] for name in known if name in by_lower), None)


def label_file_of(pairs: Iterable[tuple[Any, Any]], column: str = "", unused: tuple[str, ...] = ()) -> LabelFile:
    """Return the classes of (file, label) pairs. Raises: NoLabels if the labels aren't classes."""
    classes: dict[str, str | None] = {}
    repeated = set()
    for file, value in pairs:
        found = class_of(value)
        if classes.setdefault(str(file), found) != found:
            repeated.add(file)
    known = in_order(found for found in classes.values() if found is not None)
    integers = dict(zip(known, whole_numbers(known), strict=True))
    classes = {file: found and integers[found] for file, found in classes.items()}
    if not known:
        raise NoLabels("it lists no labels")
    if _are_measurements(known):
        raise NoLabels(f"its labels are not classes but numbers, such as {known[0]}")
    return LabelFile(classes, column, unused, len(repeated))


def _are_measurements(known: Sequence[str]) -> bool:
    """Return True for numbers that aren't all whole."""
    try:
        numbers = [float(name) for name in known]
        return not all(number.is_integer() for number in numbers)
    except (ValueError, OverflowError):
        return False


def describe(name: str, found: LabelFile) -> str:
    """Return where the classes are, such as "labels.csv, column species"."""
    text = printable(name) + (f", column {printable(found.column)}" if found.column else "")
    if found.unused:
        text += f" (not used: {', '.join(map(printable, found.unused[:MAX_NAMED]))})"
    if found.repeated:
        text += f" ({count_of(found.repeated)} with several classes: the first one counts)"
    return text
