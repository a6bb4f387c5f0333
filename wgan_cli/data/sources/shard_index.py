"""Where the samples of WebDataset shards lie: found by the headers of the .tar files alone, once, and kept.

What makes a sample of a shard's members is the webdataset package's own rule: neighbours with one name up to its first
dot, as in `cat/0007.jpg` and `cat/0007.cls`.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from wgan_cli.data.files.archives import tar_members
from wgan_cli.data.files.container import MOST_BYTES
from wgan_cli.data.files.decoded_cache import pack_key, told_now_and_then
from wgan_cli.data.sources.image_folder import in_threads, shown
from wgan_cli.errors import WganError, describe_os_error

VERSION = 1
MOST_SHARDS = 100_000
MOST_LABEL = 1000  # bytes of a class's name
NAMED = 10  # samples that an error lists
#: Endings of images, as Pillow's formats are usually named.
PICTURES = frozenset(
    ("jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff", "avif", "jp2", "ppm", "pgm", "tga", "qoi")
)
_LABEL = "cls"
_ABOUT_THE_SHARD = re.compile(r"__[^/]*__($|/)")  # names that webdataset keeps for itself


@dataclass(frozen=True)
class Found:
    """The samples of one shard, in order. labels: each one's class in words, None where it has none.

    offsets, sizes: of the images' bytes in the file. bad: (name, reason) of samples without an image.
    """

    names: list[str]
    offsets: list[int]
    sizes: list[int]
    labels: list[str | None]
    bad: list[tuple[str, str]]


@dataclass(frozen=True)
class Index:
    """The samples of all shards, one shard after the other: 32 bytes for each.

    shards: (N,) number of the file. offsets, sizes: (N,) bytes. labels: (N,) in [0, len(class_names)), or all 0. bad:
    (name, reason) of samples without an image.
    """

    shards: np.ndarray
    offsets: np.ndarray
    sizes: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    bad: tuple[tuple[str, str], ...]


def shard_paths(path: str) -> list[Path]:
    """The files that a path with braces stands for, or all .tar files of a folder, in order.

    Raises: WganError where there is none, one is missing, or webdataset is not installed.
    """
    whole = os.path.expanduser(path)
    if os.path.isdir(whole):
        found = sorted(Path(whole).glob("*.tar"))
        if not found:
            raise WganError(f"{whole} holds no .tar files", "give a folder of shards, or a path with braces")
        return found
    names = _expanded(whole)
    missing = [name for name in names if not os.path.isfile(name)]
    if missing:
        what = f"no shard {missing[0]}" + (f", nor {len(missing) - 1:,} others" if len(missing) > 1 else "")
        raise WganError(
            f"there is {what} of the {len(names):,} in {path}",
            "give `data.path` the numbers that are there, as images-{000..255}.tar; shards must be local files",
        )
    return [Path(name) for name in names]


def _expanded(path: str) -> list[str]:
    _webdataset()
    import braceexpand  # which webdataset expands its own paths with

    try:
        wide = any(abs(int(b) - int(a)) >= MOST_SHARDS for a, b in re.findall(r"(-?\d{1,20})\.\.(-?\d+)", path))
        names = [] if wide else list(islice(braceexpand.braceexpand(path), MOST_SHARDS + 1))
    except ValueError as error:
        raise WganError(f"`data.path` is {path}: {error}", "write braces as images-{000..255}.tar") from None
    if not 0 < len(names) <= MOST_SHARDS:
        raise WganError(f"`data.path` is {path}, more than {MOST_SHARDS:,} shards", "make fewer and larger shards")
    return names


def _webdataset() -> Any:
    try:
        from webdataset import tariterators
    except ImportError:
        raise WganError(
            "`data.source` is shards, which needs webdataset, and that is not installed", "pip install 'wgan[shards]'"
        ) from None
    return tariterators


def make_index(paths: Sequence[Path], log: Callable[[str], None]) -> Index:
    """Read the headers of all shards. Raises: WganError naming shard and sample where something is wrong."""
    _webdataset()
    found = in_threads(_searched, paths, chunk=1)
    every = list(told_now_and_then(found, len(paths), "looked into shards", log, unit="shards"))
    labels = [label for shard in every for label in shard.labels]
    if not labels:
        bad = [problem for shard in every for problem in shard.bad]
        such = f", such as {bad[0][0]} ({bad[0][1]})" if bad else ""
        raise WganError(
            f"there is no image in {_few(paths)}{such}", f"images end in .{', .'.join(sorted(PICTURES))} there"
        )
    names, numbers = _numbered(labels, lambda: _unlabelled(paths, every))
    return Index(
        shards=np.repeat(np.arange(len(every)), [len(shard.labels) for shard in every]),
        offsets=np.concatenate([np.asarray(shard.offsets, np.int64) for shard in every]),
        sizes=np.concatenate([np.asarray(shard.sizes, np.int64) for shard in every]),
        labels=numbers,
        class_names=names,
        bad=tuple(problem for shard in every for problem in shard.bad),
    )


def cached_index(paths: Sequence[Path], cache: Path, log: Callable[[str], None]) -> Index:
    """The index of these shards as the cache has it, made first where it has none, or a shard has changed since."""
    statuses = [os.stat(path) for path in paths]
    place = ["shards", VERSION, [os.path.realpath(path) for path in paths]]
    key = pack_key(place, [[status.st_size, status.st_mtime_ns] for status in statuses])
    index = _opened(cache / f"{key}.npz")
    if index is None:
        index = make_index(paths, log)
        _keep(index, cache, key, log)
    return index


def member_name(path: Path, offset: int) -> str:
    """The name of the member whose bytes begin there, for people; its place where the file has changed."""
    with suppress(OSError, tarfile.TarError, ValueError), tarfile.open(path, "r:") as archive:
        return next(shown(info.name) for info in tar_members(archive) if info.offset_data == offset)
    return f"the member at byte {offset:,}"


def _searched(path: Path) -> Found:
    """The samples of one shard."""
    try:
        archive = tarfile.open(path, "r:")  # noqa: SIM115 - closed below
    except OSError as error:
        raise WganError(
            f"cannot read {path}: {describe_os_error(error)}", "make it readable, or copy it again"
        ) from None
    except tarfile.TarError as error:
        raise WganError(
            f"{path} is no plain .tar file: {error}", "unpack compressed shards (gunzip), and make damaged ones again"
        ) from None
    with archive:
        try:
            return _samples(path, archive)
        except (ValueError, OSError, tarfile.TarError, OverflowError) as error:
            why = error.args[0] if isinstance(error, ValueError) and error.args else error  # webdataset adds its own
            raise WganError(f"{path} is a damaged shard: {why}", "make or copy it again") from None


def _samples(path: Path, archive: tarfile.TarFile) -> Found:
    found = Found([], [], [], [], [])
    members = ({"fname": info.name, "data": info, "__url__": str(path)} for info in _files(archive))
    for sample in _webdataset().group_by_keys(members):
        name = shown(sample["__key__"])
        pictures = sorted(ending for ending in sample if ending in PICTURES)
        if len(pictures) != 1:
            why = f"it has {len(pictures)} images: .{', .'.join(pictures)}" if pictures else "no image"
            found.bad.append((f"{name} of {path}", why))
            continue
        info = sample[pictures[0]]
        if info.issparse() or not 0 < info.size <= MOST_BYTES:
            found.bad.append((f"{name} of {path}", f"{info.size:,} bytes are no image"))
            continue
        found.names.append(name)
        found.offsets.append(info.offset_data)
        found.sizes.append(info.size)
        found.labels.append(_label(path, name, archive, sample[_LABEL]) if _LABEL in sample else None)
    return found


def _files(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for info in tar_members(archive):
        if info.isfile() and not _ABOUT_THE_SHARD.match(info.name):
            yield info


def _label(path: Path, name: str, archive: tarfile.TarFile, info: tarfile.TarInfo) -> str:
    text = b"" if info.size > MOST_LABEL else archive.extractfile(info).read()
    label = shown(text.decode("utf-8", "replace").strip())
    if not label:
        raise WganError(
            f"{name}.{_LABEL} of {path} names no class", "write a number or a word into it, or leave out all labels"
        )
    return label


def _numbered(labels: list[str | None], unlabelled: Callable[[], WganError]) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of the classes, by number where all are numbers, else by name; and each sample's place among them."""
    words = set(labels)
    if words == {None}:
        return (), np.zeros(len(labels), np.int64)
    if None in words:
        raise unlabelled()
    numeric = all(word.isascii() and word.isdigit() for word in words)
    names = sorted(words, key=lambda word: (int(word), word) if numeric else word)
    number = {name: place for place, name in enumerate(names)}
    return tuple(names), np.asarray([number[label] for label in labels], np.int64)


