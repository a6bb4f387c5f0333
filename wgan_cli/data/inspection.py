"""Facts about image sets, for `wgan inspect`."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from wgan_cli.data.containers.container import Container, NotAnImage
from wgan_cli.data.containers.folders import open_containers
from wgan_cli.data.files.decoding import MODES, decode_first, quiet_pillow
from wgan_cli.data.files.labelling import AUTO, Labelled
from wgan_cli.data.files.merged_labels import label_all
from wgan_cli.data.files.survey import MAX_LISTED, BadFiles, Survey, survey_container, survey_values
from wgan_cli.data.loading import load_images
from wgan_cli.data.sources.image_folder import LOOSE, about_loose, select_files
from wgan_cli.data.sources.shard_index import build_index, shard_paths
from wgan_cli.data.sources.shards import SURVEYED, ShardImages, survey_shards
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.utils.class_names import class_indices
from wgan_cli.utils.format import Log, no_log, printable, thinned

PICTURE_SIZE = (64, 64)  # of user images on a contact sheet
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class DataFacts:
    """Facts about an image set."""

    kind: str = "data"
    name: str
    origin: str
    count: int
    classes: dict[str, int]  # number of images of each class, including empty ones; {} if there are no classes
    sizes: dict[str, int]  # number of files by "WIDTHxHEIGHT", most frequent first
    modes: dict[str, int]  # number of files by Pillow mode, most frequent first
    stacked_files: int = 0  # number of files with several pages or frames
    stacked_images: int = 0  # number of images in them
    non_finite: int = 0  # number of images with NaN or infinite values; 0 if only headers were read
    bad: tuple[tuple[str, str], ...] = ()  # (name, reason) of the first ten unusable files
    bad_count: int = 0
    notes: tuple[str, ...] = ()  # where classes come from and what is left out


@dataclass(frozen=True)
class DataInspection:
    """Facts about an image set, and evenly spaced images of it: (n, C, H, W) uint8."""

    facts: DataFacts
    pictures: Tensor
    bands: bool = False  # the channels are bands of their own, not gray, RGB and alpha


def inspect_named_set(name: str, data_root: Path, log: Log, pictures: int = 0) -> DataInspection:
    """Inspect a public data set as it is used for training, downloading it if it is missing."""
    images = load_images(DataSettings.model_validate({"source": name}), data_root, log)
    count = len(images)
    facts = DataFacts(
        name=name,
        origin=images.origin,
        count=count,
        classes=images.class_counts,
        sizes={f"{images.shape.width}x{images.shape.height}": count},
        modes={MODES[images.shape.channels]: count},
    )
    chosen = torch.tensor(thinned(range(count), pictures), dtype=torch.int64)
    return DataInspection(facts, images.images.index_select(0, chosen))


def inspect_folder(
    *paths: Path, pictures: int = 0, decoded: bool = False, chosen: DataSettings | None = None, log: Log = no_log
) -> DataInspection:
    """Inspect a folder, archive or file of images, or several, by headers; `decoded` finds damaged files too.

    Args:
        chosen: inspect the images that these settings choose, with the classes that they give them.
    """
    with open_containers(paths, AUTO if chosen is None else chosen.labels, log) as container:
        labelled = label_all(container) if chosen is None else _chosen(container, chosen)
        found = survey_container(container, labelled.entries, log, decoded)
        class_of = {entry.name: name for entry, name in zip(labelled.entries, labelled.classes, strict=True)}
        counts: Counter[str | None] = Counter()
        for entry, images in zip(found.good, found.frames, strict=True):
            counts[class_of[entry.name]] += images
        classes = {printable(name): counts[name] for name in labelled.names}
        notes = labelled.notes
        if classes and counts[None]:
            notes += (about_loose(counts[None]),)
            classes = {LOOSE: counts[None], **classes}
        rows = [np.zeros((0, found.channels, *PICTURE_SIZE), np.uint8)]
        shown = thinned(found.good, pictures)
        settings = _for_pictures(shown if found.is_deep else (), container.read)
        with quiet_pillow():
            for entry in shown:
                with suppress(NotAnImage):  # truncated, or of another number of bands
                    content = container.read(entry)
                    rows.append(decode_first(content, PICTURE_SIZE, found.channels, settings, entry.name).pixels)
        facts = _surveyed_facts(str(container.path), str(container.path), classes, found, found.bad)
        facts = replace(facts, notes=notes)
        return DataInspection(facts, torch.from_numpy(np.concatenate(rows)), found.bands)


def inspect_shards(
    *paths: str, pictures: int = 0, chosen: DataSettings | None = None, log: Log = no_log
) -> DataInspection:
    """Inspect WebDataset shards by reading the images' headers; decodes `pictures` images only.

    Args:
        chosen: read as few headers as training does, and count the images that these settings choose.
    """
    shards = build_index(shard_paths(paths), log, AUTO if chosen is None else chosen.labels)
    found = survey_shards(shards, None if chosen is None else SURVEYED)
    counts = np.bincount(shards.labels, minlength=len(shards.class_names)).tolist()
    classes = dict(zip(shards.class_names, counts, strict=False))
    found = replace(found, frames=(1,) * len(found.good))  # training uses the first page or frame
    facts = _surveyed_facts(
        " and ".join(paths), f"{len(shards.paths):,} shards", classes, found, (*shards.bad, *found.bad)
    )
    facts = replace(facts, notes=(shards.note,) if shards.note else ())
    if chosen is not None and found.good:
        facts = _counted(facts, len(shards), chosen)
    shown = torch.tensor(thinned(range(len(shards)), pictures), dtype=torch.int64)
    settings = _for_pictures(shown.tolist() if found.is_deep else (), shards.read)
    images = ShardImages(shards, shown, PICTURE_SIZE, found.channels, settings, no_log)
    return DataInspection(facts, images.index_select(0, torch.arange(len(shown))), found.bands)


def _counted(facts: DataFacts, count: int, settings: DataSettings) -> DataFacts:
    """Return facts about a sample of `count` images with the number of all that settings choose."""
    if settings.classes is None:
        return replace(facts, count=count)
    names = tuple(facts.classes)
    chosen = [names[index] for index in class_indices(settings.classes, names, "`data.classes`")]
    classes = {name: facts.classes[name] for name in chosen}
    return replace(facts, classes=classes, count=sum(classes.values()))


def _chosen(container: Container, settings: DataSettings) -> Labelled:
    """Return the files that settings choose, sorted by name."""
    found = select_files(container, settings)
    classes = [found.class_names[label] for label in found.labels] if found.class_names else [None] * len(found.labels)
    files = sorted(zip(found.entries, classes, strict=True), key=lambda file: file[0].name)
    entries, own = zip(*files, strict=True)
    return Labelled(entries, own, found.class_names, found.notes)


def _for_pictures(deep: Sequence[T], read: Callable[[T], bytes]) -> DataSettings:
    """Return settings that decode pictures whole, with the range of those that have more than 8 bits."""
    settings = DataSettings.model_validate({"fit": "pad", "frames": "first", "on_bad_file": "skip"})
    values = survey_values(deep, read, settings) if deep else None
    return settings.with_range("dtype" if values is None else values.range)


def _surveyed_facts(name: str, origin: str, classes: dict[str, int], found: Survey, bad: BadFiles) -> DataFacts:
    return DataFacts(
        name=name,
        origin=origin,
        count=sum(found.frames),
        classes=classes,
        sizes={f"{width}x{height}": count for (width, height), count in found.sizes.most_common()},
        modes=dict(found.modes.most_common()),
        stacked_files=found.stacks[0],
        stacked_images=found.stacks[1],
        non_finite=found.non_finite,
        bad=tuple(bad[:MAX_LISTED]),
        bad_count=len(bad),
    )
