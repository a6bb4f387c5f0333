"""Usefulness of generated images as training data: a classifier trained on them, tested on real images."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, stdev

import torch
from torch import Tensor

from wgan_cli.data.augmentation import Augment
from wgan_cli.data.dataset import ImageSet
from wgan_cli.errors import WganError
from wgan_cli.evaluation import classifier
from wgan_cli.evaluation.features import BATCH, Features
from wgan_cli.evaluation.manifold import Agreement, agreement
from wgan_cli.evaluation.real_images import RealImages, Selection

MAX_TRAINING = 10_000  # images; a classifier takes a minute for them
MAX_TEST = 10_000
SUBSET = 500  # real images of a small data set, which augmentation is meant for
MIN_IMAGES = 10
DRAWS = 3  # classifiers, each with its own initial weights
Generate = Callable[[Tensor], Tensor]  # labels (N,) int64 -> images (N, C, H, W) as the real ones


@dataclass(frozen=True)
class ClassifierResult:
    """Accuracy of one or several classifiers on real held-out images."""

    trained_on: str
    draws: tuple[float, ...]  # accuracy of each classifier
    by_class: tuple[float | None, ...]  # mean accuracy; None for a class without held-out images

    @property
    def accuracy(self) -> float:
        """Mean over the classifiers."""
        return fmean(self.draws)

    @property
    def spread(self) -> float:
        """Standard deviation over the classifiers; 0 for a single one."""
        return stdev(self.draws) if len(self.draws) > 1 else 0.0

    def worst(self) -> int:
        """Return the class with the lowest accuracy."""
        return Agreement(self.accuracy, self.by_class).worst()


def classification_accuracy(
    generate: Generate, real: RealImages, device: torch.device, count: int | None = None
) -> tuple[ClassifierResult, ClassifierResult]:
    """Classification accuracy score (Ravuri and Vinyals 2019): one classifier trained on generated, one on real images.

    Both get equally many images of each class and equally many steps, so the second result is an upper reference.

    Args:
        count: number of training images; by default those of the generator, at most 10,000.
    Raises: WganError if the real images have no classes, or are too few.
    """
    _check(real)
    training = real.training.subset(count or MAX_TRAINING)
    generated = _selection(generate(training.labels), training.labels, training.dataset)
    return (
        train_and_test([generated], real, device, f"{len(generated):,} generated images"),
        train_and_test([training], real, device, f"{len(training):,} real images"),
    )


def augmentation(
    generate: Generate, real: RealImages, device: torch.device, subset: int = SUBSET, count: int | None = None
) -> tuple[ClassifierResult, ClassifierResult]:
    """Train classifiers on a few real images, and on the same with generated images added.

    Repeated for three class-balanced subsets. All classifiers train for the same number of steps; with generated images
    about half of each batch is real.

    Args:
        subset: number of real images. count: number of generated images; by default ten per real image, at most 10,000.
    Raises: WganError if the real images have no classes, or `subset` does not fit them.
    """
    _check(real)
    fewest = max(MIN_IMAGES, len(real.training.dataset.class_names))
    if not fewest <= subset <= len(real.training):
        raise WganError(
            f"--subset {subset} is out of range for {len(real.training):,} real training images",
            f"use at least {fewest} and at most {len(real.training)}",
        )
    subsets = [_balanced_subset(real.training, subset, seed) for seed in range(DRAWS)]
    labels = _repeat(subsets[0].labels, count or max(subset, min(MAX_TRAINING, 10 * subset)))
    images = generate(labels)
    half = max(subset, len(images))  # as many real images as generated ones, at least all of both
    repeated, added = _repeat(torch.arange(subset), half), subset + _repeat(torch.arange(len(images)), half)
    alone, both = [], []
    for few in subsets:
        pixels, classes = few.dataset.images.index_select(0, few.indices), few.labels
        mixed = _selection(torch.cat([pixels, images]), torch.cat([classes, labels]), few.dataset)
        both.append(replace(mixed, indices=torch.cat([repeated, added])))
        alone.append(replace(few, indices=_repeat(few.indices, 2 * half)))
    length, name = classifier.num_training_images(subset), f"{subset:,} real images"
    return (
        train_and_test(alone, real, device, name, length),
        train_and_test(both, real, device, f"{name} and {len(images):,} generated", length),
    )


def verdict(alone: ClassifierResult, both: ClassifierResult) -> str:
    """Summarize the gain from generated images; it counts if its mean exceeds two standard deviations of the draws."""
    gains = [100 * (after - before) for before, after in zip(alone.draws, both.draws, strict=True)]
    gain = fmean(gains)
    numbers = f"{gain:+.1f} points on average ({min(gains):+.1f} to {max(gains):+.1f} in {len(gains)} draws)"
    if abs(gain) <= 2 * stdev(gains):
        return f"adding generated images makes no clear difference: {numbers}"
    return f"adding generated images {'improves' if gain > 0 else 'reduces'} accuracy: {numbers}"


def caveat(subset: int, real: RealImages) -> str:
    """Return how far the augmentation test is fair, given the generator's own training images."""
    if subset >= len(real.training):
        return f"the generator was trained on the same {subset:,} images"
    return (
        f"the generator was trained on all {len(real.training):,} training images, more than these {subset:,}; "
        f"for a fair test train it with --set data.limit={subset}"
    )


