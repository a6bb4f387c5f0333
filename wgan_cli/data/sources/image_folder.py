"""Your own images: a folder, .zip or .tar, with subfolders as classes or flat."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np

from wgan_cli.data.dataset import ImageSet, chosen_classes
from wgan_cli.data.files.container import Container, Entry
from wgan_cli.data.files.decoded_cache import (
    Facts,
    Pack,
    Rows,
    cached_pack,
    open_pack,
    pack_key,
    packs_folder,
    told_now_and_then,
)
from wgan_cli.data.files.decoding import Header, NotAnImage, quiet_pillow, read_header, to_pixels
from wgan_cli.data.files.folders import open_container
from wgan_cli.errors import WganError
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.data_settings import DataSettings

DEFAULT_SIZE = 64
THREADS = min(8, os.cpu_count() or 1)  # Pillow lets other threads run while it decodes
CHUNK = 32  # images for one thread at a time
NAMED = 10  # bad files that an error lists
LOOSE = "."  # the class of files that lie beside class folders: that of the folder itself

T, R = TypeVar("T"), TypeVar("R")


@dataclass(frozen=True)
class Survey:
    """What files are, by their beginnings alone.

    bad: (name, reason). sizes: how many images of each (width, height). modes: of each of Pillow's modes.
    colour: whether any image can show colours.
    """

    good: tuple[Entry, ...]
    bad: tuple[tuple[str, str], ...]
    sizes: Counter
    modes: Counter
    colour: bool

    @property
    def common_size(self) -> int | None:
        """The one size that all have, if it is square and networks can have it."""
        if len(self.sizes) != 1:
            return None
        ((width, height),) = self.sizes
        return width if width == height and width % 4 == 0 and 8 <= width <= 128 else None


@dataclass(frozen=True)
class Choice:
    """The files that settings ask for, one of each class in turn, so that a limit keeps all classes.

    labels: numbers in class_names, all 0 where it is empty. loose: how many lie beside class folders.
    """

    entries: tuple[Entry, ...]
    labels: tuple[int, ...]
    class_names: tuple[str, ...]
    empty_classes: tuple[str, ...]
    loose: int


def load(settings: DataSettings, data_root: Path, log: Callable[[str], None]) -> ImageSet:
    """Read a folder or archive, decoded once into a pack in the cache.

    Returns: images (N, C, size, size), mapped from the pack; no class names where all files lie flat.
    Raises: WganError where it holds no image, or a file that is none and `on_bad_file` is stop.
    """
    with open_container(_path(settings)) as container:
        cache = packs_folder(data_root)
        key = _key(container, settings)
        pack = open_pack(cache, key) or _made(container, settings, cache, key, log)
        if pack.facts.bad and settings.on_bad_file == "stop":
            raise _bad_files(container.path, pack.facts.bad)
        _warn(container.path, pack.facts, log)
        return ImageSet(pack.images, pack.labels, pack.facts.class_names, str(container.path))


def shape(settings: DataSettings) -> ImageShape:
    """The shape of the images that `load` returns, found without decoding any."""
    with open_container(_path(settings)) as container:
        choice = choose(container, settings)
        size, channels = _target(container, choice, settings)
        return ImageShape(size, channels, len(choice.class_names))


def choose(container: Container, settings: DataSettings) -> Choice:
    """Find the files that settings ask for.

    Raises: WganError where there are none, or no such class.
    """
    by_class: dict[str | None, list[Entry]] = {folder: [] for folder in container.folders()}
    for entry in container.entries():
        by_class.setdefault(entry.class_name, []).append(entry)
    flat = by_class.pop(None, [])
    full = {name: entries for name, entries in by_class.items() if entries}
    if not flat and not full:
        raise WganError(f"{container.path} holds no files", "put images into it, or into a subfolder for each class")
    empty = tuple(shown(name) for name in sorted(by_class) if not by_class[name])
    for word in settings.classes or ():
        if str(word) in empty:
            raise WganError(f"class {word} of {container.path} is empty", "put images into its folder, or leave it out")
    if not full:
        groups, names = [flat], ()
        if settings.classes is not None:
            raise WganError(f"{container.path} has no subfolders, so there are no classes", "leave out data.classes")
    else:
        found = {**({LOOSE: flat} if flat else {}), **{name: full[name] for name in sorted(full)}}
        all_names = [shown(name) for name in found]
        chosen = chosen_classes(all_names, settings.classes)
        groups = [list(found.values())[number] for number in chosen]
        names = tuple(all_names[number] for number in chosen)
    turns = sorted((turn, label) for label, group in enumerate(groups) for turn in range(len(group)))[: settings.limit]
    return Choice(
        entries=tuple(groups[label][turn] for turn, label in turns),
        labels=tuple(label for _, label in turns),
        class_names=names,
        empty_classes=empty if full else (),
        loose=len(flat) if LOOSE in names else 0,
    )


def survey(container: Container, entries: Sequence[Entry], log: Callable[[str], None] = lambda text: None) -> Survey:
    """Look at the beginning of every file."""

    def header(entry: Entry) -> Header | str:
        try:
            with container.open(entry) as file:
                return read_header(file)
        except NotAnImage as reason:
            return str(reason)

    headers = in_threads(header, entries)
    headers = list(told_now_and_then(headers, len(entries), f"{container.path}: looked at", log))
    good = [(entry, found) for entry, found in zip(entries, headers, strict=True) if isinstance(found, Header)]
    return Survey(
        good=tuple(entry for entry, _ in good),
        bad=tuple((shown(e.name), why) for e, why in zip(entries, headers, strict=True) if isinstance(why, str)),
        sizes=Counter(found.size for _, found in good),
        modes=Counter(found.mode for _, found in good),
        colour=any(found.colour for _, found in good),
    )


def in_threads(work: Callable[[T], R], items: Iterable[T], threads: int = THREADS, chunk: int = CHUNK) -> Iterator[R]:
    """What `work` gives for each item, in order; a few chunks are worked on ahead, never all of them."""
    items = iter(items)
    waiting: deque = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        with quiet_pillow():
            while True:
                while len(waiting) < 3 * threads and (part := list(islice(items, chunk))):
                    waiting.append(pool.submit(lambda part: [work(item) for item in part], part))
                if not waiting:
                    return
                yield from waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def shown(name: str) -> str:
    """A file's name as it can be printed and saved: bytes that are no text, and control characters, are escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def _path(settings: DataSettings) -> Path:
    return Path(os.path.expanduser(settings.path))


