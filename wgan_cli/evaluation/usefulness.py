"""What generated images are good for: a classifier that learns from them, tested on real images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean, pstdev

import torch
from torch import Tensor

from wgan_cli.data.dataset import ImageSet
from wgan_cli.errors import WganError
from wgan_cli.evaluation import classifier
from wgan_cli.evaluation.features import BATCH, Features
from wgan_cli.evaluation.real import RealImages, Selection

MOST_LEARNT = 10_000  # images; what a classifier takes a minute for
SUBSET = 500  # real images that somebody might have
DRAWS = 3  # subsets, and classifiers with other first weights
Make = Callable[[int], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Lesson:
    """What a classifier learnt from, and the share of real held-out images that it names rightly.

    by_class: the same of each class. spread: the standard deviation over `DRAWS` classifiers; 0 of one.
    """

    learnt_from: str
    accuracy: float
    by_class: tuple[float, ...]
    spread: float = 0.0


def classification_accuracy(
    make: Make, real: RealImages, device: torch.device, count: int | None = None
) -> tuple[Lesson, Lesson]:
    """Classification accuracy score (Ravuri and Vinyals 2019): the same classifier, taught by generated or real images.

    Both see as many images in as many steps, so that the second is what the first could reach at best.

    Args:
        make: a number of images to that many generated (N, C, H, W) uint8, and the classes asked for (N,) int64.
        count: of images to learn from; by default as many as the generator learnt from, at most 10,000.
    Raises: WganError where the real images have no classes.
    """
    _check_classes(real)
    training = real.training.some(count or MOST_LEARNT)
    generated = _selection(*make(len(training)), training.dataset, "generated images")
    return tuple(
        _lesson(source, real.held_out, device, classifier.SEED, f"{len(source):,} {name}")
        for source, name in ((generated, "generated images"), (training, "real images"))
    )


def augmentation(
    make: Make, real: RealImages, device: torch.device, subset: int = SUBSET, count: int | None = None
) -> tuple[Lesson, Lesson]:
    """Does it help to add generated images to few real ones? Lessons from real ones alone, and from both.

    Means over some subsets, each with the same number of each class; both classifiers learn in as many steps, and see
    as many real as generated images in the second.

    Args:
        subset: real images to learn from. count: generated ones; by default ten times as many, at most 10,000.
    Raises: WganError where the real images have no classes, or the subset has not one of each.
    """
    _check_classes(real)
    num_classes = len(real.training.dataset.class_names)
    if subset < num_classes or subset > len(real.training):
        raise WganError(
            f"--subset {subset} does not fit: there are {num_classes} classes and {len(real.training):,} real images",
            f"give at least {num_classes} and at most {len(real.training)}",
        )
    images, labels = make(count or min(MOST_LEARNT, 10 * subset))
    alone, both = [], []
    for draw in range(DRAWS):
        few = _evenly(real.training, subset, draw)
        times = max(1, round(len(images) / len(few)))
        pixels, classes = few.dataset.images[few.indices], few.labels
        mixed = torch.cat([pixels.repeat(times, 1, 1, 1), images]), torch.cat([classes.repeat(times), labels])
        added = _selection(*mixed, few.dataset, "both")
        name = f"{len(few):,} real images"
        alone.append(_lesson(few, real.held_out, device, draw, name))
        both.append(_lesson(added, real.held_out, device, draw, f"{name} and {len(images):,} generated"))
    return _mean(alone), _mean(both)


def _check_classes(real: RealImages) -> None:
    if len(real.training.dataset.class_names) < 2:
        raise WganError(
            f"{real.training.name}: images without classes, which no classifier can learn",
            "put the images of each class into a folder of its own",
        )


def _selection(images: Tensor, labels: Tensor, like: ImageSet, name: str) -> Selection:
    return Selection(ImageSet(images, labels, like.class_names, name), torch.arange(len(images)), name)


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


def _lesson(source: Selection, held_out: Selection, device: torch.device, seed: int, name: str) -> Lesson:
    network = classifier.trained_network(source, device, seed)
    _, logits = Features(network, "", "").of(held_out.batches(BATCH))
    right = (logits.argmax(1) == held_out.labels).double()
    of_class = (right[held_out.labels == label] for label in range(logits.shape[1]))
    shares = tuple(part.mean().item() if len(part) else 0.0 for part in of_class)
    return Lesson(name, right.mean().item(), shares)


def _mean(lessons: list[Lesson]) -> Lesson:
    accuracies = [lesson.accuracy for lesson in lessons]
    by_class = tuple(map(fmean, zip(*(lesson.by_class for lesson in lessons), strict=True)))
    return Lesson(lessons[0].learnt_from, fmean(accuracies), by_class, pstdev(accuracies))