def _unlabelled(paths: Sequence[Path], every: Sequence[Found]) -> WganError:
    lacking = [
        (path, name)
        for path, shard in zip(paths, every, strict=True)
        for name, label in zip(shard.names, shard.labels, strict=True)
        if label is None
    ]
    path, name = lacking[0]
    return WganError(
        f"{name} of {path} has no .{_LABEL}, {len(lacking):,} samples in all, and others have one",
        f"give each image its .{_LABEL}, or none of them",
    )


def _opened(file: Path) -> Index | None:
    """An index of the cache, or None where there is none or it is damaged."""
    try:
        with np.load(file, allow_pickle=False) as held:
            numbers = [held[name].astype(np.int64) for name in ("shards", "offsets", "sizes", "labels")]
            words = json.loads(bytes(held["words"]))
        if len({len(column) for column in numbers}) == 1 and len(numbers[0]):
            bad = tuple((name, why) for name, why in words["bad"])
            return Index(*numbers, tuple(words["class_names"]), bad)
    except Exception:  # a file that is no such index fails in any of a dozen ways
        return None
    return None


def _keep(index: Index, cache: Path, key: str, log: Callable[[str], None]) -> None:
    """Write an index to the cache, in place of those of the same shards before they changed."""
    words = json.dumps({"class_names": index.class_names, "bad": index.bad}).encode()
    beside = cache / f".{key}-{secrets.token_hex(8)}"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with open(beside, "wb") as file:
            np.savez(
                file, shards=index.shards, offsets=index.offsets, sizes=index.sizes, labels=index.labels,
                words=np.frombuffer(words, np.uint8),
            )  # fmt: skip
        os.replace(beside, cache / f"{key}.npz")
    except OSError as error:
        log(f"where samples lie cannot be kept in {cache} ({describe_os_error(error)}), so each run looks anew")
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
    for other in cache.glob(f"{key.partition('-')[0]}-*.npz"):
        if other.name != f"{key}.npz":
            other.unlink(missing_ok=True)


def _few(paths: Sequence[Path]) -> str:
    return str(paths[0]) + (f" and {len(paths) - 1:,} other shards" if len(paths) > 1 else "")
