"""Precision, recall, density, coverage and classes: closed forms and properties."""

from __future__ import annotations

import math
from dataclasses import asdict

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from wgan_cli.evaluation import manifold as scores
from wgan_cli.evaluation.manifold import agreement, classes, fit, manifold, nearest


def cloud(seed: int, count: int, width: int = 4, centre: float = 0.0) -> torch.Tensor:
    return centre + torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


@given(st.integers(0, 100), st.integers(6, 30), st.integers(6, 30))
@settings(max_examples=15)
def test_scores_match_their_definitions(seed, count, other_count):
    real, fake = cloud(seed, count).tolist(), cloud(seed + 1, other_count).tolist()

    def radius(points: list, number: int, k: int) -> float:
        return sorted(math.dist(points[number], other) for other in points)[k]  # the first is its own

    def inside(points: list, k: int, other: list) -> list[bool]:
        return [math.dist(point, other) <= radius(points, number, k) for number, point in enumerate(points)]

    found = fit(manifold(torch.tensor(real)), manifold(torch.tensor(fake)))
    assert found.precision == pytest.approx(sum(any(inside(real, 3, point)) for point in fake) / other_count)
    assert found.recall == pytest.approx(sum(any(inside(fake, 3, point)) for point in real) / count)
    assert found.density == pytest.approx(sum(sum(inside(real, 5, point)) for point in fake) / (5 * other_count))
    covered = [any(inside(real, 5, point)[number] for point in fake) for number in range(count)]
    assert found.coverage == pytest.approx(sum(covered) / count)


def test_distant_sets_and_same_distribution():
    found = fit(manifold(cloud(0, 100)), manifold(cloud(1, 80, centre=1000)))
    assert (found.precision, found.recall, found.density, found.coverage) == (0, 0, 0, 0)
    found = fit(manifold(cloud(0, 1000)), manifold(cloud(1, 1000)))
    assert min(found.precision, found.recall) > 0.8 and found.coverage > 0.9
    assert found.density == pytest.approx(1, abs=0.1)


def test_mode_collapse():
    found = fit(manifold(cloud(0, 1000)), manifold(0.01 * cloud(1, 1000)))
    assert found.precision == 1 and found.recall < 0.02 and found.coverage < 0.1
    found = fit(manifold(cloud(0, 500)), manifold(cloud(0, 500)[:1].expand(500, -1)))
    assert (found.precision, found.recall) == (1, 1 / 500)  # it is a real one, and reaches only that


def test_chunks_change_nothing(monkeypatch):
    real, fake = cloud(0, 53), cloud(1, 47)
    expected = fit(manifold(real), manifold(fake))
    distances, numbers = nearest(real, fake)
    monkeypatch.setattr(scores, "CHUNK", 10)
    assert fit(manifold(real), manifold(fake)) == expected
    torch.testing.assert_close(nearest(real, fake)[0], distances)
    assert torch.equal(nearest(real, fake)[1], numbers)


@pytest.mark.gpu
def test_gpu_distances_equal_the_cpu():
    device, real, fake = torch.device("cuda"), cloud(0, 3000), cloud(1, 2500)
    expected = fit(manifold(real), manifold(fake))
    found = fit(manifold(real, device), manifold(fake, device), device)
    assert asdict(found) == pytest.approx(asdict(expected), abs=1e-3)
    (distances, numbers), (others, other_numbers) = nearest(fake, real), nearest(fake, real, device)
    torch.testing.assert_close(others, distances, rtol=1e-4, atol=1e-4)
    assert (numbers == other_numbers).double().mean() > 0.999


def test_nearest():
    x = cloud(0, 40).double() + 1e7  # far from zero
    distances, numbers = nearest(x, x.flip(0))
    assert distances.tolist() == [0.0] * 40 and numbers.tolist() == list(range(39, -1, -1))
    queries, others = cloud(0, 30), cloud(1, 70)
    distances, numbers = nearest(queries, others)
    expected = torch.cdist(queries, others).min(1)
    torch.testing.assert_close(distances.sqrt(), expected.values, rtol=1e-4, atol=1e-4)
    assert torch.equal(numbers, expected.indices)


def test_few_images():
    pair = manifold(torch.tensor([[0.0], [2.0]]))
    assert pair.radii.tolist() == pair.density_radii.tolist() == [4, 4]
    assert fit(pair, pair).coverage == 1


def test_classes():
    sure = 50 * torch.eye(4)
    even = classes(sure.repeat(3, 1))
    assert (even.shares, even.entropy, even.confidence) == ((0.25,) * 4, pytest.approx(1), pytest.approx(1))
    one = classes(sure[:1].repeat(5, 1))
    assert (one.shares, one.entropy) == ((1, 0, 0, 0), 0)
    assert classes(sure[[0, 2]]).entropy == pytest.approx(0.5)
    assert classes(torch.tensor([[math.log(3.0), 0.0, 0.0, 0.0]])).confidence == pytest.approx(0.5)


def test_agreement_per_class():
    logits = torch.eye(4)[[0, 0, 1, 1, 1, 2]]
    found = agreement(logits, torch.tensor([0, 0, 0, 1, 1, 1]))
    assert found.share == pytest.approx(4 / 6)
    assert found.by_class == (pytest.approx(2 / 3), pytest.approx(2 / 3), None, None)
    assert found.worst() in (0, 1)
