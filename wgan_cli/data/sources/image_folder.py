"""User images: a folder, an archive, a file of arrays or a table, or several of them."""

import math
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor

from wgan_cli.data.containers.container import Container, Entry, NotAnImage, NotNow
from wgan_cli.data.containers.folders import FolderContainer, open_containers
from wgan_cli.data.dataset import ImageSet
from wgan_cli.data.files import notices
from wgan_cli.data.files.decoded_cache import (
    DecodedImages,
    DecodedInfo,
    add_entry,
    cache_folder,
    cache_key,
    open_entry,
    remove_entry,
)
from wgan_cli.data.files.decoding import Decoded, decode, read_header
from wgan_cli.data.files.entry_writer import EntryWriter
from wgan_cli.data.files.labelling import FOLDERS, is_document
from wgan_cli.data.files.merged_labels import has_held_out, label_all
from wgan_cli.data.files.parallel import attempt_all
from wgan_cli.data.files.survey import (
    MAX_LISTED,
    BadFiles,
    Survey,
    any_usable_now,
    summarize_bad,
    survey_container,
    survey_values,
    unusable_files,
)
from wgan_cli.data.files.value_range import RangeUnknown, Values
from wgan_cli.errors import WganError
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.recipe.decoding_types import Size
from wgan_cli.utils.class_names import class_indices
from wgan_cli.utils.format import Log, count_of, no_log, printable

LOOSE = "."  # class of files outside the class folders, or that a file of labels doesn't list


@dataclass(frozen=True)
class Selection:
    """Files that the settings select, one of each class in turn, so that `limit` keeps all classes."""

    entries: tuple[Entry, ...]
    labels: tuple[int, ...]  # indices into class_names; 0 if there are no classes
    class_names: tuple[str, ...]
    empty_classes: tuple[str, ...]  # folders without files
    notes: tuple[str, ...]  # where classes come from and what is left out


def load(settings: DataSettings, data_root: Path, log: Log, required_size: Size | None = None) -> ImageSet:
    """Load a folder, archive or file of images, or several as one; see `load_container`."""
    with _open(settings, log) as container:
        return load_container(container, settings, data_root, log, required_size)


def load_container(
    container: Container, settings: DataSettings, data_root: Path, log: Log, required_size: Size | None = None
) -> ImageSet:
    """Load the images of a container, decoding them once into the cache.

    Args:
        required_size: Height and width that images must have; others count as unusable files.
    Returns: Images (N, C, H, W), memory-mapped; no class names if there are no subfolders.
    """
    location: list[object] = [container.location(), settings.classes, settings.limit]
    location += [settings.image_size, settings.channels, settings.fit, settings.frames, settings.background]
    location += [required_size] if required_size else []
    location += [settings.labels, settings.split] if (settings.labels, settings.split) != (FOLDERS, "train") else []
    folders = container.folders() if isinstance(container, FolderContainer) else []
    content, cache = [container.fingerprint(), folders], cache_folder(data_root)
    key = cache_key([*location, settings.range], content)
    keys = key, cache_key([*location, "auto"], content)
    decoded = _decoded_before(container, cache, keys, settings)
    decoded = decoded or _decode(container, settings, required_size, cache, key, log)
    if decoded.info.bad and settings.on_bad_file == "stop":
        raise unusable_files(container.path, decoded.info.bad)
    _log_oddities(container.path, decoded.info, settings, log)
    images, labels = decoded.images, decoded.labels
    if settings.limit is not None and len(images) > settings.limit:  # files with several images
        order = _classes_in_turn(labels)[: settings.limit]
        images, labels = images[order], labels[order]
    values = decoded.info.values
    value_range = None if values is None else values.range
    names, bands = decoded.info.class_names, decoded.info.bands
    return ImageSet(images, labels, names, str(container.path), value_range, bands)


def shape(settings: DataSettings) -> ImageShape:
    """Return the shape of the images that `load` returns, without decoding them."""
    with _open(settings) as container:
        selection = select_files(container, settings)
        size, channels = settings.image_size, settings.channels
        if size is None or channels is None:
            size, channels = _surveyed(container, selection, settings).target_shape(settings)
        return ImageShape(*size, channels, len(selection.class_names))


def class_names(settings: DataSettings) -> tuple[str, ...]:
    """Return the classes of the images that `load` returns, without decoding them."""
    with _open(settings) as container:
        return select_files(container, settings).class_names


