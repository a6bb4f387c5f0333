"""What the feed promises: every image once per epoch, an order that follows from the seed, exact resuming."""

from __future__ import annotations

import pytest
import torch

from wgan_cli.data import ImageSet
from wgan_cli.data.loaders import device as feed_module
from wgan_cli.data.loaders.device import DeviceLoader, make_feed
from wgan_cli.data.loaders.streaming import StreamingLoader
from wgan_cli.recipe.data_settings import DataSettings

CPU = torch.device("cpu")


def numbered(count: int) -> ImageSet:
    """Image i is filled with the value i, and its label is i."""
    images = torch.arange(count, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 4, 4).contiguous()
    return ImageSet(images, torch.arange(count), tuple(str(i) for i in range(count)), "made up")


def make_loader(count: int, batch_size: int, seed: int = 0) -> DeviceLoader:
    return DeviceLoader(numbered(count), batch_size, seed, CPU)


def shown(loader: DeviceLoader, batches: int) -> list[int]:
    """The numbers of the next images."""
    return torch.cat([loader.next()[1] for _ in range(batches)]).tolist()


@pytest.mark.parametrize(("count", "batch_size"), [(12, 4), (12, 12), (12, 1)])
def test_each_epoch_shows_every_image_once(count, batch_size):
    loader = make_loader(count, batch_size)
    for _ in range(3):
        assert sorted(shown(loader, count // batch_size)) == list(range(count))


def test_a_rest_that_fills_no_batch_is_left_out_and_no_image_comes_twice():
    loader = make_loader(11, 4)
    first, second = shown(loader, 2), shown(loader, 2)
    assert len(set(first)) == len(set(second)) == 8
    assert loader.state_dict()["epoch"] == 1


def test_an_image_keeps_its_label():
    real, labels = make_loader(12, 12).next()
    assert torch.equal(((real[:, 0, 0, 0] + 1) * 127.5).round().long(), labels)


def test_the_order_follows_from_seed_and_epoch_alone():
    by_fours = shown(make_loader(12, 4), 6)
    torch.manual_seed(123)  # the global stream has no say
    by_ones = make_loader(12, 1)
    torch.rand(7)
    assert shown(by_ones, 24) == by_fours
    assert by_fours[:12] != by_fours[12:], "each epoch has an order of its own"
    assert shown(make_loader(12, 4, seed=1), 3) != by_fours[:12]


def test_values_reach_from_minus_one_to_one():
    images = torch.tensor([0, 255, 51], dtype=torch.uint8).view(3, 1, 1, 1).expand(3, 3, 2, 2)
    real, labels = DeviceLoader(ImageSet(images, torch.arange(3), ("a", "b", "c"), ""), 3, 0, CPU).next()
    assert real.dtype == torch.float32 and real.shape == (3, 3, 2, 2)
    assert labels.dtype == torch.int64 and labels.shape == (3,)
    by_label = real[labels.argsort()]
    assert by_label[0].eq(-1).all() and by_label[1].eq(1).all()
    assert torch.allclose(by_label[2], torch.tensor(-0.6))  # 51 is a fifth of 255


def test_a_batch_does_not_share_memory_with_the_set():
    loader = make_loader(4, 4)
    loader.next()[0].fill_(9.0)
    loader.next()[1].fill_(9)
    assert loader.next()[0].max() <= 1
    assert sorted(shown(loader, 1)) == [0, 1, 2, 3]


@pytest.mark.parametrize("before", [0, 1, 2, 3, 5, 8])
def test_resuming_shows_the_same_batches_as_not_stopping(before):
    loader = make_loader(11, 4, seed=5)
    for _ in range(before):
        loader.next()
    resumed = make_loader(11, 4, seed=5)
    resumed.load_state_dict(loader.state_dict())
    for _ in range(5):
        (real, labels), (real_again, labels_again) = loader.next(), resumed.next()
        assert torch.equal(real, real_again) and torch.equal(labels, labels_again)


def test_the_state_is_a_few_plain_numbers():
    assert all(type(value) is int for value in make_loader(11, 4).state_dict().values())


@pytest.mark.parametrize("count", [1, 3, 5])
def test_a_set_smaller_than_a_batch_is_repeated(count):
    loader = make_loader(count, 8)
    for _ in range(3):
        labels = shown(loader, 1)
        assert len(labels) == 8
        times = [labels.count(number) for number in range(count)]
        assert min(times) >= 8 // count and max(times) <= -(-8 // count)


def made(limit: str | None, free: int | None = 10**9, monkeypatch=None):
    """The feed of 12 images of 16 bytes each."""
    if monkeypatch is not None:
        monkeypatch.setattr(feed_module, "free_memory", lambda device: free)
    return make_feed(numbered(12), DataSettings(memory_limit=limit), 4, 0, CPU)


@pytest.mark.parametrize(
    ("limit", "kind"), [("192", DeviceLoader), ("191", StreamingLoader), ("1KB", DeviceLoader), (None, DeviceLoader)]
)
def test_the_memory_limit_decides_which_feed_serves(limit, kind):
    loader = made(limit)
    assert type(loader) is kind
    assert (len(loader), loader.batch_size) == (12, 4)
    assert shown(loader, 3) == shown(make_loader(12, 4), 3)
    loader.close()


@pytest.mark.parametrize(("free", "kind"), [(384, DeviceLoader), (383, StreamingLoader), (None, DeviceLoader)])
def test_without_a_limit_half_of_what_is_free_may_be_used(monkeypatch, free, kind):
    assert type(made(None, free, monkeypatch)) is kind


def test_a_feed_says_what_became_of_the_images(monkeypatch):
    assert made("1KB").why == "192 bytes kept on cpu"
    assert made("100").why == "streamed: 192 bytes are more than data.memory_limit, 100 bytes"
    assert "half of the free memory" in made(None, 100, monkeypatch).why


def addresses(loader: DeviceLoader) -> list[int]:
    return [buffer.data_ptr() for buffer in (loader.images, loader.labels, loader.order, loader.place)]


def test_buffers_keep_their_addresses_over_epochs_and_resumes():
    loader = DeviceLoader(numbered(10), 4, seed=1, device=CPU)
    before = addresses(loader)
    for _ in range(7):
        loader.next()
    loader.load_state_dict({"epoch": 5, "cursor": 4})
    loader.next()
    assert addresses(loader) == before


@pytest.mark.gpu
def test_gathering_can_be_captured_into_a_graph():
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
    for _ in range(7):
        captured.turn_page()
        graph.replay()
        real, wanted = eager.next()
        assert torch.equal(images, real) and torch.equal(labels, wanted)
