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
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from wgan_cli.data.containers.archives import tar_members
from wgan_cli.data.containers.container import MAX_BYTES, NotAnImage
from wgan_cli.data.files.decoded_cache import cache_key
from wgan_cli.data.files.label_file import NoLabels, class_in, class_of, in_order
from wgan_cli.data.files.labelling import AUTO
from wgan_cli.data.files.parallel import parallel_map
from wgan_cli.errors import WganError, describe_os_error
from wgan_cli.utils.extras import import_extra
from wgan_cli.utils.files import make_parent, write_atomically
from wgan_cli.utils.format import Log, log_progress, printable
from wgan_cli.utils.image_formats import READABLE_SUFFIXES

VERSION = 3  # increased when other samples or labels are found
MAX_SHARDS = 100_000
MAX_LABEL_BYTES, MAX_CLASS_BYTES = 1_000_000, 1000  # of a .json and a .cls
LABEL_SUFFIXES = ("cls", "json")  # members with a sample's class: the class itself, or an object with a label
_METADATA = re.compile(r"__[^/]*__($|/)")  # member names reserved by webdataset
_COLUMNS = ("shards", "offsets", "sizes", "labels")
_webdataset = partial(import_extra, "webdataset", "shards", "`data.source: shards`")


class Sample(NamedTuple):
    """An image in one shard."""

    name: str  # for messages
    offset: int  # of the image's bytes in the file
    size: int
    label: str | None  # name of the class; None without one


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
    note: str = ""  # reason why .json members give no classes

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


def shard_paths(paths: Sequence[str]) -> list[Path]:
    """Expand paths with braces, and list the .tar files of folders. Raises: WganError if one is missing."""
    return [shard for path in paths for shard in _shards_at(path)]


def _shards_at(path: str) -> list[Path]:
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


def build_index(paths: Sequence[Path], log: Log, labels: str = AUTO) -> Shards:
    """Read the headers of all shards, and labels from members with the suffix `labels`; auto: .cls, else .json.

    Raises: WganError naming the damaged shard or incomplete sample.
    """
    if labels not in (AUTO, *LABEL_SUFFIXES):
        raise WganError(f"`data.labels` is {labels}, but these images are shards", "use auto, cls or json")
    suffixes = LABEL_SUFFIXES if labels == AUTO else (labels,)
    indexed = parallel_map(lambda path: _index_shard(path, suffixes), paths, chunk=1)
    parts = list(log_progress(indexed, len(paths), "indexed", log, unit="shards"))
    bad = tuple(problem for part in parts for problem in part.bad)
    if not any(part.samples for part in parts):
        others = f" and {len(paths) - 1:,} other shards" if len(paths) > 1 else ""
        example = f"; for example, {bad[0][0]}: {bad[0][1]}" if bad else ""
        raise WganError(
            f"there is no image in {paths[0]}{others}{example}",
            f"images must have one of the suffixes .{', .'.join(sorted(READABLE_SUFFIXES))}",
        )
    names, offsets, sizes, classes = zip(*(sample for part in parts for sample in part.samples), strict=True)
    shards = np.repeat(np.arange(len(parts)), [len(part.samples) for part in parts])
    class_names = in_order(name for name in classes if name is not None)
    if None in classes and class_names:
        first = classes.index(None)
        raise WganError(
            f"{classes.count(None):,} of {len(classes):,} samples have no label, "
            f"such as {names[first]} of {paths[shards[first]]}",
            "add a .cls for every image, or for none",
        )
    index = {None: 0} | {name: number for number, name in enumerate(class_names)}
    numbers = np.asarray([index[name] for name in classes], np.int64)
    table = np.asarray([offsets, sizes], np.int64)
    note = next((part.note for part in parts if part.note), "")
    return Shards(paths, shards, table[0], table[1], numbers, class_names, bad, note)