def has_test_images(settings: DataSettings) -> bool:
    """Return True if a folder for training has another one of test images next to it."""
    if settings.split != "train":
        return False
    with _open(settings) as container:
        return has_held_out(container, settings.labels)


def select_files(container: Container, settings: DataSettings) -> Selection:
    """Select files by `split`, `classes` and `limit`. Raises: WganError if there are none, or a class is unknown."""
    labelled = label_all(container, settings.labels, settings.split)
    by_class: dict[str | None, list[Entry]] = {name: [] for name in labelled.names}
    for entry, name in zip(labelled.entries, labelled.classes, strict=True):
        by_class.setdefault(name, []).append(entry)
    flat = by_class.pop(None, [])
    full = {name or "": entries for name, entries in by_class.items() if entries}
    if not flat and not full:
        raise WganError(f"{container.path} contains no files", "put images into it, or into one subfolder per class")
    _refuse_shards(container, labelled.entries)
    if not full and settings.classes is not None:
        raise WganError(f"{container.path} has no subfolders, so there are no classes", "leave out data.classes")
    empty = tuple(printable(name or "") for name, entries in by_class.items() if not entries)
    for word in settings.classes or ():
        if str(word) in empty:
            raise WganError(f"class {word} of {container.path} is empty", "put images into its folder, or leave it out")
    if full and flat:
        full = {LOOSE: flat, **full}
    groups, names = list(full.values()) or [flat], tuple(printable(name) for name in full)
    if settings.classes is not None:
        chosen = class_indices(settings.classes, names, "`data.classes`")
        groups, names = [groups[index] for index in chosen], tuple(names[index] for index in chosen)
    ranked = sorted((rank, label) for label, group in enumerate(groups) for rank in range(len(group)))[: settings.limit]
    notes, kept = list(labelled.notes), len({label for _, label in ranked})  # the first classes
    if kept < len(names):
        notes.append(f"data.limit={settings.limit} leaves out {len(names) - kept} of {len(names)} classes")
    return Selection(
        entries=tuple(groups[label][rank] for rank, label in ranked),
        labels=tuple(label for _, label in ranked),
        class_names=names[:kept],
        empty_classes=empty if full else (),
        notes=tuple(notes),
    )


def _refuse_shards(container: Container, entries: Sequence[Entry]) -> None:
    suffixes = {os.path.splitext(entry.name)[1].lower() for entry in entries if not is_document(entry.name)}
    if suffixes == {".tar"}:
        raise WganError(
            f"{container.path} contains .tar files, which this recipe's `data.source: folder` doesn't open",
            "for WebDataset shards: --set data.source=shards; or unpack them",
        )


def about_loose(count: int) -> str:
    """Return a note about files without a class next to others with one."""
    return f"class `{LOOSE}` is {count_of(count)} without a class; --set data.classes=[...] selects the others"


def _open(settings: DataSettings, log: Log = no_log) -> Container:
    return open_containers([Path(os.path.expanduser(path)) for path in settings.paths], settings.labels, log)


def _decoded_before(
    container: Container, cache: Path, keys: Sequence[str], settings: DataSettings
) -> DecodedImages | None:
    """Open the first entry with the range of the settings; remove one without a file that can be used by now."""
    for key in keys:
        if (found := open_entry(cache, key)) is None:
            continue
        if any_usable_now(container, found.info.not_now):
            remove_entry(cache, key)
        elif found.info.values is None or settings.range in ("auto", found.info.values.range):
            return found
    return None


