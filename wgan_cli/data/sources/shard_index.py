"""Index of the samples in WebDataset shards, built from the headers of the .tar files and cached.

As in the webdataset package, a sample consists of consecutive members with the same name up to the first dot, for
example `cat/0007.jpg` and `cat/0007.cls`.
"""

import json
import os
import re
import tarfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from wgan_cli.data.files.archives import tar_members
from wgan_cli.data.files.container import MAX_BYTES, NotAnImage
from wgan_cli.data.files.decoded_cache import cache_key
from wgan_cli.data.files.parallel import parallel_map
from wgan_cli.errors import WganError, describe_os_error
from wgan_cli.utils.files import make_parent, write_atomically
from wgan_cli.utils.format import Log, log_progress, printable
from wgan_cli.utils.image_formats import READABLE_SUFFIXES

VERSION = 1
MAX_SHARDS = 100_000
MAX_LABEL_BYTES = 1000
_LABEL_SUFFIX = "cls"
_METADATA = re.compile(r"__[^/]*__($|/)")  # member names reserved by webdataset
_COLUMNS = ("shards", "offsets", "sizes", "labels")


class Sample(NamedTuple):
    """An image in one shard."""

    name: str  # for messages
    offset: int  # of the image's bytes in the file
    size: int
    label: str | None  # name of the class; None without a .cls


@dataclass(frozen=True)
class Shards:
    """Shard files and the index of their samples, 32 bytes each."""

    paths: Sequence[Path]
    shards: np.ndarray  # index of each sample's file, (N,)
    offsets: np.ndarray  # of the images' bytes in the file, (N,)
    sizes: np.ndarray  # (N,)
    labels: np.ndarray  # (N,) in [0, len(class_names)); all 0 if there are no classes
    class_names: tuple[str, ...]
    bad: tuple[tuple[str, str], ...]  # (name, reason) of samples without an image

    def __len__(self) -> int:
        return len(self.labels)

    def read(self, sample: int) -> bytes:
        """Read an image's bytes, and nothing else of its shard. Raises: NotAnImage if they can't be read."""
        try:
            with open(self.path(sample), "rb", buffering=0) as file:
                file.seek(self.offsets[sample])
                content = file.read(self.sizes[sample])
        except OSError as error:
            raise NotAnImage(f"unreadable: {describe_os_error(error)}") from None
        if len(content) != self.sizes[sample]:
            raise NotAnImage("truncated")
        return content

    def path(self, sample: int) -> Path:
        """Return the shard of an image."""
        return self.paths[self.shards[sample]]

    def key(self, sample: int) -> str:
        """Return a key for an image that doesn't depend on the shards' folder."""
        return f"{self.path(sample).name}/{self.offsets[sample]}"

    def name(self, sample: int) -> str:
        """Return an image's name for messages, by reading its shard's headers again."""
        path, offset = self.path(sample), self.offsets[sample]
        name = f"the member at byte {offset:,}"  # if the file has changed
        with suppress(OSError, tarfile.TarError, ValueError), tarfile.open(path, "r:") as archive:
            name = next((printable(info.name) for info in tar_members(archive) if info.offset_data == offset), name)
        return f"{name} of {path}"


def shard_paths(path: str) -> list[Path]:
    """Expand a path with braces, or list the .tar files of a folder. Raises: WganError if one is missing."""
    expanded = os.path.expanduser(path)
    if os.path.isdir(expanded):
        if found := sorted(Path(expanded).glob("*.tar")):
            return found
        raise WganError(f"{expanded} contains no .tar files", "give a folder of shards, or a path with braces")
    _webdataset()
    import braceexpand  # used by webdataset for its own paths

    try:
        ranges = re.findall(r"(-?\d{1,20})\.\.(-?\d+)", expanded)
        too_many = any(abs(int(last) - int(first)) >= MAX_SHARDS for first, last in ranges)
        names = [] if too_many else list(islice(braceexpand.braceexpand(expanded), MAX_SHARDS + 1))
    except ValueError as error:
        raise WganError(f"`data.path` is {path}: {error}", "write braces as in images-{000..255}.tar") from None
    if not 0 < len(names) <= MAX_SHARDS:
        raise WganError(f"`data.path` is {path}: more than {MAX_SHARDS:,} shards", "create fewer, larger shards")
    if missing := [name for name in names if not os.path.isfile(name)]:
        raise WganError(
            f"`data.path` is {path}: {len(missing):,} of {len(names):,} shards are missing, such as {missing[0]}",
            "use the numbers of existing files, as in images-{000..255}.tar; shards must be local files",
        )
    return [Path(name) for name in names]


