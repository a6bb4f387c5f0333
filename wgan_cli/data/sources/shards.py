"""Images in WebDataset shards: .tar files that together are larger than memory, read in place."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from wgan_cli.data.dataset import ImageSet
from wgan_cli.data.files.decoded_cache import packs_folder
from wgan_cli.data.files.decoding import Header, NotAnImage, read_header, to_pixels
from wgan_cli.data.sources.image_folder import DEFAULT_SIZE, NAMED, THREADS, Survey, in_threads
from wgan_cli.data.sources.shard_index import Index, cached_index, make_index, member_name, shard_paths
from wgan_cli.errors import ExitStatus, WganError, describe_os_error
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.data_settings import DataSettings, Fit

LOOKED_AT = 256  # images by which size and channels are chosen, where settings do not say
MOST_BAD = 100  # in a row, after which nothing will be good


class Shards:
    """The files, and where the samples lie in them."""

    def __init__(self, paths: Sequence[Path], index: Index) -> None:
        self.paths = paths
        self.index = index

    def __len__(self) -> int:
        return len(self.index.labels)

    def read(self, number: int) -> bytes:
        """The bytes of one image: the only ones that are read of its shard. Raises: NotAnImage."""
        index = self.index
        path, size = self.paths[index.shards[number]], int(index.sizes[number])
        try:
            with open(path, "rb", buffering=0) as file:
                file.seek(int(index.offsets[number]))
                content = file.read(size)
        except OSError as error:
            raise NotAnImage(f"cannot be read: {describe_os_error(error)}") from None
        if len(content) != size:
            raise NotAnImage("cut short")
        return content

    def key(self, number: int) -> str:
        """What tells an image from others, wherever its shard lies."""
        return f"{self.paths[self.index.shards[number]].name}/{self.index.offsets[number]}"

    def name(self, number: int) -> str:
        """An image's name for people, found by reading its shard's headers again."""
        path = self.paths[self.index.shards[number]]
        return f"{member_name(path, int(self.index.offsets[number]))} of {path}"


class ShardImages:
    """The images of shards as an ImageSet's: read and decoded as they are asked for, in threads.

    Args:
        numbers: of the samples that it holds, (N,) int64.
        bad: told of a sample that cannot be decoded, by its number and why; raises, or the image after it serves.
    """

    def __init__(
        self, shards: Shards, numbers: Tensor, size: int, channels: int, fit: Fit, bad: Callable[[int, str], None]
    ) -> None:
        self.shape = torch.Size((len(numbers), channels, size, size))
        self._shards, self._numbers, self._fit, self._bad = shards, numbers, fit, bad
        self._pool: ThreadPoolExecutor | None = None

    def __getitem__(self, which: slice | int | Tensor) -> ShardImages | Tensor:
        """Of a slice or mask the same kind again, unread; of numbers a tensor."""
        if isinstance(which, slice) or (isinstance(which, Tensor) and which.dtype == torch.bool):
            _, channels, size, _ = self.shape
            return ShardImages(self._shards, self._numbers[which], size, channels, self._fit, self._bad)
        numbers = torch.as_tensor(which)
        found = self.index_select(0, numbers.reshape(-1))
        return found.view(*numbers.shape, *self.shape[1:])

    def index_select(self, dim: int, numbers: Tensor) -> Tensor:
        """The images of these numbers, (n, C, H, W) uint8."""
        pixels = torch.empty(len(numbers), *self.shape[1:], dtype=torch.uint8)
        self.read_into(pixels, numbers)
        return pixels

    def read_into(self, pixels: Tensor, numbers: Tensor) -> None:
        """Fill `pixels` (n, C, H, W) with the images of these numbers."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="wgan-decode")
        rows = pixels.numpy()

        def read(places: range) -> None:
            for place in places:
                rows[place] = self._decoded(int(numbers[place]))

        parts = [range(first, len(numbers), THREADS) for first in range(THREADS)]
        for done in [self._pool.submit(read, part) for part in parts]:
            done.result()

    def _decoded(self, place: int) -> np.ndarray:
        _, channels, size, _ = self.shape
        for after in range(min(MOST_BAD, len(self._numbers))):
            number = int(self._numbers[(place + after) % len(self._numbers)])
            try:
                return to_pixels(self._shards.read(number), size, channels, self._fit, self._shards.key(number))
            except NotAnImage as reason:
                self._bad(number, str(reason))
        raise WganError(
            f"{self._shards.name(number)} and {after} images before it cannot be used",
            "mend the shards, or make them again",
            ExitStatus.FAILED,
        )


