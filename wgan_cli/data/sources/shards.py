"""WebDataset shards: .tar files, together larger than memory, whose images are decoded when they are needed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from wgan_cli.data.containers.container import NotAnImage
from wgan_cli.data.dataset import ImageSet
from wgan_cli.data.files import notices
from wgan_cli.data.files.decoded_cache import cache_folder
from wgan_cli.data.files.decoding import Decoded, decode_first, read_header
from wgan_cli.data.files.parallel import THREADS, parallel_map
from wgan_cli.data.files.survey import Survey, summarize_bad, survey, survey_values, unusable_files
from wgan_cli.data.files.value_range import RangeUnknown
from wgan_cli.data.sources.shard_index import Shards, build_index, cached_index, shard_paths
from wgan_cli.errors import ExitStatus, WganError
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.recipe.decoding_types import Size
from wgan_cli.utils.format import Log, no_log

SURVEYED = 256  # images that determine size and channels if the settings don't
MAX_BAD = 100  # unusable images in a row before giving up


class ShardImages:
    """Lazy images of shards, decoded in threads.

    Args:
        samples: Index of each image in the shards, (N,) int64.
        log: Told about the first image that isn't used as it is.
        deep: Decode to 16 bits.
    """

    def __init__(
        self,
        shards: Shards,
        samples: Tensor,
        size: Size,
        channels: int,
        settings: DataSettings,
        log: Log,
        deep: bool = False,
    ) -> None:
        self.shape = torch.Size((len(samples), channels, *size))
        self.dtype = torch.int16 if deep else torch.uint8
        self._shards, self._samples, self._settings, self._log, self._deep = shards, samples, settings, log, deep
        self._logged: set[str] = set()  # kinds of lines

    def __getitem__(self, key: slice | Tensor) -> ShardImages:
        """Return a part of the images, by slice or mask."""
        _, channels, *size = self.shape
        kept = self._samples[key]
        return ShardImages(self._shards, kept, (size[0], size[1]), channels, self._settings, self._log, self._deep)

    def index_select(self, dim: int, index: Tensor) -> Tensor:
        """Return the images with these indices, (n, C, H, W)."""
        pixels = torch.empty(len(index), *self.shape[1:], dtype=self.dtype)
        self.read_into(pixels, index)
        return pixels

    def read_into(self, pixels: Tensor, index: Tensor) -> None:
        """Fill `pixels` (n, C, H, W) with the images with these indices."""
        rows, chunk = pixels.numpy(), -(-len(index) // THREADS)
        for row, image in enumerate(parallel_map(self._decode, index.tolist(), chunk=max(1, chunk))):
            rows[row] = image

    def _decode(self, position: int) -> np.ndarray:
        _, channels, height, width = self.shape
        first = sample = int(self._samples[position])
        attempt = 0
        for attempt, sample in enumerate(islice(self._candidates(position), MAX_BAD)):
            if attempt and self._shards.labels[sample] != self._shards.labels[first]:
                line = "and others of its class cannot be used: images of another class replace them"
                self._log_once("class", f"{self._shards.name(first)} {line}")
            try:
                return self._to_pixels(sample, (height, width), channels)
            except NotAnImage as reason:
                self._report(sample, str(reason))
        raise WganError(
            f"{self._shards.name(sample)} and {attempt} images before it cannot be used",
            "repair the shards, or create them again",
            ExitStatus.FAILED,
        )

    def _candidates(self, position: int) -> Iterator[int]:
        """Yield the image at a position and its replacements: those of its class after it, then any other."""
        first = int(self._samples[position])
        yield first
        alike = torch.from_numpy(self._shards.labels == self._shards.labels[first])[self._samples]
        for group in (alike, ~alike):
            positions = group.nonzero()[:, 0]
            later = int((positions <= position).sum())
            nearest = self._samples[positions.roll(-later)[:MAX_BAD]]
            yield from (sample for sample in nearest.tolist() if sample != first)

    def _to_pixels(self, sample: int, size: Size, channels: int) -> np.ndarray:
        content, key = self._shards.read(sample), self._shards.key(sample)

        def decoded(settings: DataSettings) -> Decoded:
            return decode_first(content, size, channels, settings, key, self._deep)

        try:
            found = decoded(self._settings)
        except RangeUnknown:  # `load` found no such image among those that it checked
            line = "has more than 8 bits: scaling it and others like it by the range of their data type"
            self._log_once("range", f"{self._shards.name(sample)} {line}; --set data.range=[LOW,HIGH] chooses another")
            found = decoded(self._settings.with_range("dtype"))
        if found.non_finite:
            line = "has NaN or infinite values, which become black or white, as in others like it"
            self._log_once("non-finite", f"{self._shards.name(sample)} {line}")
        return found.pixels[0]

    def _report(self, sample: int, reason: str) -> None:
        if self._settings.on_bad_file == "stop":
            raise WganError(
                f"{self._shards.name(sample)} cannot be used: {reason}",
                "--set data.on_bad_file=skip trains without such images; or repair or remove it",
                ExitStatus.FAILED,
            )
        self._log_once("bad", f"{self._shards.name(sample)} cannot be used ({reason}): skipping it and others like it")

    def _log_once(self, kind: str, line: str) -> None:
        if kind not in self._logged:
            self._logged.add(kind)
            self._log(line)


def load(settings: DataSettings, data_root: Path, log: Log) -> ImageSet:
    """Index the images of shards, lazily decoded; there are no class names if no sample has a label."""
    where = " and ".join(settings.paths)
    shards = cached_index(shard_paths(settings.paths), cache_folder(data_root), log, settings.labels)
    if shards.bad and settings.on_bad_file == "stop":
        raise unusable_files(where, shards.bad, "sample")
    if shards.bad:
        log(f"{where}: skipped {summarize_bad(shards.bad, 'sample')}")
    if shards.note:
        log(f"{where}: {shards.note}")
    found = survey_shards(shards, SURVEYED)
    _log_unused(found, settings, log)
    values = None
    if found.is_deep and settings.range == "auto":
        values = survey_values(found.good, shards.read, settings)
        settings = settings.with_range(values and values.range)
        for line in notices.value_range(values):
            log(f"{where}: {line}")
    size, channels = found.target_shape(settings)
    images = ShardImages(shards, torch.arange(len(shards)), size, channels, settings, log, found.is_deep)
    origin = f"{len(shards.paths):,} shard{'s' if len(shards.paths) > 1 else ''}, {where}"
    value_range = values and values.range
    labels = torch.from_numpy(shards.labels)
    return ImageSet(images, labels, shards.class_names, origin, value_range, found.bands).only(settings.classes)


def shape(settings: DataSettings) -> ImageShape:
    """Return the shape of the images that `load` returns, without decoding them."""
    shards = build_index(shard_paths(settings.paths), no_log, settings.labels)
    classes = shards.class_names if settings.classes is None else settings.classes
    size, channels = survey_shards(shards, SURVEYED).target_shape(settings)
    return ImageShape(*size, channels, len(classes))


def survey_shards(shards: Shards, limit: int | None = None) -> Survey[int]:
    """Survey the headers of all images, or of about `limit` evenly spaced ones."""
    samples = range(0, len(shards), 1 if limit is None else -(-len(shards) // limit))
    return survey(samples, lambda sample: read_header(shards.read(sample)), shards.name)


def _log_unused(found: Survey[int], settings: DataSettings, log: Log) -> None:
    """Log parts of the surveyed images that training doesn't use."""
    where, total, (stacks, images) = " and ".join(settings.paths), len(found.good), found.stacks
    if stacks and settings.frames == "all":
        log(
            f"{where}: {stacks:,} of the {total:,} images checked have several pages or frames, {images:,} in "
            "all: using the first; unpack the shards to use all"
        )
    for line in notices.of_survey(found, settings, found.target_shape(settings)[0]):
        log(f"{where}: {line}" + (f" ({total:,} images were checked)" if total == SURVEYED else ""))
