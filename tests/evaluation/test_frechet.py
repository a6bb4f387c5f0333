"""Closed forms of the Frechet distance."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from wgan_cli.evaluation.frechet import Moments, frechet_distance, moments


def gaussian(mean: list[float], covariance: torch.Tensor) -> Moments:
    return Moments(torch.tensor(mean, dtype=torch.float64), covariance.double())


def features(seed: int, count: int = 200, width: int = 8) -> torch.Tensor:
    """Features whose dimensions depend on each other."""
    random = torch.Generator().manual_seed(seed)
    mixed = torch.randn(width, width, generator=random)
    return torch.randn(count, width, generator=random) @ mixed + torch.randn(width, generator=random)


def test_equal_covariances():
    covariance = moments(features(0, width=3)).covariance
    distance = frechet_distance(gaussian([1, 2, 3], covariance), gaussian([4, 2, -1], covariance))
    assert distance == pytest.approx(3**2 + 4**2, rel=1e-12)


def test_diagonal_covariances():
    one, other = torch.diag(torch.tensor([4.0, 9.0, 0.0])), torch.diag(torch.tensor([1.0, 25.0, 16.0]))
    distance = frechet_distance(gaussian([0, 0, 0], one), gaussian([0, 0, 2], other))
    assert distance == pytest.approx((2 - 1) ** 2 + (3 - 5) ** 2 + 4**2 + 2**2, rel=1e-12)


@settings(max_examples=20)
@given(st.integers(0, 1000), st.integers(2, 40))
def test_distance_to_itself_is_zero(seed, count):
    x = features(seed, count)
    assert frechet_distance(moments(x), moments(x)) < 1e-9 * float(moments(x).covariance.trace())


@settings(max_examples=20)
@given(st.integers(0, 1000), st.integers(2, 40), st.integers(2, 40))
def test_symmetry_and_rotation_invariance(seed, count, other_count):
    x, y = features(seed, count), features(seed + 1, other_count)
    turn = torch.linalg.qr(features(seed + 2, 8)).Q
    distance = frechet_distance(moments(x), moments(y))
    assert distance > 0
    assert frechet_distance(moments(y), moments(x)) == pytest.approx(distance, rel=1e-9)
    assert frechet_distance(moments(x @ turn), moments(y @ turn)) == pytest.approx(distance, rel=1e-4)


@settings(max_examples=20)
@given(st.integers(0, 1000))
def test_matches_the_sqrtm_formula(seed):
    one, other = moments(features(seed)), moments(features(seed + 1, 300))
    # As torchmetrics has it: the eigenvalues of the product, which is not symmetric.
    root_trace = torch.linalg.eigvals(one.covariance @ other.covariance).sqrt().real.sum()
    expected = (one.mean - other.mean).square().sum() + (one.covariance + other.covariance).trace() - 2 * root_trace
    assert frechet_distance(one, other) == pytest.approx(expected.item(), rel=1e-4)


def test_singular_covariances():
    # On two different lines the root of the product is |a.b| * |a| * |b| by hand.
    a, b = torch.tensor([3.0, 0.0, 0.0]), torch.tensor([4.0, 3.0, 0.0])
    distance = frechet_distance(gaussian([0, 0, 0], torch.outer(a, a)), gaussian([0, 0, 0], torch.outer(b, b)))
    assert distance == pytest.approx(9 + 25 - 2 * 12, rel=1e-12)


def test_moments():
    x = features(5)
    found = moments(x)
    torch.testing.assert_close(found.covariance, torch.cov(x.double().T))
    torch.testing.assert_close(found.mean, x.double().mean(0))
    assert moments(x[:1]).covariance.abs().sum() == 0
    assert torch.equal(moments(x.numpy()).covariance, found.covariance)
