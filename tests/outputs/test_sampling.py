"""Reproducible sampling."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from torch import nn

from wgan_cli.errors import WganError
from wgan_cli.networks import build_network
from wgan_cli.outputs import sampling
from wgan_cli.outputs.sampling import (
    generate,
    images_at_once,
    open_generator,
    parse_classes,
    parse_seeds,
    sample_latents,
    slerp_path,
)
from wgan_cli.recipe import ImageShape, load_recipe
from wgan_cli.runs.checkpoint import load_checkpoint
from wgan_cli.utils.pixels import to_uint8

CPU = torch.device("cpu")
LATENT = 16


@pytest.fixture(scope="module")
def generator(tiny_run) -> nn.Module:
    return open_generator(tiny_run.path, CPU)[0]


def images(generator: nn.Module, z: np.ndarray, batch_size: int = 64) -> torch.Tensor:
    return torch.cat(list(generate(generator, z, batch_size)))


@pytest.fixture(scope="module")
def hundred(generator) -> torch.Tensor:
    """Images 0..99 of seed 3."""
    return images(generator, sample_latents(LATENT, 100, 3))


def test_count_and_order_do_not_matter(generator, hundred):
    for count in (1, 64, 65):
        assert torch.equal(images(generator, sample_latents(LATENT, count, 3)), hundred[:count])
    z = sample_latents(LATENT, 100, 3)
    assert torch.equal(images(generator, z[::-1].copy()), hundred.flip(0))


@pytest.mark.parametrize("batch", [1, 7, 128])
def test_batch_does_not_matter(generator, hundred, batch):
    off = (images(generator, sample_latents(LATENT, 100, 3), batch).int() - hundred.int()).abs()
    # Another batch size may sum in another order, so that a pixel is rounded to a neighboring value.
    assert off.max() <= 1 and (off > 0).float().mean() < 1e-3


def test_products_are_exact_inside_the_network(generator, monkeypatch):
    """Torch lets a GPU's convolutions round to TF32 by default."""
    entered = []

    @contextmanager
    def recorded(device: torch.device) -> Iterator[None]:
        entered.append(device)
        yield
        entered.pop()

    inside = []
    monkeypatch.setattr(sampling, "repeatable_float32", recorded)
    hook = generator.register_forward_hook(lambda *_: inside.append(tuple(entered)))
    images(generator, sample_latents(LATENT, 65, 3))
    hook.remove()
    assert inside == [(CPU,), (CPU,)] and not entered


def test_copies_of_memory_that_is_freed_are_waited_for(generator, monkeypatch):
    """On MPS, others read what has replaced it."""
    waits, to = [], torch.Tensor.to

    def recorded(tensor: torch.Tensor, *words, non_blocking: bool = False, **options) -> torch.Tensor:
        waits.append(not non_blocking)
        return to(tensor, *words, non_blocking=non_blocking, **options)

    monkeypatch.setattr(torch.Tensor, "to", recorded)
    images(generator, sample_latents(LATENT, 2, 3))
    assert waits and all(waits)


@pytest.fixture
def resnet() -> tuple[nn.Module, np.ndarray]:
    """A network on the GPU whose fastest convolutions sum in another order at each call, and 100 latent vectors."""
    recipe = load_recipe("cifar10_resnet", [])
    torch.manual_seed(0)
    network = build_network("generator", recipe, ImageShape(32, 32, 3, 10)).eval().requires_grad_(False)
    for weight in network.parameters():  # freshly initialized generators produce gray
        if weight.ndim > 1:
            weight.mul_(3.0)
    return network.cuda(), sample_latents(recipe.model.latent_dim, 100, 0)


@pytest.mark.gpu
def test_gpu_images_do_not_depend_on_tf32(resnet, monkeypatch):
    made = []
    for allowed in (False, True):
        monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", allowed)
        monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", allowed)
        made.append(images(*resnet))
    assert made[0].float().std() > 10 and torch.equal(*made)


@pytest.mark.gpu
def test_gpu_images_are_the_same_each_time(resnet):
    network, z = resnet
    first = images(network, z)
    assert first.float().std() > 10
    for _ in range(3):
        assert torch.equal(images(network, z), first)
        assert torch.equal(images(network, z[::-1].copy()).flip(0), first)


def test_several_seeds():
    z = sample_latents(LATENT, 99, 0, seeds=[8, 3, 8])
    assert np.array_equal(z, np.concatenate([sample_latents(LATENT, 1, seed) for seed in (8, 3, 8)]))


def test_samples_come_from_the_ema(tiny_run):
    from_run, _ = open_generator(tiny_run.path, CPU)
    from_full, _ = open_generator(tiny_run.checkpoint_file(12), CPU)
    full = load_checkpoint(tiny_run.checkpoint_file(12))
    weight = from_run.state_dict()["project.weight"]
    assert torch.equal(weight, from_full.state_dict()["project.weight"])
    assert not torch.equal(weight, full.training["generator"]["project.weight"])
    assert not from_run.training


def test_mismatched_weights(tiny_run, tmp_path):
    checkpoint = load_checkpoint(tiny_run.generator_file)
    weights = checkpoint.networks["generator"]
    weights["project.weight"] = weights["project.weight"][:, :-1].clone()
    checkpoint.save(tmp_path / "G.pth")
    with pytest.raises(WganError, match="its weights do not fit its recipe"):
        open_generator(tmp_path / "G.pth", CPU)