def cached_index(paths: Sequence[Path], cache: Path, log: Log, labels: str = AUTO) -> Shards:
    """Return the index from the cache, building it if it is missing or a shard has changed."""
    statuses = [os.stat(path) for path in paths]
    location = ["shards", VERSION, [os.path.realpath(path) for path in paths], labels]
    key = cache_key(location, [[status.st_size, status.st_mtime_ns] for status in statuses])
    file = cache / f"{key}.npz"
    with suppress(Exception), np.load(file, allow_pickle=False) as content:  # a damaged file fails in a dozen ways
        columns = {name: content[name].astype(np.int64) for name in _COLUMNS}
        words = json.loads(bytes(content["words"]))
        if len({len(column) for column in columns.values()}) == 1 and len(columns["labels"]):
            bad = tuple((name, reason) for name, reason in words["bad"])
            return Shards(paths, **columns, class_names=tuple(words["class_names"]), bad=bad, note=words["note"])
    index = build_index(paths, log, labels)
    texts = {name: getattr(index, name) for name in ("class_names", "bad", "note")}
    words = np.frombuffer(json.dumps(texts).encode(), np.uint8)
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


class _Part(NamedTuple):
    """Samples of one shard; see `Shards`."""

    samples: list[Sample]
    bad: list[tuple[str, str]]
    note: str


def _index_shard(path: Path, suffixes: Sequence[str]) -> _Part:
    """Return a shard's samples, with labels from members with these suffixes."""
    try:
        with tarfile.open(path, "r:") as archive:
            return _read_samples(path, archive, suffixes)
    except OSError as error:
        raise WganError(f"cannot read {path}: {describe_os_error(error)}", "make it readable") from None
    except (ValueError, tarfile.TarError, OverflowError) as error:
        why = error.args[0] if error.args else error  # webdataset adds arguments
        raise WganError(
            f"{path} is damaged or not an uncompressed .tar file: {why}",
            "decompress it with gunzip, or create or copy it again",
        ) from None


def _read_samples(path: Path, archive: tarfile.TarFile, label_suffixes: Sequence[str]) -> _Part:
    found, bad, note = [], [], ""
    files = (info for info in tar_members(archive) if info.isfile() and not _METADATA.match(info.name))
    members = ({"fname": info.name, "data": info, "__url__": str(path)} for info in files)
    for sample in _webdataset().tariterators.group_by_keys(members):
        name = printable(sample["__key__"])
        suffixes = sorted(suffix for suffix in sample if suffix in READABLE_SUFFIXES)
        suffixes = [suffix for suffix in suffixes if suffix != "npy"] or suffixes  # next to an image, data about it
        info = sample[suffixes[0]] if suffixes else None
        if info is None or len(suffixes) > 1:
            reason = f"it has {len(suffixes)} images: .{', .'.join(suffixes)}" if suffixes else "no image"
            bad.append((f"{name} of {path}", reason))
        elif info.issparse() or not 0 < info.size <= MAX_BYTES:
            bad.append((f"{name} of {path}", f"an image can't have {info.size:,} bytes"))
        else:
            label, suffix = None, next((suffix for suffix in label_suffixes if suffix in sample), "")
            if suffix and not (suffix == "json" and note):  # one .json without a label speaks for its shard
                try:
                    label = _label(f"{name}.{suffix} of {path}", archive, sample[suffix])
                except NoLabels as reason:
                    note = f"no classes from .json files: {reason}"
            found.append(Sample(name, info.offset_data, info.size, label))
    return _Part(found, bad, note)


def _label(name: str, archive: tarfile.TarFile, info: tarfile.TarInfo) -> str | None:
    """Return the class in a .cls or .json member. Raises: NoLabels for a .json without one, WganError for a .cls."""
    file: Any = archive.extractfile(info)
    text = b"" if info.size > MAX_LABEL_BYTES else file.read()
    if info.name.lower().endswith(".json"):
        try:
            values = json.loads(text)
        except (ValueError, RecursionError):
            raise NoLabels(f"{name} is not JSON") from None
        return class_in(values) if isinstance(values, dict) else class_of(values)
    if len(text) <= MAX_CLASS_BYTES and (label := printable(text.decode("utf-8", "replace").strip())):
        return label
    raise WganError(f"{name} contains no class", "write a number or a word into it, or omit all labels")
