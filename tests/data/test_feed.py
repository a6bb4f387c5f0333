"""What the feed promises: every image once per epoch, an order that follows from the seed, exact resuming."""

from __future__ import annotations

import pytest
import torch

from wgan_cli.data import DeviceFeed, ImageSet

CPU = torch.device("cpu")


def numbered(count: int) -> ImageSet:
    """Image i is filled with the value i, and its label is i."""
    images = torch.arange(count, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 4, 4).contiguous()
    return ImageSet(images, torch.arange(count), tuple(str(i) for i in range(count)), "made up")


def feed_of(count: int, batch_size: int, seed: int = 0) -> DeviceFeed:
    return DeviceFeed(numbered(count), batch_size, seed, CPU)


def shown(feed: DeviceFeed, batches: int) -> list[int]:
    """The numbers of the next images."""
    return torch.cat([feed.next()[1] for _ in range(batches)]).tolist()


@pytest.mark.parametrize(("count", "batch_size"), [(12, 4), (12, 12), (12, 1)])
def test_each_epoch_shows_every_image_once(count, batch_size):
    feed = feed_of(count, batch_size)
    for _ in range(3):
        assert sorted(shown(feed, count // batch_size)) == list(range(count))


def test_a_rest_that_fills_no_batch_is_left_out_and_no_image_comes_twice():
    feed = feed_of(11, 4)
    first, second = shown(feed, 2), shown(feed, 2)
    assert len(set(first)) == len(set(second)) == 8
    assert feed.state_dict()["epoch"] == 1


def test_an_image_keeps_its_label():
    real, labels = feed_of(12, 12).next()
    assert torch.equal(((real[:, 0, 0, 0] + 1) * 127.5).round().long(), labels)


def test_the_order_follows_from_seed_and_epoch_alone():
    by_fours = shown(feed_of(12, 4), 6)
    torch.manual_seed(123)  # the global stream has no say
    by_ones = feed_of(12, 1)
    torch.rand(7)
    assert shown(by_ones, 24) == by_fours
    assert by_fours[:12] != by_fours[12:], "each epoch has an order of its own"
    assert shown(feed_of(12, 4, seed=1), 3) != by_fours[:12]


def test_values_reach_from_minus_one_to_one():
    images = torch.tensor([0, 255, 51], dtype=torch.uint8).view(3, 1, 1, 1).expand(3, 3, 2, 2)
    real, labels = DeviceFeed(ImageSet(images, torch.arange(3), ("a", "b", "c"), ""), 3, 0, CPU).next()
    assert real.dtype == torch.float32 and real.shape == (3, 3, 2, 2)
    assert labels.dtype == torch.int64 and labels.shape == (3,)
    by_label = real[labels.argsort()]
    assert by_label[0].eq(-1).all() and by_label[1].eq(1).all()
    assert torch.allclose(by_label[2], torch.tensor(-0.6))  # 51 is a fifth of 255


def test_a_batch_does_not_share_memory_with_the_set():
    feed = feed_of(4, 4)
    feed.next()[0].fill_(9.0)
    feed.next()[1].fill_(9)
    assert feed.next()[0].max() <= 1
    assert sorted(shown(feed, 1)) == [0, 1, 2, 3]


@pytest.mark.parametrize("before", [0, 1, 2, 3, 5, 8])
def test_resuming_shows_the_same_batches_as_not_stopping(before):
    feed = feed_of(11, 4, seed=5)
    for _ in range(before):
        feed.next()
    resumed = feed_of(11, 4, seed=5)
    resumed.load_state_dict(feed.state_dict())
    for _ in range(5):
        (real, labels), (real_again, labels_again) = feed.next(), resumed.next()
        assert torch.equal(real, real_again) and torch.equal(labels, labels_again)


def test_the_state_is_a_few_plain_numbers():
    assert all(type(value) is int for value in feed_of(11, 4).state_dict().values())


@pytest.mark.parametrize("count", [1, 3, 5])
def test_a_set_smaller_than_a_batch_is_repeated(count):
    feed = feed_of(count, 8)
    for _ in range(3):
        labels = shown(feed, 1)
        assert len(labels) == 8
        times = [labels.count(number) for number in range(count)]
        assert min(times) >= 8 // count and max(times) <= -(-8 // count)
