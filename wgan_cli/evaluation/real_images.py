"""Which real images serve for what: what generated ones are held against, and what nobody has seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from wgan_cli.data import load_images
from wgan_cli.data.dataset import ImageSet
from wgan_cli.errors import WganError
from wgan_cli.recipe.data_settings import DataSettings

FEWEST = 50  # images of a folder; a fifth of fewer says nothing
HELD_OUT = 0.2  # of a folder, which has no test images of its own


@dataclass(frozen=True)
class Selection:
    """Some images of a set, which stay where they are until they are read."""

    dataset: ImageSet
    indices: Tensor
    name: str

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def labels(self) -> Tensor:
        """(N,) int64."""
        return self.dataset.labels[self.indices]

    def batches(self, size: int) -> Iterator[Tensor]:
        """Images (n, C, H, W) uint8, n <= size."""
        for part in self.indices.split(size):
            yield self.dataset.images.index_select(0, part)

    def some(self, count: int) -> Selection:
        """At most `count` of them, the same each time, by lot: a set may be sorted, or take its classes in turn."""
        if count >= len(self):
            return self
        chosen = torch.randperm(len(self), generator=torch.Generator().manual_seed(0))[:count].sort().values
        return Selection(self.dataset, self.indices[chosen], self.name)


@dataclass(frozen=True)
class RealImages:
    """training: what the generator learnt from. held_out: none of those, but where `seen` it learnt from them as well.

    labelled and tested: of the same kind, whole whatever the recipe's `limit`, for a classifier to learn and be tested.
    """

    training: Selection
    held_out: Selection
    labelled: Selection
    tested: Selection
    seen: bool


def real_images(
    settings: DataSettings, data_root: Path, log: Callable[[str], None], dataset: ImageSet | None = None
) -> RealImages:
    """Find the real images for a recipe's `data`: of a named set its other split, of one's own `test_path` or a fifth.

    Args:
        dataset: what `load_images` returns for the settings, where it is at hand already.
    Raises: WganError where images cannot be had, or a folder holds too few.
    """
    dataset = dataset or load_images(settings, data_root, log)
    if settings.test_path is not None:
        return _of_two_places(settings, data_root, log, dataset)
    if not settings.has_splits:
        return _of_folder(dataset)

    def split(name: str) -> Selection:
        wanted = settings.model_copy(update={"split": name, "limit": None})
        images = dataset if wanted == settings else load_images(wanted, data_root, log)
        return _all(images, f"{settings.source} {name}")

    labelled, tested = split("train"), split("test")
    held_out = labelled if settings.split == "test" else tested
    if settings.split == "all" and len(dataset) > len(labelled):  # train's images come first
        return RealImages(labelled, held_out, labelled, tested, seen=True)
    training = _all(dataset, f"{settings.source} {settings.split}")
    return RealImages(training, held_out, labelled, tested, seen=False)


def _of_folder(dataset: ImageSet) -> RealImages:
    if len(dataset) < FEWEST:
        raise WganError(
            f"{dataset.origin} holds {len(dataset)} images, too few to measure against",
            f"give a folder of {FEWEST} or more; `wgan sample` shows what the generator makes",
        )
    order = torch.randperm(len(dataset), generator=torch.Generator().manual_seed(0))
    last = round(HELD_OUT * len(dataset))
    held_out = Selection(dataset, order[:last].sort().values, f"{last / len(dataset):.0%} of {dataset.origin}")
    kept = Selection(dataset, order[last:].sort().values, f"the rest of {dataset.origin}")
    return RealImages(kept, held_out, kept, held_out, seen=True)


def _of_two_places(
    settings: DataSettings, data_root: Path, log: Callable[[str], None], dataset: ImageSet
) -> RealImages:
    """One's own images, and others of them that are held out in a place of their own."""

    def read(path: str) -> ImageSet:
        alike = {"path": path, "test_path": None, "limit": None, "image_size": shape.size, "channels": shape.channels}
        return load_images(settings.model_copy(update=alike), data_root, log)

    shape = dataset.shape
    whole = dataset if settings.limit is None else read(settings.path)
    tested = read(settings.test_path)
    if tested.class_names != whole.class_names:
        raise WganError(
            f"{tested.origin} (`data.test_path`) has other classes than {whole.origin}",
            "give both the same classes, or leave out `data.test_path`",
        )
    held_out = _all(tested, tested.origin)
    return RealImages(_all(dataset, dataset.origin), held_out, _all(whole, whole.origin), held_out, seen=False)


def _all(dataset: ImageSet, name: str) -> Selection:
    return Selection(dataset, torch.arange(len(dataset)), name)
