"""Index of the samples in WebDataset shards, built from the headers of the .tar files and cached.

As in the webdataset package, a sample consists of consecutive members with the same name up to the first dot, for
example `cat/0007.jpg` and `cat/0007.cls`.
"""

from __future__ import annotations

import json
import os
import re
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from wgan_cli.data.files.archives import tar_members
from wgan_cli.data.files.container import MAX_BYTES
from wgan_cli.data.files.decoded_cache import cache_key
from wgan_cli.data.files.parallel import parallel_map
from wgan_cli.data.sources.shard_paths import webdataset_tariterators
from wgan_cli.errors import WganError, describe_os_error
from wgan_cli.utils.files import make_parent, write_atomically
from wgan_cli.utils.format import Log, log_progress, printable
from wgan_cli.utils.image_formats import READABLE_SUFFIXES

VERSION = 1
MAX_LABEL_BYTES = 1000
_LABEL_SUFFIX = "cls"
_METADATA = re.compile(r"__[^/]*__($|/)")  # member names reserved by webdataset


@dataclass(frozen=True)
class Samples:
    """Samples of one shard, in order, as one list per column."""

    names: list[str] = field(default_factory=list)  # for messages
    offsets: list[int] = field(default_factory=list)  # of the images' bytes in the file
    sizes: list[int] = field(default_factory=list)
    labels: list[str | None] = field(default_factory=list)  # names of the classes; None without a .cls
    bad: list[tuple[str, str]] = field(default_factory=list)  # (name, reason) of samples without an image


@dataclass(frozen=True)
class ShardIndex:
    """Samples of all shards, 32 bytes each."""

    shards: np.ndarray  # index of each sample's file, (N,)
    offsets: np.ndarray  # of the images' bytes in the file, (N,)
    sizes: np.ndarray  # (N,)
    labels: np.ndarray  # (N,) in [0, len(class_names)); all 0 if there are no classes
    class_names: tuple[str, ...]
    bad: tuple[tuple[str, str], ...]  # (name, reason) of samples without an image


def build_index(paths: Sequence[Path], log: Log) -> ShardIndex:
    """Read the headers of all shards. Raises: WganError naming the damaged shard or incomplete sample."""
    webdataset_tariterators()
    indexed = parallel_map(_index_shard, paths, chunk=1)
    parts = list(log_progress(indexed, len(paths), "indexed", log, unit="shards"))
    bad = tuple(problem for part in parts for problem in part.bad)
    labels = [label for part in parts for label in part.labels]
    if not labels:
        others = f" and {len(paths) - 1:,} other shards" if len(paths) > 1 else ""
        example = f"; for example, {bad[0][0]}: {bad[0][1]}" if bad else ""
        raise WganError(
            f"there is no image in {paths[0]}{others}{example}",
            f"images must have one of the suffixes .{', .'.join(sorted(READABLE_SUFFIXES))}",
        )
    if None in labels and set(labels) != {None}:
        raise _missing_label(paths, parts)
    class_names, numbers = _number_classes(labels)
    return ShardIndex(
        shards=np.repeat(np.arange(len(parts)), [len(part.labels) for part in parts]),
        offsets=np.concatenate([np.asarray(part.offsets, np.int64) for part in parts]),
        sizes=np.concatenate([np.asarray(part.sizes, np.int64) for part in parts]),
        labels=numbers,
        class_names=class_names,
        bad=bad,
    )


def cached_index(paths: Sequence[Path], cache: Path, log: Log) -> ShardIndex:
    """Return the index of these shards from the cache, building it if it is missing or a shard has changed."""
    statuses = [os.stat(path) for path in paths]
    location = ["shards", VERSION, [os.path.realpath(path) for path in paths]]
    key = cache_key(location, [[status.st_size, status.st_mtime_ns] for status in statuses])
    index = _open_index(cache / f"{key}.npz")
    if index is None:
        index = build_index(paths, log)
        _save_index(index, cache, key, log)
    return index


def member_name(path: Path, offset: int) -> str:
    """Return the name of the member whose content starts at `offset`, or a description if the file has changed."""
    with suppress(OSError, tarfile.TarError, ValueError), tarfile.open(path, "r:") as archive:
        return next(printable(info.name) for info in tar_members(archive) if info.offset_data == offset)
    return f"the member at byte {offset:,}"


