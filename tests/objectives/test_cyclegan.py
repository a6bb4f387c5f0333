"""CycleGAN's losses against their formulas, and the image pool."""

from __future__ import annotations

import pytest
import torch

from wgan_cli.networks import build_network
from wgan_cli.objectives import Batch, build_objective
from wgan_cli.objectives.cyclegan import fake_loss, real_loss
from wgan_cli.objectives.image_pool import ImagePool
from wgan_cli.recipe import ImageShape, recipe_from_dict

SHAPE = ImageShape(8, 8, 1)
BATCH = 3


def setup(norm: str = "instance", **objective: object):
    """Return an objective, its networks, and a batch; the same numbers each time."""
    narrow = {"channels": 3, "halvings": 1, "blocks": 1, "norm": norm}
    values = {
        "data": {"a": "digits", "b": {"source": "digits", "transform": "invert"}},
        "model": {"name": "translation", "generator": narrow, "critic": {"channels": [4, 5]}},
        "objective": {"name": "cyclegan", **objective},
        "batch_size": BATCH,
        "steps": 1,
    }
    recipe = recipe_from_dict(values, "a test")
    torch.manual_seed(0)
    networks = {role: build_network(role, recipe, SHAPE) for role in ("generator", "critic")}
    real = torch.rand(BATCH, 2, 1, 8, 8) * 2 - 1
    return build_objective(recipe, SHAPE), networks, Batch(torch.empty(BATCH, 0), real)


def test_terms_are_means_over_patches_and_pixels():
    scores = torch.tensor([[0.0, 1.0], [2.0, -1.0]])
    assert real_loss(scores).item() == (1 + 0 + 1 + 4) / 4
    assert fake_loss(scores).item() == (0 + 1 + 4 + 1) / 4


@pytest.mark.parametrize(("cycle", "identity"), [(10.0, 5.0), (3.0, 0.0), (0.0, 2.0)])
def test_translator_loss(cycle, identity):
    objective, networks, batch = setup(cycle_weight=cycle, identity_weight=identity)
    phase = objective.phases[0]
    loss = phase.loss(networks, batch)
    to_b, to_a = networks["generator"].to_b, networks["generator"].to_a
    of_a, of_b = networks["critic"].of_a, networks["critic"].of_b
    a, b = batch.real[:, 0], batch.real[:, 1]
    adversarial = ((of_b(to_b(a)) - 1) ** 2).mean() + ((of_a(to_a(b)) - 1) ** 2).mean()
    cycled = (to_a(to_b(a)) - a).abs().mean() + (to_b(to_a(b)) - b).abs().mean()
    kept = (to_b(b) - b).abs().mean() + (to_a(a) - a).abs().mean()
    torch.testing.assert_close(loss.total, adversarial + cycle * cycled + identity * kept)
    torch.testing.assert_close(loss.terms["adversarial_loss"], adversarial)
    torch.testing.assert_close(loss.terms["cycle_loss"], cycled)
    if identity:
        torch.testing.assert_close(loss.terms["identity_loss"], kept)
    assert (phase.trains, phase.repeats) == ("generator", 1)


def test_batch_norm_does_not_mix_domains():
    """Translations don't depend on the images of the identity loss."""
    translations = []
    for weight in (0.0, 5.0):
        objective, networks, batch = setup("batch", identity_weight=weight)
        objective.phases[0].loss(networks, batch)
        translations.append((objective.state.as_a, objective.state.as_b))
    torch.testing.assert_close(*translations)


