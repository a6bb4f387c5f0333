"""Classes filled with generated images, without copies, and whether a classifier learns more from them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from statistics import fmean, stdev

import torch
from torch import Tensor

from wgan_cli.data.augmentation import Augment, horizontal_flip, random_crop
from wgan_cli.data.dataset import ImageSet
from wgan_cli.evaluation import classifier
from wgan_cli.evaluation.evaluate import Reference
from wgan_cli.evaluation.features import BATCH
from wgan_cli.evaluation.manifold import nearest
from wgan_cli.evaluation.real_images import RealImages, Selection
from wgan_cli.evaluation.usefulness import DRAWS, ClassifierResult, train_and_test

ROUNDS = 10  # of generating what is still missing
CROP = 8  # a random crop shifts by up to an eighth of the shorter side
FILLED = "filled with generated images"
Generate = Callable[[Tensor, int], Tensor]  # labels (N,) and the number of the first -> images (N, C, H, W) as stored


@dataclass(frozen=True)
class Filling:
    """Generated images for classes that have too few.

    images: (N, C, H, W) as they are stored. labels: (N,).
    copies: (K,) left out, as they were too close to a training image. missing: (K,) still missing after all rounds.
    variety: by class, variance of their features in relation to that of the real images; None without two of each.
    """

    images: Tensor
    labels: Tensor
    copies: Tensor
    missing: Tensor
    variety: tuple[float | None, ...]


def missing_images(images: ImageSet, per_class: int | None = None) -> Tensor:
    """Return how many images each class lacks to have as many as the largest one, or `per_class`: (K,) int64."""
    counts = torch.bincount(images.labels, minlength=len(images.class_names))
    return ((int(counts.max()) if per_class is None else per_class) - counts).clamp(min=0)


def fill(generate: Generate, wanted: Tensor, reference: Reference) -> Filling:
    """Generate `wanted` (K,) images of each class, not all 0, that are no copies of training images.

    A copy is an image closer to a training image than 99% of held-out real images, as in the score `memorization`.
    Held-out images count as training images here if the generator may have been trained on them.
    """
    distance = _distance_to_seen(reference)
    images, labels, kept = list[Tensor](), list[Tensor](), list[Tensor]()
    missing, copies, first = wanted.clone(), torch.zeros_like(wanted), 0
    for _ in range(ROUNDS):
        if not missing.any():
            break
        asked = torch.arange(len(wanted)).repeat_interleave(missing)
        made = generate(asked, first)
        features, _ = reference.features.of(made.split(BATCH))
        is_new = distance(features) >= reference.memorization_limit
        kept.append(features[is_new])
        images.append(made[is_new])
        labels.append(asked[is_new])
        copies += torch.bincount(asked[~is_new], minlength=len(wanted))
        missing -= torch.bincount(asked[is_new], minlength=len(wanted))
        first += len(asked)
    numbers = torch.cat(labels)
    ours, real = torch.cat(kept), (reference.training_features, reference.training.labels)
    variety = (_variety(ours[numbers == label], real[0][real[1] == label]) for label in range(len(wanted)))
    return Filling(torch.cat(images), numbers, copies, missing, tuple(variety))


def _distance_to_seen(reference: Reference) -> Callable[[Tensor], Tensor]:
    """Return the function from features (N, D) to squared distances (N,) from images that a generator may have seen."""
    if not reference.real.seen:
        return lambda features: reference.nearest(features)[0]
    held_out, _ = reference.features.of(reference.real.held_out.batches(BATCH))
    seen = torch.cat([reference.training_features, held_out])
    return lambda features: nearest(features, seen, reference.device)[0]


def _variety(ours: Tensor, real: Tensor) -> float | None:
    """Return the total variance of features (n, D) in relation to that of real ones (m, D)."""
    if min(len(ours), len(real)) < 2 or not real.var(0).any():
        return None
    return float(ours.var(0).sum() / real.var(0).sum())


def trials(real: RealImages, filling: Filling, device: torch.device) -> dict[str, ClassifierResult]:
    """Train classifiers on the training images as they are, repeated with augmentation, and filled.

    All train for the same number of steps. Repeated means that each class counts as often as the largest one.
    """
    training = real.training
    crops: Augment = partial(random_crop, max_shift=max(1, min(training.dataset.shape.size) // CROP))
    evenly = _repeated(training)
    sources: dict[str, tuple[Selection, Augment | None]] = {
        "as they are": (training, None),
        "small classes repeated, random crops": (evenly, crops),
        "small classes repeated, random crops and flips": (evenly, lambda images: horizontal_flip(crops(images))),
        FILLED: (_with(training, filling), None),
    }
    length = classifier.num_training_images(len(sources[FILLED][0]))
    return {
        name: train_and_test([source] * DRAWS, real, device, name, length, augment, by_class=True)
        for name, (source, augment) in sources.items()
    }


def verdict(found: Mapping[str, ClassifierResult]) -> str:
    """Compare filling with the best of the others; a gain counts if its mean exceeds two standard deviations."""
    rivals = {name: trial for name, trial in found.items() if name != FILLED}
    rival = max(rivals, key=lambda name: rivals[name].accuracy)
    gains = [100 * (ours - theirs) for ours, theirs in zip(found[FILLED].draws, rivals[rival].draws, strict=True)]
    gain = fmean(gains)
    numbers = f"{gain:+.1f} points ({min(gains):+.1f} to {max(gains):+.1f} in {len(gains)} draws)"
    found_that = "no clear difference" if abs(gain) <= 2 * stdev(gains) else "they help" if gain > 0 else "they do harm"
    return f"{found_that}: {numbers} against the best without generated images ({rival})"


def _repeated(images: Selection) -> Selection:
    """Repeat the images of smaller classes until each counts as often as the largest."""
    of_class = [images.indices[images.labels == label] for label in images.labels.unique()]
    most = max(map(len, of_class))
    indices = torch.cat([each.repeat(-(-most // len(each)))[:most] for each in of_class])
    return Selection(images.dataset, indices, images.name)


def _with(training: Selection, filling: Filling) -> Selection:
    real = training.dataset.images.index_select(0, training.indices)
    images, labels = torch.cat([real, filling.images]), torch.cat([training.labels, filling.labels])
    whole = ImageSet(images, labels, training.dataset.class_names, FILLED)
    return Selection(whole, torch.arange(len(images)), FILLED)
