"""Facts about image sets, for `wgan inspect`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from wgan_cli.data.files.container import Container, Entry, NotAnImage
from wgan_cli.data.files.decoding import MODES, quiet_pillow, to_pixels
from wgan_cli.data.files.folders import open_container
from wgan_cli.data.files.survey import MAX_LISTED, BadFiles, Survey, survey_container
from wgan_cli.data.load import load_images
from wgan_cli.data.sources.image_folder import LOOSE
from wgan_cli.data.sources.shard_index import build_index
from wgan_cli.data.sources.shard_paths import shard_paths
from wgan_cli.data.sources.shards import ShardImages, Shards, survey_shards
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.utils.format import Log, no_log, printable, thinned

PICTURE_SIZE = 64  # of user images on a contact sheet


@dataclass(frozen=True)
class DataFacts:
    """Facts about an image set."""

    kind: str
    name: str
    origin: str
    count: int
    classes: dict[str, int]  # number of images of each class, including empty ones; {} if there are no classes
    sizes: dict[str, int]  # number of images by "WIDTHxHEIGHT", most frequent first
    modes: dict[str, int]  # number of images by Pillow mode, most frequent first
    bad: tuple[tuple[str, str], ...]  # (name, reason) of the first ten unusable files
    bad_count: int


@dataclass(frozen=True)
class DataInspection:
    """Facts about an image set, and evenly spaced images of it: (n, C, H, W) uint8."""

    facts: DataFacts
    pictures: Tensor


def inspect_named_set(name: str, data_root: Path, log: Log, pictures: int = 0) -> DataInspection:
    """Inspect a public data set as it is used for training, downloading it if it is missing.

    Raises: WganError if it can't be downloaded or read.
    """
    images = load_images(DataSettings.model_validate({"source": name}), data_root, log)
    counts = torch.bincount(images.labels, minlength=len(images.class_names)).tolist()
    facts = DataFacts(
        kind="data",
        name=name,
        origin=images.origin,
        count=len(images),
        classes=dict(zip(images.class_names, counts, strict=True)),
        sizes={f"{images.shape.size}x{images.shape.size}": len(images)},
        modes={MODES[images.shape.channels]: len(images)},
        bad=(),
        bad_count=0,
    )
    return DataInspection(facts, images.images.index_select(0, _spread(len(images), pictures)))


def inspect_folder(path: Path, pictures: int = 0) -> DataInspection:
    """Inspect a folder, .zip or .tar of images by reading headers; decodes `pictures` images only.

    Raises: WganError if it is missing or damaged.
    """
    with open_container(path) as container:
        found = survey_container(container)
        classes = _folder_classes(container, found)
        facts = _surveyed_facts(str(path), str(path), len(found.good), classes, found, found.bad)
        return DataInspection(facts, _folder_pictures(container, found, pictures))


def inspect_shards(path: str, pictures: int = 0) -> DataInspection:
    """Inspect WebDataset shards by reading the images' headers; decodes `pictures` images only.

    Raises: WganError if one is missing or damaged.
    """
    paths = shard_paths(path)
    shards = Shards(paths, build_index(paths, no_log))
    index, found = shards.index, survey_shards(shards)
    counts = np.bincount(index.labels, minlength=len(index.class_names)).tolist()
    classes = dict(zip(index.class_names, counts, strict=False))
    origin = f"{len(paths):,} shards"
    facts = _surveyed_facts(path, origin, len(found.good), classes, found, (*index.bad, *found.bad))
    chosen = _spread(len(shards), pictures)
    images = ShardImages(shards, chosen, PICTURE_SIZE, found.channels, "pad", lambda sample, reason: None)
    return DataInspection(facts, images.index_select(0, torch.arange(len(chosen))))


def _surveyed_facts(
    name: str, origin: str, count: int, classes: dict[str, int], found: Survey, bad: BadFiles
) -> DataFacts:
    return DataFacts(
        kind="data",
        name=name,
        origin=origin,
        count=count,
        classes=classes,
        sizes=_most_frequent_first((f"{width}x{height}", n) for (width, height), n in found.sizes.items()),
        modes=_most_frequent_first(found.modes.items()),
        bad=tuple(bad[:MAX_LISTED]),
        bad_count=len(bad),
    )


def _folder_classes(container: Container, found: Survey[Entry]) -> dict[str, int]:
    counts = Counter(entry.class_name for entry in found.good)
    folders = {printable(name): counts[name] for name in container.folders()}
    return {LOOSE: counts[None], **folders} if folders and counts[None] else folders


def _folder_pictures(container: Container, found: Survey[Entry], count: int) -> Tensor:
    rows = [np.zeros((0, found.channels, PICTURE_SIZE, PICTURE_SIZE), np.uint8)]
    with quiet_pillow():
        for entry in thinned(found.good, count):
            with suppress(NotAnImage):  # a file with a good header may be truncated
                rows.append(to_pixels(container.read(entry), PICTURE_SIZE, found.channels, "pad", entry.name)[None])
    return torch.from_numpy(np.concatenate(rows))


def _most_frequent_first(counts: Iterable[tuple[str, int]]) -> dict[str, int]:
    return dict(sorted(counts, key=lambda item: (-item[1], item[0])))


def _spread(length: int, count: int) -> Tensor:
    return torch.tensor(thinned(range(length), count), dtype=torch.int64)
