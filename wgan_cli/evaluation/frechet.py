"""Frechet distance between two sets of features."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Moments:
    """Gaussian fitted to features. mean: (D,), covariance: (D, D), float64."""

    mean: Tensor
    covariance: Tensor


def moments(features: Tensor | np.ndarray) -> Moments:
    """Compute the mean and unbiased covariance of features (N, D), in float64 on the CPU; one row has covariance 0."""
    features = torch.as_tensor(features).detach().to("cpu", torch.float64)
    mean = features.mean(0)
    centered = features - mean
    return Moments(mean, centered.T @ centered / max(1, len(features) - 1))


def frechet_distance(one: Moments, other: Moments) -> float:
    """Squared Frechet distance between two Gaussians (Heusel et al. 2017, after Dowson and Landau 1982).

    ||mu1 - mu2||^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)). The eigenvalues of the symmetric C1^(1/2) C2 C1^(1/2) are the
    squares of the singular values of C1^(1/2) C2^(1/2), so the last trace is the sum of these singular values. This
    needs no root of a nonsymmetric matrix, no complex numbers, and no epsilon for rank-deficient covariances.

    Returns: 0 for equal Gaussians, in the square of the features' unit.
    """
    roots = _root(one.covariance) @ _root(other.covariance)  # (D, D)
    traces = one.covariance.trace() + other.covariance.trace() - 2 * torch.linalg.svdvals(roots).sum()
    return max(0.0, float((one.mean - other.mean).square().sum() + traces))


def _root(covariance: Tensor) -> Tensor:
    """Symmetric square root; eigenvalues that rounding made negative count as 0."""
    values, vectors = torch.linalg.eigh(covariance)
    return (vectors * values.clamp(min=0).sqrt()) @ vectors.T