def _index_shard(path: Path) -> Samples:
    try:
        archive = tarfile.open(path, "r:")  # noqa: SIM115 - closed below
    except OSError as error:
        raise WganError(
            f"cannot read {path}: {describe_os_error(error)}", "make it readable, or copy it again"
        ) from None
    except tarfile.TarError as error:
        raise WganError(
            f"{path} is not an uncompressed .tar file: {error}",
            "decompress it with gunzip, or create it again if it is damaged",
        ) from None
    with archive:
        try:
            return _read_samples(path, archive)
        except (ValueError, OSError, tarfile.TarError, OverflowError) as error:
            why = error.args[0] if isinstance(error, ValueError) and error.args else error  # webdataset adds arguments
            raise WganError(f"{path} is a damaged shard: {why}", "create or copy it again") from None


def _read_samples(path: Path, archive: tarfile.TarFile) -> Samples:
    found = Samples()
    members = ({"fname": info.name, "data": info, "__url__": str(path)} for info in _files(archive))
    for sample in webdataset_tariterators().group_by_keys(members):
        name = printable(sample["__key__"])
        suffixes = sorted(suffix for suffix in sample if suffix in READABLE_SUFFIXES)
        if len(suffixes) != 1:
            reason = f"it has {len(suffixes)} images: .{', .'.join(suffixes)}" if suffixes else "no image"
            found.bad.append((f"{name} of {path}", reason))
            continue
        info = sample[suffixes[0]]
        if info.issparse() or not 0 < info.size <= MAX_BYTES:
            found.bad.append((f"{name} of {path}", f"an image can't have {info.size:,} bytes"))
            continue
        found.names.append(name)
        found.offsets.append(info.offset_data)
        found.sizes.append(info.size)
        found.labels.append(_label(path, name, archive, sample[_LABEL_SUFFIX]) if _LABEL_SUFFIX in sample else None)
    return found


def _files(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for info in tar_members(archive):
        if info.isfile() and not _METADATA.match(info.name):
            yield info


def _label(path: Path, name: str, archive: tarfile.TarFile, info: tarfile.TarInfo) -> str:
    file: Any = archive.extractfile(info)
    text = b"" if info.size > MAX_LABEL_BYTES else file.read()
    label = printable(text.decode("utf-8", "replace").strip())
    if not label:
        raise WganError(
            f"{name}.{_LABEL_SUFFIX} of {path} contains no class",
            "write a number or a word into it, or omit all labels",
        )
    return label


def _number_classes(labels: Sequence[str | None]) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the class names, sorted as numbers if all are, and each sample's index into them."""
    names = {label for label in labels if label is not None}
    numeric = all(name.isascii() and name.isdigit() for name in names)
    ordered = sorted(names, key=lambda name: (int(name), name) if numeric else name)
    index = {name: number for number, name in enumerate(ordered)}
    return tuple(ordered), np.asarray([0 if label is None else index[label] for label in labels], np.int64)


def _missing_label(paths: Sequence[Path], parts: Sequence[Samples]) -> WganError:
    unlabeled = [
        f"{name} of {path}"
        for path, part in zip(paths, parts, strict=True)
        for name, label in zip(part.names, part.labels, strict=True)
        if label is None
    ]
    total = sum(len(part.names) for part in parts)
    return WganError(
        f"{len(unlabeled):,} of {total:,} samples have no .{_LABEL_SUFFIX}, such as {unlabeled[0]}",
        f"add a .{_LABEL_SUFFIX} for every image, or for none",
    )


def _open_index(file: Path) -> ShardIndex | None:
    """Open a cached index; None if it is missing or damaged."""
    try:
        with np.load(file, allow_pickle=False) as content:
            columns = {name: content[name].astype(np.int64) for name in ("shards", "offsets", "sizes", "labels")}
            words = json.loads(bytes(content["words"]))
        if len({len(column) for column in columns.values()}) == 1 and len(columns["labels"]):
            bad = tuple((name, reason) for name, reason in words["bad"])
            return ShardIndex(**columns, class_names=tuple(words["class_names"]), bad=bad)
    except Exception:  # a damaged file fails in a dozen ways
        return None
    return None


def _save_index(index: ShardIndex, cache: Path, key: str, log: Log) -> None:
    """Write an index to the cache, replacing those of the same shards before they changed."""
    words = np.frombuffer(json.dumps({"class_names": index.class_names, "bad": index.bad}).encode(), np.uint8)
    columns = {name: getattr(index, name) for name in ("shards", "offsets", "sizes", "labels")}
    try:
        make_parent(cache / f"{key}.npz")
        write_atomically(cache / f"{key}.npz", lambda file: np.savez(file, **columns, words=words))
    except WganError as error:
        log(f"{error.message}; each run indexes the shards again")
    for other in cache.glob(f"{key.partition('-')[0]}-*.npz"):
        if other.name != f"{key}.npz":
            other.unlink(missing_ok=True)
