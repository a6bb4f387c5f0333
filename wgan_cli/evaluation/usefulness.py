"""What generated images are good for: a classifier that learns from them, tested on real images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean, stdev

import torch
from torch import Tensor

from wgan_cli.data.dataset import ImageSet
from wgan_cli.errors import WganError
from wgan_cli.evaluation import classifier
from wgan_cli.evaluation.features import BATCH, Features
from wgan_cli.evaluation.real_images import RealImages, Selection
from wgan_cli.evaluation.scores import Agreement, agreement

MOST_LEARNT = 10_000  # images; what a classifier takes a minute for
MOST_TESTED = 10_000
SUBSET = 500  # real images that somebody might have
FEWEST = 10  # images to learn from: a batch of one has no variance
DRAWS = 3  # subsets, and classifiers with other first weights
Make = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Lesson:
    """What classifiers learnt from, and the share of real held-out images that they name rightly.

    learnt_from: a phrase. draws: of each classifier, one or several. by_class: their mean for each class (K); None
    where no image of it is held out.
    """

    learnt_from: str
    draws: tuple[float, ...]
    by_class: tuple[float | None, ...]

    @property
    def accuracy(self) -> float:
        """The mean over classifiers."""
        return fmean(self.draws)

    @property
    def spread(self) -> float:
        """The standard deviation over classifiers; 0 of one."""
        return stdev(self.draws) if len(self.draws) > 1 else 0.0

    def worst(self) -> int:
        """The class that is named least often."""
        return Agreement(self.accuracy, self.by_class).worst()


def classification_accuracy(
    make: Make, real: RealImages, device: torch.device, count: int | None = None
) -> tuple[Lesson, Lesson]:
    """Classification accuracy score (Ravuri and Vinyals 2019): the same classifier, taught by generated or real images.

    Both see as many images of each class in as many steps, so that the second is what the first could reach at best.

    Args:
        make: labels (N,) int64 to generated images of those classes (N, C, H, W) uint8.
        count: of images to learn from; by default as many as the generator learnt from, at most 10,000.
    Raises: WganError where the real images have no classes, or are too few.
    """
    _check(real)
    training = real.training.some(count or MOST_LEARNT)
    generated = _selection(make(training.labels), training.labels, training.dataset)
    return tuple(
        _lesson([source], real, device, f"{len(source):,} {name}")
        for source, name in ((generated, "generated images"), (training, "real images"))
    )


def augmentation(
    make: Make, real: RealImages, device: torch.device, subset: int = SUBSET, count: int | None = None
) -> tuple[Lesson, Lesson]:
    """Does it help to add generated images to few real ones? Lessons from real ones alone, and from both.

    Three subsets with each class as often as any other; all classifiers learn in as many steps of as many images, of
    which with generated ones about half are real.

    Args:
        make: labels (N,) int64 to generated images of those classes (N, C, H, W) uint8.
        subset: real images to learn from. count: generated ones; by default ten times as many, at most 10,000.
    Raises: WganError where the real images have no classes, or the subset does not fit them.
    """
    _check(real)
    fewest = max(FEWEST, len(real.training.dataset.class_names))
    if not fewest <= subset <= len(real.training):
        raise WganError(
            f"--subset {subset} does not fit: there are {len(real.training):,} real training images",
            f"give at least {fewest} and at most {len(real.training)}",
        )
    subsets = [_evenly(real.training, subset, draw) for draw in range(DRAWS)]
    labels = _repeated(subsets[0].labels, count or max(subset, min(MOST_LEARNT, 10 * subset)))
    images = make(labels)
    alone, both = [], []
    for few in subsets:
        some_real = _repeated(torch.arange(subset), len(images))  # a number of a real image for each generated one
        pixels, classes = few.dataset.images.index_select(0, few.indices), few.labels
        mixed = _selection(torch.cat([pixels, images]), torch.cat([classes, labels]), few.dataset)
        numbers = torch.cat([some_real, subset + torch.arange(len(images))])
        both.append(Selection(mixed.dataset, numbers, mixed.name))
        alone.append(Selection(few.dataset, _repeated(few.indices, len(numbers)), few.name))
    shown, name = classifier.lesson_length(subset), f"{subset:,} real images"
    return (
        _lesson(alone, real, device, name, shown),
        _lesson(both, real, device, f"{name} and {len(images):,} generated", shown),
    )


def verdict(alone: Lesson, both: Lesson) -> str:
    """Whether generated images helped, in plain words: where the mean gain is over twice the spread of the gains."""
    gains = [100 * (after - before) for before, after in zip(alone.draws, both.draws, strict=True)]
    gain = fmean(gains)
    on_samples = f"{gain:+.1f} points on the mean, {min(gains):+.1f} to {max(gains):+.1f} in {len(gains)} draws"
    if abs(gain) <= 2 * stdev(gains):
        return f"generated images make no clear difference here: {on_samples}"
    return f"generated images {'help' if gain > 0 else 'do harm'} here: {on_samples}"


def fairness(subset: int, real: RealImages) -> str:
    """What an augmentation test is worth, by what its generator has learnt from."""
    if subset >= len(real.training):
        return f"the generator learnt from the same {subset:,} images"
    return (
        f"the generator learnt from all {len(real.training):,} training images, more than these {subset:,}; "
        f"for a fair test train it with --set data.limit={subset}"
    )


def _check(real: RealImages) -> None:
    if len(real.training.dataset.class_names) < 2:
        raise WganError(
            f"{real.training.name}: images without classes, which no classifier can learn",
            "put the images of each class into a folder of its own",
        )
    for images in (real.training, real.held_out):
        if len(images) < FEWEST:
            raise WganError(
                f"{images.name}: {len(images)} real images are too few for a classifier",
                f"{FEWEST} or more are needed; check `data.limit`",
            )


def _selection(images: Tensor, labels: Tensor, like: ImageSet) -> Selection:
    name = "generated images"
    return Selection(ImageSet(images, labels, like.class_names, name), torch.arange(len(images)), name)


def _repeated(values: Tensor, count: int) -> Tensor:
    """Values (N,) again and again, until there are so many."""
    return values.repeat(-(-count // len(values)))[:count]


def _evenly(images: Selection, count: int, seed: int) -> Selection:
    """So many images by lot, each class as often as any other while it lasts."""
    random = torch.Generator().manual_seed(seed)
    shuffled = images.indices[torch.randperm(len(images), generator=random)]
    labels = images.dataset.labels[shuffled]
    turn = torch.empty_like(labels)  # of its class, the how many-th an image is
    for label in labels.unique():
        of_class = labels == label
        turn[of_class] = torch.arange(int(of_class.sum()))
    return Selection(images.dataset, shuffled[turn.argsort(stable=True)[:count]], images.name)


def _lesson(
    sources: list[Selection], real: RealImages, device: torch.device, name: str, shown: int | None = None
) -> Lesson:
    """A classifier taught by each source, with first weights of its own, and tested."""
    tested, found = real.held_out.some(MOST_TESTED), []
    for seed, source in enumerate(sources):
        network = classifier.trained_network(source, device, seed, shown)
        _, logits = Features(network, "", "").of(tested.batches(BATCH))
        found.append(agreement(logits, tested.labels))
    shares = zip(*(each.by_class for each in found), strict=True)
    by_class = tuple(None if None in of_class else fmean(of_class) for of_class in shares)
    return Lesson(name, tuple(each.share for each in found), by_class)
