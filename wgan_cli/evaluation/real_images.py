"""Real images for evaluation: the training images, and images held out from training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from wgan_cli.data.dataset import ImageSet
from wgan_cli.data.loading import class_names, has_test_images, load_images, select_images
from wgan_cli.data.transforms import input_channels
from wgan_cli.errors import WganError
from wgan_cli.recipe import Recipe
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.runs.checkpoint import Checkpoint
from wgan_cli.utils.class_names import spelled_like
from wgan_cli.utils.format import Log, count_of

MIN_IMAGES = 50  # in a folder; a fifth of fewer is too few to measure
HELD_OUT = 0.2  # share of a folder without test images
MAX_NAMED = 20  # classes in an error


@dataclass(frozen=True)
class Selection:
    """Some images of a data set, read when they are needed."""

    dataset: ImageSet
    indices: Tensor
    name: str

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def labels(self) -> Tensor:
        """Classes (N,) int64."""
        return self.dataset.labels[self.indices]

    def batches(self, size: int) -> Iterator[Tensor]:
        """Yield images (n, C, H, W) as they are stored, n <= size."""
        for part in self.indices.split(size):
            yield self.dataset.images.index_select(0, part)

    def subset(self, count: int) -> Selection:
        """Return at most `count` random images, always the same: a data set may be sorted by class."""
        if count >= len(self):
            return self
        chosen = torch.randperm(len(self), generator=torch.Generator().manual_seed(0))[:count].sort().values
        return Selection(self.dataset, self.indices[chosen], self.name)


@dataclass(frozen=True)
class RealImages:
    """The real images that an evaluation uses."""

    training: Selection  # images that the generator was trained on
    held_out: Selection  # images for the real baseline; disjoint from `training`
    labeled: Selection  # training images of the classifier, regardless of the recipe's `limit`
    test: Selection  # test images of the classifier
    seen: bool | None  # the generator was trained on `held_out` too; None if that isn't known


def real_images(
    settings: DataSettings, data_root: Path, log: Log, dataset: ImageSet | None = None, *, by_class: bool = False
) -> RealImages:
    """Load the real images for a recipe's `data`; `dataset` is the result of `load_images`, if already loaded.

    Held-out images are the other split of a named data set; of the user's own images `test_path`, the folder of test
    images next to the one of training images, or else a fifth: of all together, or `by_class`.
    """
    dataset = dataset or load_images(settings, data_root, log)
    if settings.test_path is not None or (not settings.has_splits and has_test_images(settings)):
        return _with_test_images(settings, data_root, log, dataset)
    if not settings.has_splits:
        return _split_folder(dataset, by_class)

    def split(name: str) -> Selection:
        wanted = settings.model_copy(update={"split": name, "limit": None})
        images = dataset if wanted == settings else load_images(wanted, data_root, log)
        return _all(images, f"{settings.source} {name}")

    labeled, test = split("train"), split("test")
    held_out = labeled if settings.split == "test" else test
    if settings.split == "all" and len(dataset) > len(labeled):  # the train split comes first
        return RealImages(labeled, held_out, labeled, test, seen=True)
    training = _all(dataset, f"{settings.source} {settings.split}")
    return RealImages(training, held_out, labeled, test, seen=False)


def _split_folder(dataset: ImageSet, by_class: bool) -> RealImages:
    if len(dataset) < MIN_IMAGES:
        raise WganError(
            f"{dataset.origin} holds {count_of(len(dataset), 'image')}, too few for an evaluation",
            f"use a folder of {MIN_IMAGES} or more; `wgan sample` shows what the generator makes",
        )
    order = torch.randperm(len(dataset), generator=torch.Generator().manual_seed(0))
    groups = [order[dataset.labels[order] == label] for label in dataset.labels.unique()] if by_class else [order]
    parts = zip(*(group.tensor_split([round(HELD_OUT * len(group))]) for group in groups), strict=True)
    first, last = (torch.cat(part).sort().values for part in parts)
    held_out = Selection(dataset, first, f"{len(first) / len(dataset):.0%} of {dataset.origin}")
    kept = Selection(dataset, last, f"the rest of {dataset.origin}")
    return RealImages(kept, held_out, kept, held_out, seen=True)


def _with_test_images(settings: DataSettings, data_root: Path, log: Log, dataset: ImageSet) -> RealImages:
    shape, settings = dataset.shape, settings.with_range(dataset.value_range)

    def like_training(**changes: Any) -> DataSettings:
        channels = input_channels(shape.channels, settings.transform)
        alike = {"test_path": None, "limit": None, "image_size": shape.size, "channels": channels, **changes}
        return settings.model_copy(update=alike)

    whole = dataset if settings.limit is None else load_images(like_training(), data_root, log)
    part = {"split": "test"} if settings.test_path is None else {"path": settings.test_path, "split": "train"}
    for_testing = like_training(**part)
    if settings.classes is not None:  # by name: test images may lack a class, so that others have another number there
        names = class_names(for_testing, data_root)
        found = dict(zip(spelled_like(names, whole.class_names), names, strict=True))
        chosen = [found[name] for name in whole.class_names if name in found] or whole.class_names
        for_testing = for_testing.model_copy(update={"classes": chosen})
    test = load_images(for_testing, data_root, log)
    test = replace(test, class_names=spelled_like(test.class_names, whole.class_names))
    name = f"{test.origin} (`data.test_path`)" if settings.test_path else f"the test part of {test.origin}"
    others = sorted(set(test.class_names) - set(whole.class_names))
    if others or (whole.class_names and not test.class_names):
        raise WganError(
            f"{name} has other classes than {whole.origin}: {', '.join(others[:MAX_NAMED]) or 'none'}",
            "give both the same classes, or set `data.test_path` to other images",
        )
    held_out = _all(test.renumbered(whole.class_names), name)
    return RealImages(_all(dataset, dataset.origin), held_out, _all(whole, whole.origin), held_out, seen=False)


def _all(dataset: ImageSet, name: str) -> Selection:
    return Selection(dataset, torch.arange(len(dataset)), name)


def training_images(
    recipe: Recipe, checkpoint: Checkpoint, origin: str, data_root: Path, log: Log, given: ImageSet | None = None
) -> ImageSet:
    """Load the images that a generator was trained on, or check `given` ones; `origin` names the checkpoint in errors.

    Raises: WganError if their shape or classes have changed.
    """
    assert isinstance(recipe.data, DataSettings)
    dataset = load_images(recipe.data, data_root, log) if given is None else select_images(given, recipe.data)
    now = then = ""
    if str(dataset.shape) != str(checkpoint.image):
        now, then = f"images of {dataset.shape}", f"{checkpoint.image}"
    elif recipe.model.conditional and not _same_classes(dataset, checkpoint):
        now, then = (", ".join(names[:MAX_NAMED]) for names in (dataset.class_names, checkpoint.class_names))
        now = f"the classes {now}"
    if now:
        raise WganError(
            f"{dataset.origin} has {now} now, but {origin} was trained on {then}",
            "restore the original images; `wgan inspect` shows the recipe",
        )
    return dataset


def _same_classes(dataset: ImageSet, checkpoint: Checkpoint) -> bool:
    """Return True if the classes are those of a checkpoint; imported weights have no names, so their number counts."""
    if checkpoint.taken_from is not None:
        return len(dataset.class_names) == len(checkpoint.class_names)
    return dataset.class_names == checkpoint.class_names
