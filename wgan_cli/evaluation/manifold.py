"""Scores of a set of features: fidelity and diversity relative to real features, and predicted classes.

Features and results are on the CPU; `device` is where the distances between all pairs are computed, in float64.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields

import torch
from torch import Tensor

NEIGHBORS = 3  # of precision and recall, as published
DENSITY_NEIGHBORS = 5  # of density and coverage, as published
CPU = torch.device("cpu")
CHUNK = 1000  # rows of a distance matrix at a time: 10,000 x 10,000 would take 800 MB


@dataclass(frozen=True)
class Manifold:
    """Union of balls around features, each up to the k-th nearest neighbor in the set.

    features: (N, D) float64. radii, density_radii, nearest: (N,), squared distances to 3rd, 5th and 1st neighbor.
    """

    features: Tensor
    radii: Tensor
    density_radii: Tensor
    nearest: Tensor


@dataclass(frozen=True)
class Fit:
    """Fidelity and diversity of a set relative to the real one; shares from 0 to 1, but density has no upper bound."""

    precision: float
    recall: float
    density: float
    coverage: float


@dataclass(frozen=True)
class Classes:
    """Predicted classes of a set: shares (K) from 0 to 1, their entropy (1 if all are equal), and confidence.

    confidence: mean probability of each image's predicted class.
    """

    shares: tuple[float, ...]
    entropy: float
    confidence: float


@dataclass(frozen=True)
class Agreement:
    """Share of images, from 0 to 1, that a classifier assigns to their label.

    by_class: the share for each class (K); None for a class without images.
    """

    share: float
    by_class: tuple[float | None, ...]

    def worst(self) -> int:
        """Return the class with the lowest share."""
        shares = [math.inf if share is None else share for share in self.by_class]
        return shares.index(min(shares))


def manifold(features: Tensor, device: torch.device = CPU) -> Manifold:
    """Return the manifold of features (N, D), N >= 2; small sets use as many neighbors as they have."""
    features = features.detach().to("cpu", torch.float64)
    most = min(DENSITY_NEIGHBORS, len(features) - 1)
    parts, moved = [], features.to(device)
    for rows, distances in _distances(moved, moved):
        distances[:, rows].fill_diagonal_(math.inf)  # exclude itself
        parts.append(distances.topk(most, dim=1, largest=False).values)  # (n, k), nearest first
    nearest = torch.cat(parts).cpu()  # (N, k)
    return Manifold(features, *(nearest[:, place].clone() for place in (min(NEIGHBORS, most) - 1, -1, 0)))


def fit(real: Manifold, fake: Manifold, device: torch.device = CPU) -> Fit:
    """Compute precision and recall (Kynkaanniemi et al. 2019), density and coverage (Naeem et al. 2020).

    precision: share of fakes inside a real ball; recall: share of reals inside a fake ball.
    density: mean number of real balls around a fake, divided by k; coverage: share of real balls with a fake inside.
    """
    real, fake = _moved(real, device), _moved(fake, device)
    inside = balls = 0
    reached = torch.zeros(len(real.features), dtype=torch.bool, device=device)  # by a fake's ball
    nearest = torch.full((len(real.features),), math.inf, dtype=torch.float64, device=device)  # distance to a fake
    for rows, distances in _distances(fake.features, real.features):  # (n, N)
        inside += int((distances <= real.radii).any(1).sum())
        balls += int((distances <= real.density_radii).sum())
        reached |= (distances <= fake.radii[rows, None]).any(0)
        nearest = torch.minimum(nearest, distances.amin(0))
    count = len(fake.features)
    return Fit(
        precision=inside / count,
        recall=reached.double().mean().item(),
        density=balls / (count * min(DENSITY_NEIGHBORS, len(real.features) - 1)),
        coverage=(nearest <= real.density_radii).double().mean().item(),
    )


def nearest(features: Tensor, others: Tensor, device: torch.device = CPU) -> tuple[Tensor, Tensor]:
    """Return each feature's squared distance to the nearest of `others`, and its index: (N, D), (M, D) -> (N,), (N,).

    In float32, because `others` may be all training images.
    """
    found = [distances.min(1) for _, distances in _distances(features.to(device), others.to(device))]
    return torch.cat([part.values for part in found]).cpu(), torch.cat([part.indices for part in found]).cpu()


def _moved(manifold: Manifold, device: torch.device) -> Manifold:
    return Manifold(*(getattr(manifold, field.name).to(device) for field in fields(Manifold)))


def classes(logits: Tensor) -> Classes:
    """Summarize the classes predicted by logits (N, K)."""
    probabilities, predicted = logits.double().softmax(1).max(1)
    num_classes = logits.shape[1]
    shares = torch.bincount(predicted, minlength=num_classes).double() / len(predicted)
    entropy = -torch.xlogy(shares, shares).sum() / math.log(num_classes)
    return Classes(tuple(shares.tolist()), max(0.0, entropy.item()), probabilities.mean().item())


def agreement(logits: Tensor, labels: Tensor) -> Agreement:
    """Compare the classes predicted by logits (N, K) with labels (N,)."""
    right = (logits.argmax(1) == labels).double()
    parts = (right[labels == label] for label in range(logits.shape[1]))
    return Agreement(right.mean().item(), tuple(part.mean().item() if len(part) else None for part in parts))


def _distances(queries: Tensor, others: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Yield slices of the queries with their squared distances (n, M) to all others.

    Computed as a matrix product, whose rounding error scales with the squared norms; anything smaller counts as 0.
    """
    middle = others.mean(0)  # smaller norms round less
    queries, others = queries - middle, others - middle
    norms = others.square().sum(1)  # (M,)
    rounding = 100 * torch.finfo(others.dtype).eps
    for start in range(0, len(queries), CHUNK):
        part = queries[start : start + CHUNK]
        sums = part.square().sum(1, keepdim=True) + norms  # (n, M)
        distances = torch.addmm(sums, part, others.T, alpha=-2)
        yield slice(start, start + len(part)), distances.masked_fill_(distances <= rounding * sums, 0.0)