def test_to_uint8():
    values = torch.tensor([-1.0, 1.0, 0.0, -2.0, 2.0, -1 + 0.4 / 127.5, -1 + 0.6 / 127.5])
    assert to_uint8(values).tolist() == [0, 255, 128, 0, 255, 0, 1]
    every = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(to_uint8(every.float().div(127.5).sub(1)), every)


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("5", [5]),
        ("3-3", [3]),
        ("0-2,70, 4", [0, 1, 2, 70, 4]),
        ("7,7", [7, 7]),
        ("0" * 30 + "42", [42]),
        (str(2**63 - 1), [2**63 - 1]),
    ],
)
def test_list_of_seeds(text, seeds):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "a", "1,,2", "3-", "-3", "3-1", "1-2-3", "1.5", "0-99999999999", "9" * 5000])
def test_invalid_seeds(text):
    with pytest.raises(WganError, match="--seeds"):
        parse_seeds(text)


DIGITS = tuple("0123456789")
ANIMALS = ("cat", "dog", "sea-lion", "3")


@pytest.mark.parametrize(
    ("text", "names", "wanted"),
    [
        ("7", DIGITS, [7]),
        ("0-9", DIGITS, list(range(10))),
        (" 3, 1 ", DIGITS, [3, 1]),
        ("0-2,7-8", DIGITS, [0, 1, 2, 7, 8]),
        ("dog", ANIMALS, [1]),
        ("sea-lion,0", ANIMALS, [2, 0]),
        ("3", ANIMALS, [3]),
        ("2-3", ANIMALS, [2, 3]),
        ("8", ("3", "8"), [1]),  # the name, not the number
    ],
)
def test_names_and_numbers(text, names, wanted):
    assert parse_classes([text], names) == wanted


@pytest.mark.parametrize("text", ["10", "0-10", "5-3", "", "3,,4", "-1", "1-", "x", "9" * 30, "0-" + "9" * 6, "٣-x"])
def test_unknown_class(text):
    with pytest.raises(WganError, match="--class") as caught:
        parse_classes([text], DIGITS)
    assert "0, 1, 2" in caught.value.hint


CITIES = ("New York, NY", "Rome", "3, 4")


@pytest.mark.parametrize(
    ("texts", "wanted"),
    [
        (["New York, NY"], [0]),
        (["New York, NY", "Rome"], [0, 1]),
        (['Rome,"New York, NY"'], [1, 0]),
        (["3, 4", "0-1"], [2, 0, 1]),
        (["Rome", "2"], [1, 2]),
    ],
)
def test_names_with_commas(texts, wanted):
    assert parse_classes(texts, CITIES) == wanted


def test_hint_for_names_with_commas():
    with pytest.raises(WganError, match="New York") as caught:
        parse_classes(["New York, NY,Rome"], CITIES)
    assert "--class 'New York, NY'" in caught.value.hint


def test_suggestion_and_repeated_class():
    with pytest.raises(WganError) as caught:
        parse_classes(["dgo"], ANIMALS)
    assert "`dog`" in caught.value.hint
    with pytest.raises(WganError, match="twice"):
        parse_classes(["1,dog"], ANIMALS)


ENDS = sample_latents(32, 3, 0)


def test_walk_ends():
    path = slerp_path(ENDS, frames=5, closed=False)
    assert (path.shape, path.dtype) == ((10, 32), np.float32)
    for place, end in ((0, 0), (4, 1), (5, 1), (9, 2)):
        np.testing.assert_allclose(path[place], ENDS[end], atol=1e-6)


def test_walk_on_the_sphere():
    ends = ENDS / np.linalg.norm(ENDS, axis=1, keepdims=True)
    leg = slerp_path(ends[:2], frames=9, closed=False)
    np.testing.assert_allclose(np.linalg.norm(leg, axis=1), 1, atol=1e-6)
    turns = np.arccos((leg[1:] * leg[:-1]).sum(1))
    np.testing.assert_allclose(turns, turns[0], atol=1e-4)


def test_closed_walk():
    path = slerp_path(ENDS, frames=4, closed=True)
    assert path.shape == (12, 32)
    for leg, end in enumerate(ENDS):
        np.testing.assert_allclose(path[4 * leg], end, atol=1e-6)
    back = np.stack([ENDS[2], ENDS[0]])  # the last leg leads back, and stops one frame before the start
    np.testing.assert_allclose(path[8:], slerp_path(back, frames=5, closed=False)[:4], atol=1e-5)


@pytest.mark.parametrize("other", [-ENDS[0], np.zeros_like(ENDS[0]), 1e-9 * ENDS[1]])
def test_walk_to_opposite_and_zero_vectors(other):
    path = slerp_path(np.stack([ENDS[0], other]), frames=5, closed=False)
    np.testing.assert_allclose(path[[0, -1]], [ENDS[0], other], atol=1e-6)
    assert np.abs(path).max() <= 2 * np.abs(ENDS[0]).max()


def test_walk_to_the_same_point():
    path = slerp_path(np.stack([ENDS[0], ENDS[0]]), frames=3, closed=False)
    np.testing.assert_allclose(path, np.broadcast_to(ENDS[0], (3, 32)), atol=1e-5)


def test_large_images_are_computed_a_few_at_once():
    sizes = {(28, 28): 64, (128, 128): 64, (128, 160): 51, (256, 256): 16, (512, 512): 4, (8, 512): 64}
    assert {size: images_at_once(ImageShape(*size, 3)) for size in sizes} == sizes
    assert images_at_once(ImageShape(4096, 4096, 3)) == 1


def test_hint_for_names_with_spaces():
    with pytest.raises(WganError) as caught:
        parse_classes(["dog"], ("golden retriever", "poodle"))
    assert "--class 'golden retriever'" in caught.value.hint