def _decode(
    container: Container, settings: DataSettings, required_size: Size | None, cache: Path, key: str, log: Log
) -> DecodedImages:
    selection = select_files(container, settings)
    headers = _surveyed(container, selection, settings, log)
    size, channels = headers.target_shape(settings)
    counts = headers.frames if settings.frames == "all" else (1,) * len(headers.good)
    bytes_of = {entry.name: channels * math.prod(size) * n for entry, n in zip(headers.good, counts, strict=True)}

    def read(entry: Entry, settings: DataSettings, deep: bool) -> Decoded:
        content = container.read(entry)
        if required_size and (found := read_header(content).size) != required_size[::-1]:
            raise NotAnImage(f"{found[0]}x{found[1]} pixels, not {required_size[1]}x{required_size[0]}")
        return decode(content, size, channels, settings, container.inner_name(entry), deep)

    def write(
        file: BinaryIO, ranged: DataSettings, deep: bool = False, values: Values | None = None
    ) -> tuple[list[int], DecodedInfo]:
        writer, bad, title = EntryWriter(file, size, deep), [], f"{container.path}: decoded"
        not_now = list[str]()
        results = attempt_all(
            lambda entry: read(entry, ranged, deep), selection.entries, title, log,
            size_of=lambda entry: (1 + deep) * bytes_of.get(entry.name, 0),
        )  # fmt: skip
        for entry, label, found in zip(selection.entries, selection.labels, results, strict=True):
            if isinstance(found, NotAnImage):
                bad.append((printable(entry.name), str(found)))
                not_now += [printable(entry.name)] if isinstance(found, NotNow) else []
            else:
                writer.add(found, label)
        if not writer.labels:
            raise _no_image(container.path, bad)
        used, labels = np.unique(writer.labels, return_inverse=True)  # a class may have unusable files only
        names = tuple(name for label, name in enumerate(selection.class_names) if label in used)
        unusable = (name for name in selection.class_names if name not in (LOOSE, *names))
        return labels.tolist(), replace(
            writer.info(channels),
            class_names=names,
            bad=tuple(sorted(bad)),
            not_now=tuple(not_now),
            empty_classes=(*selection.empty_classes, *unusable),
            loose=int((labels == names.index(LOOSE)).sum()) if LOOSE in names else 0,
            notes=selection.notes,
            values=values,
        )

    max_bytes = sum(bytes_of.values())
    try:
        return add_entry(cache, key, lambda file: write(file, settings), max_bytes, log)
    except RangeUnknown:  # a second pass, only for images with more than 8 bits
        title, values = f"{container.path}: inspected the values of", None
        if settings.range == "auto":
            values = survey_values(selection.entries, container.read, settings, title, log)
        ranged = settings.with_range("dtype" if values is None else values.range)  # None: all of them are damaged
        deep = settings.range != "auto" or values is not None
        return add_entry(cache, key, lambda file: write(file, ranged, deep, values), (1 + deep) * max_bytes, log)


def _surveyed(container: Container, selection: Selection, settings: DataSettings, log: Log = no_log) -> Survey[Entry]:
    """Read the headers of the selected files. Raises: WganError if no file, or too few of them, can be used."""
    found = survey_container(container, selection.entries, log)
    if not found.good:
        raise _no_image(container.path, found.bad)
    if settings.on_bad_file == "stop" and len(found.bad) >= MAX_LISTED:  # before hours of decoding
        raise unusable_files(container.path, sorted(found.bad))
    return found


def _no_image(path: Path, bad: BadFiles) -> WganError:
    return WganError(
        f"{path} contains no usable image: {summarize_bad(bad)}",
        "check `data.path`; JPEG, PNG, WebP, GIF, BMP, TIFF and .npy are supported",
    )


def _classes_in_turn(labels: Tensor) -> Tensor:
    """Return the order that takes one image of each class in turn, as `select_files` does with files."""
    ranks, count = [], Counter()
    for label in labels.tolist():
        ranks.append((count[label], label))
        count[label] += 1
    return torch.tensor(sorted(range(len(ranks)), key=ranks.__getitem__), dtype=torch.int64)


def _log_oddities(path: Path, info: DecodedInfo, settings: DataSettings, log: Log) -> None:
    count = info.shape[0]
    for line in (
        *info.notes,
        *notices.frames(*info.stacks, settings),
        *notices.transparency(info.transparent, count, settings),
        *notices.value_range(info.values),
        *notices.clipping(info.clipped, settings),
        *notices.non_finite(info.non_finite, count),
        *notices.cropping(info.other_aspect, count, info.other_aspect_size, settings, info.shape[2:]),
    ):
        log(f"{path}: {line}")
    if info.bad:
        log(f"{path}: skipped {summarize_bad(info.bad)}")
    if info.empty_classes:
        more = len(info.empty_classes) - MAX_LISTED
        named = ", ".join(info.empty_classes[:MAX_LISTED]) + (f" and {more:,} more" if more > 0 else "")
        log(f"{path}: left out empty classes: {named}")
    if info.loose:
        log(f"{path}: {about_loose(info.loose)}")
    if info.shape[0] == 1:
        log(f"{path}: only one image; a generator can only learn to copy it")
    elif info.alike:
        log(f"{path}: all {info.shape[0]:,} images are identical; a generator can only learn to copy one")
