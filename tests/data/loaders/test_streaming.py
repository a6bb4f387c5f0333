"""Streaming loader: equal to the device loader bit for bit, however far it prefetches."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

from wgan_cli.data import ImageSet
from wgan_cli.data.loaders.device import DeviceLoader
from wgan_cli.data.loaders.streaming import PREFETCH, StreamingLoader
from wgan_cli.errors import ExitStatus, WganError

CPU = torch.device("cpu")


def noise(count: int = 23, size: int = 4, channels: int = 3) -> ImageSet:
    random = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, channels, size, size), generator=random, dtype=torch.uint8)
    return ImageSet(images, torch.arange(count), tuple(map(str, range(count))), "test")


def mapped(dataset: ImageSet, path) -> ImageSet:
    """Return the same set, memory-mapped from a file."""
    path.write_bytes(dataset.images.numpy().tobytes())
    pixels = np.memmap(path, np.uint8, mode="c", shape=tuple(dataset.images.shape))
    return replace(dataset, images=torch.from_numpy(pixels))


@pytest.fixture
def stream():
    """Make streaming loaders, closed after the test."""
    loaders = []

    def make(dataset: ImageSet, batch_size: int = 4, prefetch: int = PREFETCH) -> StreamingLoader:
        loaders.append(StreamingLoader(dataset, batch_size, 3, CPU))
        loaders[-1]._prefetch = prefetch
        return loaders[-1]

    yield make
    for loader in loaders:
        loader.close()


def resident(dataset: ImageSet, batch_size: int = 4) -> DeviceLoader:
    return DeviceLoader(dataset, batch_size, 3, CPU)


def assert_same_batches(one, other, batches: int) -> None:
    for _ in range(batches):
        (real, labels), (real_again, labels_again) = one.next(), other.next()
        assert real.dtype == real_again.dtype == torch.float32
        assert torch.equal(real, real_again) and torch.equal(labels, labels_again)
        assert one.state_dict() == other.state_dict()


def loader_threads() -> int:
    return sum(thread.name.startswith("wgan-loader") for thread in threading.enumerate())


@pytest.mark.parametrize("batch_size", [1, 4, 23, 50])
@pytest.mark.parametrize("prefetch", [1, 30])
def test_equal_to_the_device_loader(stream, tmp_path, batch_size, prefetch):
    dataset = noise()
    streamed = stream(mapped(dataset, tmp_path / "images"), batch_size, prefetch=prefetch)
    assert_same_batches(resident(dataset, batch_size), streamed, 60 // batch_size + 5)


@pytest.mark.parametrize("before", [0, 1, 4, 5, 6, 12])
@pytest.mark.parametrize("prefetch", [1, 5])
def test_either_loader_resumes_the_other(stream, before, prefetch):
    dataset = noise()
    kept, streamed = resident(dataset), stream(dataset, prefetch=prefetch)
    for _ in range(before):
        kept.next(), streamed.next()
    again = stream(dataset, prefetch=6 - prefetch)
    again.next()  # its prefetched batches are discarded
    again.load_state_dict(streamed.state_dict())
    kept_again = resident(dataset)
    kept_again.load_state_dict(streamed.state_dict())
    assert kept.state_dict() == streamed.state_dict() == again.state_dict()
    assert_same_batches(kept, again, 8)
    assert_same_batches(kept_again, streamed, 8)


def test_prefetching(stream, monkeypatch):
    loader = stream(noise(), prefetch=3)
    read = []
    gather = loader._gather_on_host
    monkeypatch.setattr(loader, "_gather_on_host", lambda *place: (read.append(place), gather(*place))[1])
    loader.next()
    loader._thread.submit(lambda: None).result(timeout=5)  # runs after everything that was requested
    assert read == [(0, 0), (0, 4), (0, 8), (0, 12)]
    assert loader.state_dict() == {"epoch": 0, "cursor": 4}


def test_read_error_is_raised_with_its_batch(stream):
    dataset = noise()
    loader, kept = stream(dataset, prefetch=8), resident(dataset)
    gather = loader._gather_on_host

    def failing(epoch: int, start: int):
        if (epoch, start) == (0, 12):
            raise OSError(5, "Input/output error")
        return gather(epoch, start)

    loader._gather_on_host = failing
    assert_same_batches(kept, loader, 3)
    for _ in range(2):
        with pytest.raises(WganError, match="can no longer be read: .*Input/output error") as raised:
            loader.next()
        assert raised.value.status == ExitStatus.FAILED
        assert loader.state_dict() == {"epoch": 0, "cursor": 12}
    loader._gather_on_host = gather
    assert_same_batches(kept, loader, 6)


def test_close_stops_the_thread_and_loses_nothing(stream):
    dataset, before = noise(), loader_threads()
    loader, kept = stream(dataset), resident(dataset)
    assert_same_batches(kept, loader, 2)
    assert loader_threads() == before + 1
    loader.close()
    loader.close()
    assert loader_threads() == before
    assert_same_batches(kept, loader, 8)


def test_deleted_loader_stops_its_thread():
    before = loader_threads()
    loader = StreamingLoader(noise(), 4, 0, CPU)
    loader.next()
    thread = next(iter(loader._thread._threads))
    del loader
    thread.join(timeout=5)
    assert loader_threads() == before


def test_batches_do_not_share_memory(stream):
    dataset = noise(4)
    before = dataset.images.clone()
    loader = stream(dataset)
    for _ in range(3):
        real, labels = loader.next()
        real.fill_(9.0)
        labels.fill_(9)
    assert torch.equal(dataset.images, before) and dataset.labels.tolist() == [0, 1, 2, 3]
    assert loader.next()[0].max() <= 1


def test_staged_batches_equal_the_next_ones(stream):
    """Several at a time, in buffers that a graph can read: they never move."""
    staged, plain = stream(noise()), stream(noise())
    addresses = []
    for count in (3, 3, 2):
        staged.stage(count)
        addresses.append([pixels.data_ptr() for pixels, _ in staged._staged])
        for _ in range(count):
            (images, labels), expected = staged.gather(), plain.next()
            assert torch.equal(images, expected[0]) and torch.equal(labels, expected[1])
        assert staged.state_dict() == plain.state_dict()
    assert addresses[0] == addresses[1] == addresses[2]


@pytest.mark.gpu
def test_equal_on_a_gpu(tmp_path):
    dataset, device = mapped(noise(500, 32), tmp_path / "images"), torch.device("cuda")
    streamed = StreamingLoader(dataset, 64, 3, device)
    try:
        assert_same_batches(DeviceLoader(dataset, 64, 3, device), streamed, 40)
        assert streamed.next()[0].device.type == "cuda"
    finally:
        streamed.close()


def test_only_pinned_memory_is_copied_without_waiting(stream, monkeypatch):
    """A batch is freed when the next one is taken, perhaps before an MPS device has read it."""
    waits, to, copy = [], torch.Tensor.to, torch.Tensor.copy_

    def recorded(call, *words: object, non_blocking: bool = False, **options: object) -> torch.Tensor:
        waits.append(not non_blocking)
        return call(*words, non_blocking=non_blocking, **options)

    loader = stream(noise())
    monkeypatch.setattr(torch.Tensor, "to", lambda *words, **options: recorded(to, *words, **options))
    monkeypatch.setattr(torch.Tensor, "copy_", lambda *words, **options: recorded(copy, *words, **options))
    loader.next()
    loader.stage(2)
    assert len(waits) >= 6 and all(waits)
