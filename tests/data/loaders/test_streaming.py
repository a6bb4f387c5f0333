"""A streamed feed is the resident one, bit by bit, however far it reads ahead and wherever it is stopped."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from wgan_cli.data import ImageSet
from wgan_cli.data.loaders.device import DeviceLoader
from wgan_cli.data.loaders.streaming import StreamingLoader
from wgan_cli.errors import ExitStatus, WganError

CPU = torch.device("cpu")
STREAMED = ("data.memory_limit=1KB",)


def noise(count: int = 23, size: int = 4, channels: int = 3) -> ImageSet:
    random = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, channels, size, size), generator=random, dtype=torch.uint8)
    return ImageSet(images, torch.arange(count), tuple(map(str, range(count))), "made up")


def mapped(dataset: ImageSet, path) -> ImageSet:
    """The same set with its images in a file, as a pack has them."""
    path.write_bytes(dataset.images.numpy().tobytes())
    pixels = np.memmap(path, np.uint8, mode="c", shape=tuple(dataset.images.shape))
    return replace(dataset, images=torch.from_numpy(pixels))


@pytest.fixture
def stream():
    """Makes streamed feeds, and ends their threads."""
    feeds = []

    def make(dataset: ImageSet, batch_size: int = 4, seed: int = 3, **options) -> StreamingLoader:
        feeds.append(StreamingLoader(dataset, batch_size, seed, CPU, **options))
        return feeds[-1]

    yield make
    for loader in feeds:
        loader.close()


def assert_same_batches(one, other, batches: int) -> None:
    for _ in range(batches):
        (real, labels), (real_again, labels_again) = one.next(), other.next()
        assert real.dtype == real_again.dtype == torch.float32
        assert torch.equal(real, real_again) and torch.equal(labels, labels_again)
        assert one.state_dict() == other.state_dict()


def feed_threads() -> int:
    return sum(thread.name.startswith("wgan-feed") for thread in threading.enumerate())


@pytest.mark.parametrize("batch_size", [1, 4, 23, 50])
@pytest.mark.parametrize("ahead", [1, 2, 30])
def test_both_feeds_give_the_same_batches(stream, batch_size, ahead):
    dataset = noise()
    resident = DeviceLoader(dataset, batch_size, 3, CPU)
    assert_same_batches(resident, stream(dataset, batch_size, ahead=ahead), 60 // batch_size + 5)


def test_a_set_in_a_file_gives_the_same_batches(stream, tmp_path):
    dataset = noise()
    assert_same_batches(DeviceLoader(dataset, 4, 3, CPU), stream(mapped(dataset, tmp_path / "images")), 20)


@pytest.mark.parametrize("before", range(13))
@pytest.mark.parametrize("ahead", [1, 5])
def test_either_feed_continues_the_other(stream, before, ahead):
    """What was read ahead is not taken: a state is the same from both, and serves both."""
    dataset = noise()
    resident, streamed = DeviceLoader(dataset, 4, 3, CPU), stream(dataset, ahead=ahead)
    for _ in range(before):
        resident.next(), streamed.next()
    again = stream(dataset, ahead=6 - ahead)
    again.next()  # its read-ahead is of no use any more
    again.load_state_dict(streamed.state_dict())
    resident_again = DeviceLoader(dataset, 4, 3, CPU)
    resident_again.load_state_dict(streamed.state_dict())
    assert resident.state_dict() == streamed.state_dict() == again.state_dict()
    assert_same_batches(resident, again, 8)
    assert_same_batches(resident_again, streamed, 8)


def test_batches_are_read_before_they_are_asked_for(stream, monkeypatch):
    loader = stream(noise(), ahead=3)
    read = []
    gather = loader._gather
    monkeypatch.setattr(loader, "_gather", lambda *place: (read.append(place), gather(*place))[1])
    loader.next()
    for _ in range(500):
        if len(read) == 4:
            break
        time.sleep(0.01)
    assert read == [(0, 0), (0, 4), (0, 8), (0, 12)], "the one that was taken, and three that wait"
    assert loader.state_dict() == {"epoch": 0, "cursor": 4}


def test_an_error_of_the_thread_comes_with_the_batch_that_it_spoilt(stream):
    dataset = noise()
    loader, resident = stream(dataset, ahead=8), DeviceLoader(dataset, 4, 3, CPU)
    gather = loader._gather

    def failing(epoch: int, start: int):
        if (epoch, start) == (0, 12):
            raise OSError(5, "Input/output error")
        return gather(epoch, start)

    loader._gather = failing
    assert_same_batches(resident, loader, 3)
    for _ in range(2):  # and again for whoever tries again
        with pytest.raises(WganError, match="cannot be read any more: .*Input/output error") as raised:
            loader.next()
        assert raised.value.status == ExitStatus.FAILED
        assert loader.state_dict() == {"epoch": 0, "cursor": 12}, "what was not had is not taken"
    loader._gather = gather
    assert_same_batches(resident, loader, 6)


def test_a_pack_of_fewer_images_than_labels_is_an_error_and_no_crash(stream):
    dataset = noise()
    loader = stream(dataset)
    loader._images = dataset.images[:5]
    with pytest.raises(WganError, match="cannot be read any more"):
        for _ in range(5):
            loader.next()


def test_closing_ends_the_thread_and_loses_nothing(stream):
    dataset, before = noise(), feed_threads()
    loader, resident = stream(dataset), DeviceLoader(dataset, 4, 3, CPU)
    assert_same_batches(resident, loader, 2)
    assert feed_threads() == before + 1
    loader.close()
    loader.close()
    assert feed_threads() == before
    assert_same_batches(resident, loader, 8)
    loader.close()
    assert feed_threads() == before


def test_a_feed_that_nobody_holds_ends_its_thread():
    before = feed_threads()
    loader = StreamingLoader(noise(), 4, 0, CPU)
    loader.next()
    thread = next(iter(loader._thread._threads))
    del loader
    thread.join(timeout=5)
    assert feed_threads() == before


def test_a_batch_is_the_takers_alone(stream):
    dataset = noise(4)
    before = dataset.images.clone()
    loader = stream(dataset)
    for _ in range(3):
        real, labels = loader.next()
        real.fill_(9.0)
        labels.fill_(9)
    assert torch.equal(dataset.images, before)
    assert loader.next()[0].max() <= 1
    assert dataset.labels.tolist() == [0, 1, 2, 3]


@pytest.mark.gpu
def test_both_feeds_agree_on_a_gpu(tmp_path):
    dataset, device = mapped(noise(500, 32), tmp_path / "images"), torch.device("cuda")
    streamed = StreamingLoader(dataset, 64, 3, device)
    try:
        assert_same_batches(DeviceLoader(dataset, 64, 3, device), streamed, 40)
        assert streamed.next()[0].device.type == "cuda"
    finally:
        streamed.close()


def test_training_from_a_stream_equals_training_from_memory(trainer):
    states = [trainer.prepared(trainer.recipe("steps=6", "data.limit=50", *limit)) for limit in ((), STREAMED)]
    assert [type(state.loader) for state in states] == [DeviceLoader, StreamingLoader]
    weights = []
    for state in states:
        torch.manual_seed(1)
        for step in range(6):
            state.engine(step)
        weights.append([p.detach().clone() for network in state.networks.values() for p in network.parameters()])
        state.loader.close()
    assert all(torch.equal(one, other) for one, other in zip(*weights, strict=True))