def tested_images(real: RealImages) -> Selection:
    """Return the held-out images that classifiers are tested on."""
    return real.held_out.subset(MAX_TEST)


def train_and_test(
    sources: Sequence[Selection], real: RealImages, device: torch.device, name: str, num_images: int | None = None,
    augment: Augment | None = None, by_class: bool = False,
) -> ClassifierResult:  # fmt: skip
    """Train a classifier on each source, with initial weights and an order of its own, and test it on real images.

    Args:
        name: of the training images.
        num_images, augment: as for `classifier.trained_network`.
        by_class: average over the classes instead of the images, so that small classes count as much as large ones.
    """
    test, found = tested_images(real), []
    for seed, source in enumerate(sources):
        network = classifier.trained_network(source, device, seed, num_images, augment=augment)
        _, logits = Features(network, "", "").of(test.batches(BATCH))
        assert logits is not None
        found.append(agreement(logits, test.labels))
    columns = ([s for s in shares if s is not None] for shares in zip(*(each.by_class for each in found), strict=True))
    means = tuple(fmean(shares) if shares else None for shares in columns)
    draws = (fmean(s for s in each.by_class if s is not None) if by_class else each.share for each in found)
    return ClassifierResult(name, tuple(draws), means)


def _check(real: RealImages) -> None:
    if len(real.training.dataset.class_names) < 2:
        raise WganError(
            f"{real.training.name} has no classes to train a classifier on",
            "put the images of each class into their own subfolder",
        )
    for images in (real.training, real.held_out):
        if len(images) < MIN_IMAGES:
            raise WganError(
                f"{images.name}: {len(images)} real images are too few for a classifier",
                f"{MIN_IMAGES} or more are needed; check `data.limit`",
            )


def _selection(images: Tensor, labels: Tensor, like: ImageSet) -> Selection:
    name = "generated images"
    return Selection(ImageSet(images, labels, like.class_names, name), torch.arange(len(images)), name)


def _repeat(values: Tensor, count: int) -> Tensor:
    """Repeat values (N,) cyclically to length `count`."""
    return values.repeat(-(-count // len(values)))[:count]


def _balanced_subset(images: Selection, count: int, seed: int) -> Selection:
    """Draw random images, equally many of each class as long as they last."""
    random = torch.Generator().manual_seed(seed)
    shuffled = images.indices[torch.randperm(len(images), generator=random)]
    labels = images.dataset.labels[shuffled]
    rank = torch.empty_like(labels)  # position of an image within its class
    for label in labels.unique():
        of_class = labels == label
        rank[of_class] = torch.arange(int(of_class.sum()))
    return Selection(images.dataset, shuffled[rank.argsort(stable=True)[:count]], images.name)
