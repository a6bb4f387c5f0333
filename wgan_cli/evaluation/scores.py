"""What features say of a set of images: how it lies to the real ones, and which classes it shows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

NEIGHBOURS = 3  # of precision and recall, as published
NEIGHBOURS_OF_DENSITY = 5  # of density and coverage, as published
CHUNK = 1000  # rows of a matrix of distances at a time: 10,000 x 10,000 would take 800 MB


@dataclass(frozen=True)
class Manifold:
    """Where a set of features lies: within a ball around each, up to its k-th nearest neighbour in the set.

    features: (N, D) float64. radii, density_radii: (N,), squared, of 3 and 5 neighbours.
    """

    features: Tensor
    radii: Tensor
    density_radii: Tensor


@dataclass(frozen=True)
class Fit:
    """How a set lies to the real one. All are shares from 0 to 1, but density has no upper end."""

    precision: float
    recall: float
    density: float
    coverage: float


@dataclass(frozen=True)
class Classes:
    """Which classes a classifier sees in a set. shares: (K) from 0 to 1. entropy: 1 where all are equal.

    confidence: the mean of the probability of each image's class.
    """

    shares: tuple[float, ...]
    entropy: float
    confidence: float


@dataclass(frozen=True)
class Agreement:
    """How often a classifier names the class that an image is meant to be of. share: from 0 to 1.

    by_class: the same for each class (K); None where there is no image of it.
    """

    share: float
    by_class: tuple[float | None, ...]

    def worst(self) -> int:
        """The class that is named least often."""
        return min(range(len(self.by_class)), key=lambda k: 2.0 if self.by_class[k] is None else self.by_class[k])


def manifold(features: Tensor) -> Manifold:
    """The manifold of features (N, D), N at least 2; where N is small, of as many neighbours as there are."""
    features = features.detach().to("cpu", torch.float64)
    most = min(NEIGHBOURS_OF_DENSITY, len(features) - 1)
    parts = []
    for rows, distances in _distances(features, features):
        distances[torch.arange(len(distances)), torch.arange(rows.start, rows.stop)] = math.inf  # not of itself
        parts.append(distances.topk(most, dim=1, largest=False).values)  # (n, k), nearest first
    nearest = torch.cat(parts)  # (N, k)
    return Manifold(features, nearest[:, min(NEIGHBOURS, most) - 1].clone(), nearest[:, -1].clone())


def fit(real: Manifold, fake: Manifold) -> Fit:
    """Precision and recall (Kynkaanniemi et al. 2019), density and coverage (Naeem et al. 2020).

    precision: share of fakes inside a real ball; recall: share of real ones inside a fake's ball.
    density: real balls that a fake lies in, divided by k, on the mean; coverage: share of real balls with a fake in it.
    """
    inside = balls = 0
    reached = torch.zeros(len(real.features), dtype=torch.bool)  # by a fake's ball
    nearest = torch.full((len(real.features),), math.inf, dtype=torch.float64)  # of the fakes
    for rows, distances in _distances(fake.features, real.features):  # (n, N)
        inside += int((distances <= real.radii).any(1).sum())
        balls += int((distances <= real.density_radii).sum())
        reached |= (distances <= fake.radii[rows, None]).any(0)
        nearest = torch.minimum(nearest, distances.amin(0))
    count = len(fake.features)
    return Fit(
        precision=inside / count,
        recall=reached.double().mean().item(),
        density=balls / (count * min(NEIGHBOURS_OF_DENSITY, len(real.features) - 1)),
        coverage=(nearest <= real.density_radii).double().mean().item(),
    )


def nearest(features: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """For each of `features` (N, D) the squared distance to the nearest of `others` (M, D), and its number: (N,), (N,).

    In float32 where they are, for M may be all training images.
    """
    found = [distances.min(1) for _, distances in _distances(features.cpu(), others.cpu())]
    return torch.cat([part.values for part in found]), torch.cat([part.indices for part in found])


def classes(logits: Tensor) -> Classes:
    """Which classes a classifier's logits (N, K) name."""
    probabilities, named = logits.double().softmax(1).max(1)
    num_classes = logits.shape[1]
    shares = torch.bincount(named, minlength=num_classes).double() / len(named)
    entropy = -torch.xlogy(shares, shares).sum() / math.log(num_classes)
    return Classes(tuple(shares.tolist()), max(0.0, entropy.item()), probabilities.mean().item())


def agreement(logits: Tensor, labels: Tensor) -> Agreement:
    """How often logits (N, K) are highest for the label (N,)."""
    right = (logits.argmax(1) == labels).double()
    parts = (right[labels == label] for label in range(logits.shape[1]))
    return Agreement(right.mean().item(), tuple(part.mean().item() if len(part) else None for part in parts))


def _distances(queries: Tensor, others: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Squared distances (n, M) of some rows of queries to all others, with those rows; the last n may be smaller.

    By a product of matrices, whose rounding is of the size of the squared norms: what is less is the same place.
    """
    middle = others.mean(0)  # nearer to zero, rounding is less
    queries, others = queries - middle, others - middle
    norms = others.square().sum(1)  # (M,)
    rounding = 100 * torch.finfo(others.dtype).eps
    for start in range(0, len(queries), CHUNK):
        part = queries[start : start + CHUNK]
        sums = part.square().sum(1, keepdim=True) + norms  # (n, M)
        distances = torch.addmm(sums, part, others.T, alpha=-2)
        yield slice(start, start + len(part)), distances.masked_fill_(distances <= rounding * sums, 0.0)
