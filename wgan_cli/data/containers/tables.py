"""Images in the rows of Parquet and Arrow files, as Hugging Face's `datasets` writes them."""

import json
import os
import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from wgan_cli.data.containers.array_file import as_folder
from wgan_cli.data.containers.container import Container, Entry, NotAnImage
from wgan_cli.data.containers.table_columns import Columns, bytes_and_sizes, choose_columns
from wgan_cli.data.containers.table_files import SUFFIXES, read_columns, schema_of
from wgan_cli.data.files.label_file import NoLabels, in_order, label_file_of
from wgan_cli.data.files.labelling import AUTO, TEST, TRAIN, VALID, is_document
from wgan_cli.errors import WganError
from wgan_cli.utils.format import count_of, printable

_PARTS = {word: part for part, known in (("train", TRAIN), ("test", TEST), ("valid", VALID)) for word in known}


class TableContainer(Container):
    """Rows of Parquet or Arrow files with a column of image files, named by their number in a folder per class.

    Args:
        files: What it consists of, as a folder lists it.
        labels: The column of classes, or auto or folders, as `data.labels`.
        column: The column of images; None chooses one.
    """

    has_columns = True

    def __init__(
        self, path: Path, file: Path, files: Sequence[Entry], labels: str = AUTO, column: str | None = None
    ) -> None:
        super().__init__(path, file)
        self.files, self.labels, self.column = files, labels, column
        self._images: dict[str, Any] = {}  # pyarrow's array of bytes by the folder of its part

    def location(self) -> object:
        return [os.path.realpath(self.file), self.column]

    def fingerprint(self) -> list:
        return [[file.name, file.size, file.mtime_ns] for file in self.files]

    def _list(self) -> tuple[list[Entry], list[str]]:
        parts = self._parts()
        schema = schema_of(next(iter(parts.values()))[0].handle)
        columns = choose_columns(self.file, schema, self.column, self.labels)
        self.notes += (columns.note,)
        tables = {part: read_columns([file.handle for file in files], columns.used) for part, files in parts.items()}
        classes, entries = self._classes(tables, columns), list[Entry]()
        for part, table in tables.items():
            self._images[part], sizes = bytes_and_sizes(table.column(columns.image))
            modified = max(file.mtime_ns for file in parts[part])
            for row, size in enumerate(sizes):
                name = classes.get(f"{part}{row}")
                folder = "" if name is None else f"{as_folder(name)}/"
                entries.append(Entry(f"{part}{folder}{row:08d}", size, modified, (part, row)))
        return entries, [part.rstrip("/") for part in parts] if len(parts) > 1 else list(self.class_order)

    def _parts(self) -> dict[str, list[Entry]]:
        """Return the files of each part by its folder, or of the only one by ""."""
        names = set(only_table(self.path, [file.name for file in _without_derived(self.file, self.files)]))
        files = [file for file in self.files if file.name in names]
        by_part = {part: [file for file in files if _part_of(file.name) == part] for part in ("train", "test", "valid")}
        if not by_part["train"]:
            by_part = {"train": files}
        used = {file.name for each in by_part.values() for file in each}
        if others := [file.name for file in self.files if file.name.endswith(SUFFIXES) and file.name not in used]:
            self.notes += (f"not used: {count_of(len(others))}, such as {printable(others[0])}",)
        found = {f"{part}/": files for part, files in by_part.items() if files}
        return found if len(found) > 1 else {"": by_part["train"]}

    def _classes(self, tables: dict[str, Any], columns: Columns) -> dict[str, str | None]:
        """Return the class of each row, by part and number, and set `class_order`."""
        if columns.label is None:
            return {}
        labels = {part: table.column(columns.label).to_pylist() for part, table in tables.items()}
        pairs = [(f"{part}{row}", columns.class_at(value)) for part in labels for row, value in enumerate(labels[part])]
        try:
            classes = label_file_of(pairs).classes
        except NoLabels as reason:
            self.notes += (f"no classes from column {columns.label}: {reason}",)
            return {}
        names = columns.class_names or in_order(name for name in classes.values() if name is not None)
        self.class_order = tuple(map(as_folder, names))
        return classes

    def _read(self, entry: Entry) -> bytes:
        part, row = entry.handle
        content = self._images[part][row].as_py()
        if content is None:
            raise NotAnImage("its row holds no image")
        return content


def only_table(path: Path, names: Iterable[str]) -> list[str]:
    """Return the files that belong together, by their folder without the part: train, test or valid.

    Raises: WganError if there are several tables, and none is in the top folder.
    """
    tables = defaultdict[str, list[str]](list)
    for name in names:
        folders = posixpath.dirname(name).split("/")
        tables["/".join(each for each in folders if not _part_of(each) and "=" not in each)].append(name)
    if len(tables) > 1 and "" not in tables:
        known = sorted(tables)
        raise WganError(
            f"{path} holds {len(known)} tables: {', '.join(map(printable, known))}", f"choose one: {path}/{known[0]}"
        )
    return tables.pop("", None) or tables.popitem()[1]


def holds_tables(folder: Container) -> bool:
    """Return True for a folder of Parquet or Arrow files, and documents."""
    names = [entry.name for entry in folder.entries() if not is_document(entry.name)]
    return bool(names) and all(name.lower().endswith(SUFFIXES) for name in names)


def _without_derived(path: Path, files: Sequence[Entry]) -> list[Entry]:
    """Return the tables, without those that `datasets` derived from them, which their folder's state.json omits."""
    own = dict[str, set[str]]()  # names by folder
    for file in files:
        folder, name = posixpath.split(file.name)
        if name == "state.json":
            try:
                state = json.loads(Path(file.handle).read_bytes())
                own[folder] = {each["filename"] for each in state["_data_files"]}
                selects = bool(state.get("_indices_data_files"))
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                raise WganError(f"{path}: {file.name} is damaged", "save it again with save_to_disk") from None
            if selects:
                hint = "save it again: dataset.flatten_indices().save_to_disk(...)"
                raise WganError(f"{path} is a selection of the rows in its files", hint)
    tables = ((*posixpath.split(file.name), file) for file in files if not is_document(file.name))
    return [file for folder, name, file in tables if name in own.get(folder, (name,))]


def _part_of(name: str) -> str:
    """Return the part that a path names, the last one if there are several, or "".

    >>> _part_of("plain_text/train-00000-of-00002.parquet")
    'train'
    """
    return next((_PARTS[word] for word in reversed(re.split(r"[/_.-]", name.lower())) if word in _PARTS), "")