def test_critic_loss():
    objective, networks, batch = setup()
    translators, critics = objective.phases
    translators.loss(networks, batch)
    assert not any(buffer.requires_grad for buffer in objective.state.buffers())
    loss = critics.loss(networks, Batch(batch.z))
    a, b = batch.real[:, 0], batch.real[:, 1]
    as_b, as_a = networks["generator"](a, b)
    of_a, of_b = networks["critic"].of_a, networks["critic"].of_b
    expected = 0.5 * (((of_a(a) - 1) ** 2).mean() + (of_a(as_a) ** 2).mean())
    expected = expected + 0.5 * (((of_b(b) - 1) ** 2).mean() + (of_b(as_b) ** 2).mean())
    torch.testing.assert_close(loss.total, expected)
    torch.testing.assert_close(loss.terms["real_score"], 0.5 * (of_a(a).mean() + of_b(b).mean()))
    torch.testing.assert_close(loss.terms["fake_score"], 0.5 * (of_a(as_a).mean() + of_b(as_b).mean()))
    loss.total.backward()
    assert all(p.grad is None for p in networks["generator"].parameters())
    assert all(p.grad is not None for p in networks["critic"].parameters())


@pytest.mark.parametrize("identity", [5.0, 0.0])
def test_objective(identity):
    objective, networks, batch = setup(identity_weight=identity)
    assert objective.meanings.keys() == {name for p in objective.phases for name in p.loss(networks, batch).terms}
    assert objective.images_per_iteration(4) == 8
    assert objective.roles == ("generator", "critic")


def numbered(first: int, count: int) -> torch.Tensor:
    """Return images that are filled with consecutive numbers."""
    return torch.arange(first, first + count, dtype=torch.float32)[:, None, None, None].expand(-1, 1, 8, 8)


def numbers(images: torch.Tensor) -> list[float]:
    assert torch.equal(images, images[:, :1, :1, :1].expand_as(images))
    return images[:, 0, 0, 0].tolist()


def test_pool_returns_its_input_until_it_is_full():
    pool = ImagePool(6, SHAPE)
    for first in (1, 4):
        assert numbers(pool.exchange(numbered(first, 3))) == [first, first + 1, first + 2]
    assert numbers(pool.images) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(("size", "batch"), [(6, 3), (6, 4), (5, 1), (3, 7), (50, 4)])
def test_pool_neither_loses_nor_duplicates(size, batch):
    torch.manual_seed(1)
    pool, given, shown = ImagePool(size, SHAPE), [], []
    for number in range(30):
        fresh = numbered(1 + number * batch, batch)
        before = numbers(pool.images) if pool.seen >= size else None
        now = numbers(pool.exchange(fresh))
        given += numbers(fresh)
        shown += now
        if before is not None and batch <= size:
            assert sorted(now + numbers(pool.images)) == sorted(before + numbers(fresh))
    assert set(shown) <= set(given)
    assert len(set(numbers(pool.images))) == size


def test_pool_swaps_half_of_the_images():
    torch.manual_seed(2)
    pool, ages = ImagePool(50, SHAPE), []
    for first in range(1, 4001, 4):
        fresh = numbered(first, 4)
        exchanged = zip(numbers(pool.exchange(fresh)), numbers(fresh), strict=True)
        ages += [first - value for value, new in exchanged if value != new]
    assert len(ages) / 4000 == pytest.approx(0.5, abs=0.03)
    # An image stays until a swap hits its place, one of 50; every second image is swapped.
    assert sum(ages) / len(ages) == pytest.approx(100, rel=0.1)


def test_empty_pool_returns_its_input():
    fresh = numbered(1, 5)
    assert ImagePool(0, SHAPE).exchange(fresh) is fresh


def test_restored_pool_continues_exactly():
    torch.manual_seed(3)
    pool, other = ImagePool(4, SHAPE), ImagePool(4, SHAPE)
    for first in range(1, 20, 2):
        pool.exchange(numbered(first, 2))
    other.load_state_dict(pool.state_dict())
    state = torch.get_rng_state()
    expected = numbers(pool.exchange(numbered(50, 3)))
    torch.set_rng_state(state)
    assert numbers(other.exchange(numbered(50, 3))) == expected
    dtypes = {name: buffer.dtype for name, buffer in other.named_buffers()}
    assert dtypes == {"images": torch.float32, "seen": torch.int64}
