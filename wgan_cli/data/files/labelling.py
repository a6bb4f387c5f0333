"""Selection of the files of a folder or archive to train on, and their classes.

Classes come from a file of labels next to the images, or else from the top-level folders. Folders that aren't classes
are recognized: the parts of a data set (train, valid, test), the numbered shards of StyleGAN's data sets, and the two
sides of a translation (trainA, trainB).
"""

import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from wgan_cli.data.containers.container import Container, Entry, NotAnImage, NotNow
from wgan_cli.data.files.label_file import NAMES, LabelFile, NoLabels, describe, in_order, read_labels
from wgan_cli.errors import WganError, did_you_mean
from wgan_cli.utils.format import count_of, printable

AUTO = "auto"  # a file of labels if there is one, else folders
FOLDERS = "folders"  # top-level folders, whatever their names
TRAIN, TEST, VALID = ("train", "training"), ("test", "testing"), ("val", "valid", "validation", "dev")
_DOCUMENTS = frozenset(("md", "txt", "rst", "pdf", "html", "csv", "tsv", "json", "jsonl", "yaml", "yml", "xml", "py"))
_SHARD_FILE = re.compile(r"(\d{5})/img(\d{8})\.\w+", re.ASCII)  # of StyleGAN's and EDM's dataset_tool.py
_SHARD_SIZE = 1000  # images in each
_NAMED = 3  # examples in a note

Split = Literal["train", "test", "all"]


@dataclass(frozen=True)
class Labelled:
    """Files to train on, sorted by name, and the class of each one."""

    entries: tuple[Entry, ...]
    classes: tuple[str | None, ...]  # None: no class
    names: tuple[str, ...]  # of the classes in order, including those without files
    notes: tuple[str, ...]  # where classes come from and what is left out


class Parts(NamedTuple):
    """Top-level folders that are parts of a data set."""

    train: str
    held_out: str | None
    unused: str | None  # validation images next to test images

    @property
    def all(self) -> tuple[str, ...]:
        """All of these folders."""
        return tuple(sorted(part for part in self if part is not None))


def label_files(container: Container, labels: str = AUTO, split: Split = "train") -> Labelled:
    """Return the files of a part of a data set with their classes.

    Args:
        labels: auto, folders, or the name of a file of labels; see `open_container` for tables.
        split: which of the folders train, valid and test to use, if the container has them.
    Raises: WganError if there is no such file of labels, or no class in it.
    """
    entries, parts = container.entries(), parts_of(container, labels)
    notes, labels = list(container.notes), AUTO if container.has_columns else labels
    used = ("",)
    if parts is None and split != "train":
        raise WganError(
            f"`data.split` is {split}, but {container.path} has no parts"
            + (", since `data.labels` is folders" if labels == FOLDERS else ""),
            "leave out `data.split`; parts are folders train and test, with nothing else next to them",
        )
    if parts is not None:
        if split == "test" and parts.held_out is None:
            raise WganError(f"{container.path} has no folder test or valid", "use --set data.split=train")
        chosen = {"train": (parts.train,), "test": (parts.held_out,), "all": parts.all}[split]
        used = tuple(f"{part}/" for part in chosen)
        notes += _about_parts(parts, split, entries)
    files = {} if labels == FOLDERS else _label_files(container, labels, used, notes)
    kept = [entry for entry in entries if entry.name.startswith(used) and entry.name not in files]
    inner = {entry.name: entry.name.removeprefix(next(filter(entry.name.startswith, used))) for entry in kept}
    listed = any(file.classes for file in files.values())
    if not listed and labels != FOLDERS and _are_shards(inner.values()):
        notes.append("the numbered folders are shards and not classes")
        return Labelled(tuple(kept), (None,) * len(kept), (), tuple(notes))
    folders = {name.partition("/")[0] for name in inner.values() if "/" in name}
    folders |= set(container.class_order) if parts else set(container.folders())
    if folders or listed:
        documents = dict.fromkeys(name for name in inner.values() if (listed or "/" not in name) and is_document(name))
        notes += [_some("left out", list(documents))] if documents else []
        kept = [entry for entry in kept if inner[entry.name] not in documents]
    if listed:
        by_name = _listed_classes(container, [entry.name for entry in kept], files, notes)
        classes = tuple(by_name.get(entry.name) for entry in kept)
        names = in_order(name for name in classes if name is not None)
    else:
        classes = tuple(top if slash else None for top, slash, _ in (inner[e.name].partition("/") for e in kept))
        names = container.class_order or tuple(sorted(folders))
        notes += _about_folders([inner[entry.name] for entry in kept], folders)
    return Labelled(tuple(kept), classes, names, tuple(notes))