def build_index(paths: Sequence[Path], log: Log) -> Shards:
    """Read the headers of all shards. Raises: WganError naming the damaged shard or incomplete sample."""
    indexed = parallel_map(_index_shard, paths, chunk=1)
    parts, problems = zip(*log_progress(indexed, len(paths), "indexed", log, unit="shards"), strict=True)
    bad = tuple(problem for part in problems for problem in part)
    if not any(parts):
        others = f" and {len(paths) - 1:,} other shards" if len(paths) > 1 else ""
        example = f"; for example, {bad[0][0]}: {bad[0][1]}" if bad else ""
        raise WganError(
            f"there is no image in {paths[0]}{others}{example}",
            f"images must have one of the suffixes .{', .'.join(sorted(READABLE_SUFFIXES))}",
        )
    names, offsets, sizes, labels = zip(*(sample for part in parts for sample in part), strict=True)
    shards = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    known = set(labels) - {None}
    if None in labels and known:
        first = labels.index(None)
        raise WganError(
            f"{labels.count(None):,} of {len(labels):,} samples have no .{_LABEL_SUFFIX}, "
            f"such as {names[first]} of {paths[shards[first]]}",
            f"add a .{_LABEL_SUFFIX} for every image, or for none",
        )
    numeric = all(name.isascii() and name.isdigit() for name in known)
    class_names = sorted(known, key=lambda name: (int(name), name) if numeric else name)
    index = {None: 0} | {name: number for number, name in enumerate(class_names)}
    numbers = np.asarray([index[label] for label in labels], np.int64)
    table = np.asarray([offsets, sizes], np.int64)
    return Shards(paths, shards, table[0], table[1], numbers, tuple(class_names), bad)


def cached_index(paths: Sequence[Path], cache: Path, log: Log) -> Shards:
    """Return the index from the cache, building it if it is missing or a shard has changed."""
    statuses = [os.stat(path) for path in paths]
    location = ["shards", VERSION, [os.path.realpath(path) for path in paths]]
    key = cache_key(location, [[status.st_size, status.st_mtime_ns] for status in statuses])
    file = cache / f"{key}.npz"
    with suppress(Exception), np.load(file, allow_pickle=False) as content:  # a damaged file fails in a dozen ways
        columns = {name: content[name].astype(np.int64) for name in _COLUMNS}
        words = json.loads(bytes(content["words"]))
        if len({len(column) for column in columns.values()}) == 1 and len(columns["labels"]):
            bad = tuple((name, reason) for name, reason in words["bad"])
            return Shards(paths, **columns, class_names=tuple(words["class_names"]), bad=bad)
    index = build_index(paths, log)
    words = np.frombuffer(json.dumps({"class_names": index.class_names, "bad": index.bad}).encode(), np.uint8)
    columns = {name: getattr(index, name) for name in _COLUMNS}
    try:
        make_parent(file)
        write_atomically(file, lambda target: np.savez(target, **columns, words=words))
    except WganError as error:
        log(f"{error.message}; each run indexes the shards again")
    for other in cache.glob(f"{key.partition('-')[0]}-*.npz"):  # of the same shards before they changed
        if other != file:
            other.unlink(missing_ok=True)
    return index


def _webdataset() -> Any:
    try:
        from webdataset import tariterators
    except ImportError:
        raise WganError(
            "`data.source: shards` needs webdataset, which is not installed", "pip install 'wgan[shards]'"
        ) from None
    return tariterators


def _index_shard(path: Path) -> tuple[list[Sample], list[tuple[str, str]]]:
    """Return a shard's samples, and the (name, reason) of those without an image."""
    try:
        with tarfile.open(path, "r:") as archive:
            return _read_samples(path, archive)
    except OSError as error:
        raise WganError(f"cannot read {path}: {describe_os_error(error)}", "make it readable") from None
    except (ValueError, tarfile.TarError, OverflowError) as error:
        why = error.args[0] if error.args else error  # webdataset adds arguments
        raise WganError(
            f"{path} is damaged or not an uncompressed .tar file: {why}",
            "decompress it with gunzip, or create or copy it again",
        ) from None


def _read_samples(path: Path, archive: tarfile.TarFile) -> tuple[list[Sample], list[tuple[str, str]]]:
    found, bad = [], []
    files = (info for info in tar_members(archive) if info.isfile() and not _METADATA.match(info.name))
    members = ({"fname": info.name, "data": info, "__url__": str(path)} for info in files)
    for sample in _webdataset().group_by_keys(members):
        name = printable(sample["__key__"])
        suffixes = sorted(suffix for suffix in sample if suffix in READABLE_SUFFIXES)
        info = sample[suffixes[0]] if suffixes else None
        if info is None or len(suffixes) > 1:
            reason = f"it has {len(suffixes)} images: .{', .'.join(suffixes)}" if suffixes else "no image"
            bad.append((f"{name} of {path}", reason))
        elif info.issparse() or not 0 < info.size <= MAX_BYTES:
            bad.append((f"{name} of {path}", f"an image can't have {info.size:,} bytes"))
        else:
            label = _label(path, name, archive, sample[_LABEL_SUFFIX]) if _LABEL_SUFFIX in sample else None
            found.append(Sample(name, info.offset_data, info.size, label))
    return found, bad


def _label(path: Path, name: str, archive: tarfile.TarFile, info: tarfile.TarInfo) -> str:
    file: Any = archive.extractfile(info)
    text = b"" if info.size > MAX_LABEL_BYTES else file.read()
    if label := printable(text.decode("utf-8", "replace").strip()):
        return label
    raise WganError(
        f"{name}.{_LABEL_SUFFIX} of {path} contains no class", "write a number or a word into it, or omit all labels"
    )
