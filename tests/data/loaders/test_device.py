"""Device loader and sampler: epochs, order, exact resuming."""

from __future__ import annotations

import pytest
import torch

from wgan_cli.data import ImageSet
from wgan_cli.data.loaders.device import DeviceLoader

CPU = torch.device("cpu")


def numbered(count: int) -> ImageSet:
    """Image i is filled with the value i, and its label is i."""
    images = torch.arange(count, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 4, 4).contiguous()
    return ImageSet(images, torch.arange(count), tuple(str(i) for i in range(count)), "test")


def loader_of(count: int, batch_size: int, seed: int = 0) -> DeviceLoader:
    return DeviceLoader(numbered(count), batch_size, seed, CPU)


def take(loader: DeviceLoader, batches: int) -> list[int]:
    """Return the labels of the next images."""
    return torch.cat([loader.next()[1] for _ in range(batches)]).tolist()


@pytest.mark.parametrize(("count", "batch_size"), [(12, 4), (12, 12), (12, 1)])
def test_epoch_shows_every_image_once(count, batch_size):
    loader = loader_of(count, batch_size)
    for _ in range(3):
        assert sorted(take(loader, count // batch_size)) == list(range(count))


def test_incomplete_batch_is_dropped():
    loader = loader_of(11, 4)
    first, second = take(loader, 2), take(loader, 2)
    assert len(set(first)) == len(set(second)) == 8
    assert loader.state_dict()["epoch"] == 1


def test_order_depends_on_seed_and_epoch_only():
    by_fours = take(loader_of(12, 4), 6)
    torch.manual_seed(123)
    by_ones = loader_of(12, 1)
    torch.rand(7)
    assert take(by_ones, 24) == by_fours
    assert by_fours[:12] != by_fours[12:]
    assert take(loader_of(12, 4, seed=1), 3) != by_fours[:12]


def test_range_and_types():
    images = torch.tensor([0, 255, 51], dtype=torch.uint8).view(3, 1, 1, 1).expand(3, 3, 2, 2)
    real, labels = DeviceLoader(ImageSet(images, torch.arange(3), ("a", "b", "c"), ""), 3, 0, CPU).next()
    assert real.dtype == torch.float32 and real.shape == (3, 3, 2, 2)
    assert labels.dtype == torch.int64 and labels.shape == (3,)
    by_label = real[labels.argsort()]
    assert by_label[0].eq(-1).all() and by_label[1].eq(1).all()
    assert torch.allclose(by_label[2], torch.tensor(-0.6))  # 51 is a fifth of 255


def test_only_pinned_memory_is_copied_without_waiting(monkeypatch):
    """Elsewhere the order of an epoch is freed before an MPS device has read it."""
    waits, copy = [], torch.Tensor.copy_

    def recorded(tensor: torch.Tensor, source: torch.Tensor, non_blocking: bool = False) -> torch.Tensor:
        waits.append(not non_blocking or source.is_pinned())
        return copy(tensor, source, non_blocking)

    monkeypatch.setattr(torch.Tensor, "copy_", recorded)
    loader_of(12, 4)
    assert waits and all(waits)


def test_batches_do_not_share_memory():
    loader = loader_of(4, 4)
    loader.next()[0].fill_(9.0)
    loader.next()[1].fill_(9)
    assert loader.next()[0].max() <= 1
    assert sorted(take(loader, 1)) == [0, 1, 2, 3]


@pytest.mark.parametrize("count", [1, 3, 5])
def test_small_sets_are_repeated(count):
    loader = loader_of(count, 8)
    for _ in range(3):
        labels = take(loader, 1)
        assert len(labels) == 8
        times = [labels.count(number) for number in range(count)]
        assert min(times) >= 8 // count and max(times) <= -(-8 // count)


def addresses(loader: DeviceLoader) -> list[int]:
    return [buffer.data_ptr() for buffer in (loader.images, loader.labels, loader.order, loader.position)]


def test_buffers_keep_their_addresses():
    loader = loader_of(10, 4)
    before = addresses(loader)
    for _ in range(7):
        loader.next()
    loader.load_state_dict({"epoch": 5, "cursor": 4})
    loader.next()
    assert addresses(loader) == before


@pytest.mark.gpu
def test_gather_in_a_cuda_graph():
    device = torch.device("cuda")
    captured, eager = (DeviceLoader(numbered(10), 4, seed=1, device=device) for _ in range(2))
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        captured.gather()  # warm-up
    torch.cuda.synchronize()
    captured.load_state_dict({"epoch": 0, "cursor": 0})
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        images, labels = captured.gather()
    captured.load_state_dict({"epoch": 0, "cursor": 0})
    for _ in range(300):
        graph.replay()
        captured.count_batches(1)
        real, expected = eager.next()
        assert torch.equal(images, real) and torch.equal(labels, expected)