def parts_of(container: Container, labels: str) -> Parts | None:
    """Return the folders train, valid and test, or None if there are other folders or images next to them.

    Empty folders of held-out images count as missing. With `labels: folders`, only tables have parts.
    """
    if labels == FOLDERS and not container.has_columns:
        return None
    by_lower = {folder.lower(): folder for folder in container.folders()}
    found = [next((by_lower[name] for name in names if name in by_lower), None) for names in (TRAIN, TEST, VALID)]
    files = [entry for entry in container.entries() if not is_document(entry.name)]
    folders = {entry.class_name for entry in files}
    if found[0] is None or None in folders or len(by_lower) != sum(name is not None for name in found):
        return None
    test, valid = (name if name in folders else None for name in found[1:])
    return Parts(found[0], test or valid, valid if test else None)


def translation_sides(folders: Iterable[str]) -> dict[str, str]:
    """Return the folders trainA and trainB, and testA and testB if they exist, by these names; {} for other folders.

    >>> translation_sides(["trainA", "testA", "trainB"])
    {'trainA': 'trainA', 'trainB': 'trainB', 'testA': 'testA'}
    """
    by_lower = {folder.lower(): folder for folder in folders}
    found = {
        name: by_lower[name.lower()] for name in ("trainA", "trainB", "testA", "testB") if name.lower() in by_lower
    }
    return found if {"trainA", "trainB"} <= found.keys() else {}


def is_document(name: str) -> bool:
    """Return True for a file such as README.md or LICENSE, by its name."""
    stem, dot, suffix = posixpath.basename(name).rpartition(".")
    return suffix.lower() in _DOCUMENTS or (not dot and stem + suffix in ("README", "LICENSE", "COPYING", "Makefile"))


def _label_files(container: Container, labels: str, used: Sequence[str], notes: list[str]) -> Mapping[str, LabelFile]:
    """Read the file of labels of each part, or the common one. Returns: by name; without classes if there are none."""
    by_name = {entry.name: entry for entry in container.entries()}
    if labels == AUTO:
        named = [next((part + name for name in NAMES if part + name in by_name), None) for part in used]
        common = next((name for name in NAMES if name in by_name), None)
        names = list(filter(None, named)) or list(filter(None, [common]))
    elif labels in by_name or all(part + labels in by_name for part in used):
        names = [labels] if labels in by_name else [part + labels for part in used]
    else:
        near = did_you_mean(labels, [name for name in by_name if is_document(name)])
        raise WganError(
            f"`data.labels` is {labels}, but {container.path} has no such file",
            f"{near}move the file there, or use data.labels=auto or folders",
        )
    found = {}
    for name in names:
        try:
            found[name] = read_labels(name, container.read(by_name[name]))
        except NotNow as reason:  # without classes, the images would be decoded and cached as others
            raise WganError(
                f"{name} of {container.path} is {reason}", "make it readable, or --set data.labels=folders"
            ) from None
        except (NoLabels, NotAnImage) as reason:
            if labels != AUTO:
                raise WganError(
                    f"{name} of {container.path} has no classes: {reason}",
                    "write lines such as photo.png,cat below a line file,label",
                ) from None
            found[name] = LabelFile({})
            notes.append(f"no classes from {printable(name)}: {reason}")
    return found


