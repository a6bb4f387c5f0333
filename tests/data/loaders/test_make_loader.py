"""Choice of the loader by memory."""

from __future__ import annotations

import pytest
import torch

from wgan_cli.data import ImageSet
from wgan_cli.data.loaders import make_loader as module
from wgan_cli.data.loaders.device import DeviceLoader
from wgan_cli.data.loaders.loader import Loader
from wgan_cli.data.loaders.streaming import StreamingLoader
from wgan_cli.recipe.data_settings import DataSettings

CPU = torch.device("cpu")


def made(limit: str | None, monkeypatch, free: int | None = 10**9) -> Loader:
    """Make a loader of 12 images of 16 bytes each."""
    monkeypatch.setattr(module, "free_memory", lambda device: free)
    images = ImageSet(torch.zeros(12, 1, 4, 4, dtype=torch.uint8), torch.arange(12), tuple("abcdefghijkl"), "test")
    return module.make_loader(images, DataSettings(memory_limit=limit), 4, 0, CPU)


def test_sixteen_bits_take_twice_the_memory():
    images = ImageSet(torch.zeros(12, 1, 4, 4, dtype=torch.int16), torch.zeros(12).long(), (), "test")
    loader = module.make_loader(images, DataSettings(memory_limit="384"), 4, 0, CPU)
    assert type(loader) is DeviceLoader and "384 bytes" in loader.placement
    assert type(module.make_loader(images, DataSettings(memory_limit="383"), 4, 0, CPU)) is StreamingLoader


@pytest.mark.parametrize(
    ("limit", "free", "kind", "placement"),
    [
        ("192", 0, DeviceLoader, "192 bytes kept on cpu"),
        ("191", 10**9, StreamingLoader, "192 bytes exceed data.memory_limit, 191 bytes"),
        ("1KB", 0, DeviceLoader, "192 bytes kept on cpu"),
        (None, 384, DeviceLoader, "192 bytes kept on cpu"),
        (None, 383, StreamingLoader, "192 bytes exceed half of the free memory"),
        (None, None, DeviceLoader, "192 bytes kept on cpu"),
    ],
)
def test_memory_limit_selects_the_loader(monkeypatch, limit, free, kind, placement):
    loader = made(limit, monkeypatch, free)
    assert type(loader) is kind and placement in loader.placement
    assert (len(loader), loader.batch_size) == (12, 4)
    labels = torch.cat([loader.next()[1] for _ in range(3)]).tolist()
    assert sorted(labels) == list(range(12))
    loader.close()