def load(settings: DataSettings, data_root: Path, log: Callable[[str], None]) -> ImageSet:
    """Find the images of shards; they are decoded as they are asked for.

    Returns: images (N, C, size, size), lazy; no class names where no sample has a .cls.
    Raises: WganError where a shard is missing or broken, or a sample has no image and `on_bad_file` is stop.
    """
    paths = shard_paths(settings.path)
    shards = Shards(paths, cached_index(paths, packs_folder(data_root), log))
    index, skip = shards.index, settings.on_bad_file == "skip"
    if index.bad and not skip:
        raise _bad_samples(index)
    if index.bad:
        log(f"{settings.path}: skipped {len(index.bad):,} samples, such as {index.bad[0][0]} ({index.bad[0][1]})")
    # Pillow warns of odd files, from whichever thread decodes one.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    size, channels = _target(shards, settings)
    images = ShardImages(
        shards, torch.arange(len(shards)), size, channels, settings.fit, _Bad(shards, log if skip else None)
    )
    origin = f"{len(paths):,} shard{'s' if len(paths) > 1 else ''}, {settings.path}"
    return ImageSet(images, torch.from_numpy(index.labels), index.class_names, origin).only(settings.classes)


def shape(settings: DataSettings) -> ImageShape:
    """The shape of the images that `load` returns, found without decoding any."""
    paths = shard_paths(settings.path)
    shards = Shards(paths, make_index(paths, lambda text: None))
    found = ImageShape(*_target(shards, settings), len(shards.index.class_names))
    return found if settings.classes is None else replace(found, num_classes=len(settings.classes))


def look(shards: Shards, most: int | None = None) -> Survey:
    """What the beginnings of the images say, or those of so many from all over the set; nothing is decoded."""
    step = 1 if most is None else -(-len(shards) // most)

    def header(number: int) -> Header | str:
        try:
            return read_header(shards.read(number))
        except NotAnImage as reason:
            return str(reason)

    numbers = range(0, len(shards), step)
    headers = list(in_threads(header, numbers))
    good = [found for found in headers if isinstance(found, Header)]
    return Survey(
        good=(),
        bad=tuple((shards.name(n), why) for n, why in zip(numbers, headers, strict=True) if isinstance(why, str)),
        sizes=Counter(found.size for found in good),
        modes=Counter(found.mode for found in good),
        colour=any(found.colour for found in good),
    )


class _Bad:
    """What becomes of an image that cannot be decoded: an error, or one word to `notify`, and the next one serves."""

    def __init__(self, shards: Shards, log: Callable[[str], None] | None) -> None:
        self._shards, self._notify, self._told = shards, log, False

    def __call__(self, number: int, why: str) -> None:
        if self._notify is None:
            raise WganError(
                f"{self._shards.name(number)} cannot be used: {why}",
                "--set data.on_bad_file=skip trains without such images; or mend or remove it",
                ExitStatus.FAILED,
            )
        if not self._told:
            self._told = True
            self._notify(f"{self._shards.name(number)} cannot be used ({why}): it and others like it are skipped")


def _bad_samples(index: Index) -> WganError:
    named = ", ".join(f"{name} ({reason})" for name, reason in index.bad[:NAMED])
    more = f" and {len(index.bad) - NAMED:,} more" if len(index.bad) > NAMED else ""
    return WganError(
        f"samples that cannot be used: {named}{more}",
        "--set data.on_bad_file=skip trains without them; or mend or remove them",
    )


def _target(shards: Shards, settings: DataSettings) -> tuple[int, int]:
    """Size and channels of the images: as settings say, else as a number of them are."""
    if settings.image_size is not None and settings.channels is not None:
        return settings.image_size, settings.channels
    found = look(shards, LOOKED_AT)
    return (
        settings.image_size or found.common_size or DEFAULT_SIZE,
        settings.channels or (3 if found.colour else 1),
    )