def _listed_classes(
    container: Container, used: Sequence[str], files: Mapping[str, LabelFile], notes: list[str]
) -> dict[str, str | None]:
    """Return the classes of listed files among the used ones, by path.

    Raises: WganError if label files name no path, and a name or stem that two of the files have.
    """
    classes: dict[str, str | None] = {}
    for name, found in files.items():
        folder = posixpath.dirname(name)
        for key, value in found.classes.items():
            classes[posixpath.normpath(posixpath.join(folder, key.replace("\\", "/").lstrip("/")))] = value
    matched, alike = _match(used, classes)
    if alike and not matched:
        raise WganError(
            f"{', '.join(map(printable, files))} of {container.path} lists one class for {' and '.join(alike)}",
            "list files by path, as train/cat.png; or use the folders as classes: --set data.labels=folders",
        )
    notes.append("classes from " + " and ".join(describe(name, file) for name, file in files.items() if file.classes))
    if missing := classes.keys() - set(matched.values()):
        others, _ = _match([entry.name for entry in container.entries()], dict.fromkeys(missing))
        missing -= set(others.values())  # in parts that aren't used
    if missing:
        notes.append(_some("listed there, but missing:", sorted(missing)))
    return {name: classes[key] for name, key in matched.items()}


def _match(names: Sequence[str], listed: Iterable[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the listed name of each file, by path, else name, else stem; and two files for which it is the same."""
    names, listed, matched, alike = [name for name in names if not is_document(name)], list(listed), {}, ()
    for of_file, of_listed in ((str, str), (posixpath.basename, posixpath.basename), (_stem, posixpath.basename)):
        if len(matched) == len(listed):
            break
        by_short = {of_listed(key): key for key in listed}
        if len(by_short) < len(listed):
            continue
        found = {name: by_short[of_file(name)] for name in names if of_file(name) in by_short}
        files = {key: name for name, key in found.items()}  # the last one of each
        if len(files) < len(found):
            first = next(name for name, key in found.items() if files[key] != name)
            alike = alike or (printable(first), printable(files[found[first]]))
        elif len(found) > len(matched):
            matched = found
    return matched, alike


def _stem(name: str) -> str:
    return posixpath.splitext(posixpath.basename(name))[0]


def _are_shards(names: Iterable[str]) -> bool:
    """Return True for names such as 00001/img00001234.png."""
    found = [_SHARD_FILE.fullmatch(name) for name in names if not is_document(name)]
    return bool(found) and all(match and int(match[1]) == int(match[2]) // _SHARD_SIZE for match in found)


def _about_parts(parts: Parts, split: Split, entries: Sequence[Entry]) -> list[str]:
    counts = Counter(entry.class_name for entry in entries)
    if split == "test":
        return []
    if split == "all":
        return [f"training on {', '.join(parts.all)} together"]
    text = f"training on {parts.train} ({count_of(counts[parts.train])})"
    if parts.held_out:
        text += f"; for evaluation: {parts.held_out} ({counts[parts.held_out]:,})"
    if parts.unused:
        text += f"; not used: {parts.unused} ({counts[parts.unused]:,})"
    return [f"{text}; --set data.split=all trains on everything" if parts.held_out else text]


def _about_folders(names: Sequence[str], known: set[str]) -> list[str]:
    """Return notes about folders inside of class folders, and about folders that aren't classes."""
    if translation_sides(known):
        return ["trainA and trainB are used as classes; `wgan train` with this path alone translates between them"]
    nested = {name.rpartition("/")[0] for name in names if name.count("/") > 1}
    if not nested:
        return []
    if len(known) == 1 and len({name.split("/")[1] for name in nested}) > 1:
        (only,) = known
        name = printable(only)
        return [f"{name} is the only class; to make the folders in it classes, add /{name} to the path"]
    return [_some("folders inside a class folder count as that class:", sorted(nested), noun="folder")]


def _some(start: str, names: Sequence[str], noun: str = "file") -> str:
    """Return a phrase with a count and a few examples."""
    shown = ", ".join(map(printable, names[:_NAMED])) + (", ..." if len(names) > _NAMED else "")
    return f"{start} {count_of(len(names), noun)} ({shown})"