def _key(container: Container, settings: DataSettings) -> str:
    place = [
        os.path.realpath(container.path), settings.classes, settings.limit,
        settings.image_size, settings.channels, settings.fit,
    ]  # fmt: skip
    return pack_key(place, [container.fingerprint(), container.folders() if container.path.is_dir() else []])


def _made(
    container: Container, settings: DataSettings, cache: Path, key: str, log: Callable[[str], None]
) -> Pack:  # fmt: skip
    choice = choose(container, settings)
    size, channels = _target(container, choice, settings, log)

    def pixels(entry: Entry) -> np.ndarray | str:
        try:
            return to_pixels(container.read(entry), size, channels, settings.fit, entry.name)
        except NotAnImage as reason:
            return str(reason)

    def build(file: BinaryIO) -> tuple[Rows, Facts]:
        rows, bad = Rows(file, (channels, size, size)), []
        decoded = in_threads(pixels, choice.entries)
        decoded = told_now_and_then(decoded, len(choice.entries), f"{container.path}: decoded", log)
        for entry, label, found in zip(choice.entries, choice.labels, decoded, strict=True):
            if isinstance(found, str):
                bad.append((shown(entry.name), found))
            else:
                rows.add(found, label)
        if not rows.labels:
            raise _no_image(container.path, bad)
        names, emptied = _without_unused(rows, choice.class_names)
        empty = (*choice.empty_classes, *emptied)
        bad.sort()
        return rows, rows.facts(class_names=names, bad=tuple(bad), empty_classes=empty, loose=choice.loose)

    return cached_pack(cache, key, build, len(choice.entries) * channels * size * size, log)


def _without_unused(rows: Rows, class_names: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Number the classes anew where bad files were all that one had. Returns: names that stay, names that go."""
    used = sorted(set(rows.labels))
    if len(used) >= len(class_names):
        return class_names, ()
    renumbered = {label: number for number, label in enumerate(used)}
    rows.labels[:] = [renumbered[label] for label in rows.labels]
    gone = tuple(name for label, name in enumerate(class_names) if label not in renumbered)
    return tuple(class_names[label] for label in used), gone


def _target(
    container: Container, choice: Choice, settings: DataSettings, log: Callable[[str], None] = lambda text: None
) -> tuple[int, int]:
    """Size and channels of the images: as settings say, else as they all are."""
    if settings.image_size is not None and settings.channels is not None:
        return settings.image_size, settings.channels
    found = survey(container, choice.entries, log)
    if not found.good:
        raise _no_image(container.path, found.bad)
    if settings.on_bad_file == "stop" and len(found.bad) >= NAMED:  # enough to name, before hours of decoding
        raise _bad_files(container.path, sorted(found.bad))
    return (
        settings.image_size or found.common_size or DEFAULT_SIZE,
        settings.channels or (3 if found.colour else 1),
    )


def _no_image(path: Path, bad: Sequence[tuple[str, str]]) -> WganError:
    (name, reason), count = bad[0], len(bad)
    return WganError(
        f"{path} holds no image that can be used: {_files(count)} that cannot, such as {name} ({reason})",
        "check `data.path`; JPEG, PNG, WebP, GIF, BMP and TIFF are read",
    )


def _bad_files(path: Path, bad: Sequence[tuple[str, str]]) -> WganError:
    named = ", ".join(f"{name} ({reason})" for name, reason in bad[:NAMED])
    more = f" and {len(bad) - NAMED:,} more" if len(bad) > NAMED else ""
    return WganError(
        f"{path} has {_files(len(bad))} that cannot be used: {named}{more}",
        "--set data.on_bad_file=skip trains without them; or mend or remove them",
    )


def _warn(path: Path, facts: Facts, log: Callable[[str], None]) -> None:
    """Say what is odd about a set that can be trained on all the same."""
    if facts.bad:
        which = ": " if len(facts.bad) == 1 else ", such as "
        log(f"{path}: skipped {_files(len(facts.bad))} that cannot be used{which}{facts.bad[0][0]}")
    if facts.empty_classes:
        count = len(facts.empty_classes)
        named = ", ".join(facts.empty_classes[:NAMED]) + (f" and {count - NAMED:,} more" if count > NAMED else "")
        log(f"{path}: left out {'a class that is' if count == 1 else 'classes that are'} empty: {named}")
    if facts.loose:
        log(f"{path}: {_files(facts.loose)} beside the class folders, taken as class `{LOOSE}`")
    if facts.shape[0] == 1:
        log(f"{path}: only one image; a generator can learn nothing but to copy it")
    elif facts.alike:
        log(f"{path}: all {facts.shape[0]:,} images are alike; a generator can learn nothing but to copy one")


def _files(count: int) -> str:
    return f"{count:,} file{'s' if count != 1 else ''}"
