"""What a set of images is made of, as facts; commands print them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from wgan_cli.data import load_images
from wgan_cli.data.files.container import Container, NotAnImage
from wgan_cli.data.files.decoding import MODES, quiet_pillow, to_pixels
from wgan_cli.data.files.folders import open_container
from wgan_cli.data.sources.image_folder import LOOSE, Survey, shown, survey
from wgan_cli.data.sources.shard_index import make_index, shard_paths
from wgan_cli.data.sources.shards import ShardImages, Shards, look
from wgan_cli.recipe.data_settings import DataSettings

NAMED_BAD_FILES = 10
PICTURE_SIZE = 64  # of a folder's images on a contact sheet, whatever their own size


@dataclass(frozen=True)
class DataFacts:
    """A set of images.

    classes: images of each, also none; no classes where files lie flat. sizes: how many of each
    "WIDTHxHEIGHT", most frequent first; modes: likewise of Pillow's modes. bad: name and reason of the first ten files
    that are no images, of `bad_count`.
    """

    kind: str
    name: str
    origin: str
    count: int
    classes: dict[str, int]
    sizes: dict[str, int]
    modes: dict[str, int]
    bad: tuple[tuple[str, str], ...]
    bad_count: int


@dataclass(frozen=True)
class DataInspection:
    """Facts, and as many images as were asked for, from all over the set: (n, C, H, W) uint8."""

    facts: DataFacts
    pictures: Tensor


def inspect_named_set(name: str, data_root: Path, log: Callable[[str], None], pictures: int = 0) -> DataInspection:
    """Look into a named set, as it would be trained on; one that is missing is downloaded.

    Raises: WganError where it cannot be had or is broken.
    """
    images = load_images(DataSettings(source=name), data_root, log)
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
    return DataInspection(facts, images.images[_spread(len(images), pictures)])


def inspect_folder(path: Path, pictures: int = 0) -> DataInspection:
    """Look into a folder, .zip or .tar of images, by the files' headers alone; only `pictures` are decoded.

    Raises: WganError where there is none, or the archive is broken.
    """
    with open_container(path) as container:
        found = survey(container, container.entries())
        facts = DataFacts(
            kind="data",
            name=str(path),
            origin=str(path),
            count=len(found.good),
            classes=_classes(container, found),
            sizes=_sizes(found),
            modes=_most_frequent_first(found.modes.items()),
            bad=found.bad[:NAMED_BAD_FILES],
            bad_count=len(found.bad),
        )
        return DataInspection(facts, _pictures(container, found, pictures))


def inspect_shards(path: str, pictures: int = 0) -> DataInspection:
    """Look into WebDataset shards, by the images' headers alone; only `pictures` are decoded.

    Raises: WganError where one is missing or broken.
    """
    paths = shard_paths(path)
    shards = Shards(paths, make_index(paths, lambda text: None))
    index, found = shards.index, look(shards)
    counts = np.bincount(index.labels, minlength=len(index.class_names)).tolist()
    bad = index.bad + found.bad
    facts = DataFacts(
        kind="data",
        name=path,
        origin=f"{len(paths):,} shards",
        count=len(shards) - len(found.bad),
        classes=dict(zip(index.class_names, counts, strict=False)),
        sizes=_sizes(found),
        modes=_most_frequent_first(found.modes.items()),
        bad=bad[:NAMED_BAD_FILES],
        bad_count=len(bad),
    )
    channels, chosen = 3 if found.colour else 1, _spread(len(shards), pictures)
    images = ShardImages(shards, chosen, PICTURE_SIZE, channels, "pad", lambda number, why: None)
    return DataInspection(facts, images.index_select(0, torch.arange(len(chosen))))


def _sizes(found: Survey) -> dict[str, int]:
    return _most_frequent_first((f"{width}x{height}", count) for (width, height), count in found.sizes.items())


def _classes(container: Container, found: Survey) -> dict[str, int]:
    counts = Counter(entry.class_name for entry in found.good)
    folders = {shown(name): counts[name] for name in container.folders()}
    return {LOOSE: counts[None], **folders} if folders and counts[None] else folders


def _pictures(container: Container, found: Survey, count: int) -> Tensor:
    channels = 3 if found.colour else 1
    rows = [np.zeros((0, channels, PICTURE_SIZE, PICTURE_SIZE), np.uint8)]
    with quiet_pillow():
        for index in _spread(len(found.good), count).tolist():
            entry = found.good[index]
            # A good header says little of what follows: a file that is cut off is left out.
            with suppress(NotAnImage):
                rows.append(to_pixels(container.read(entry), PICTURE_SIZE, channels, "pad", entry.name)[None])
    return torch.from_numpy(np.concatenate(rows))


def _most_frequent_first(counts: Iterable[tuple[str, int]]) -> dict[str, int]:
    return dict(sorted(counts, key=lambda item: (-item[1], item[0])))


def _spread(length: int, count: int) -> Tensor:
    """At most `count` of 0..length-1, in order and evenly far apart."""
    return torch.arange(min(length, count)) * length // max(1, min(length, count))
