"""Choice of the loader for a recipe's data."""

import torch
from torch import Tensor

from wgan_cli.data.dataset import ImageSet
from wgan_cli.data.loaders.device import DeviceLoader
from wgan_cli.data.loaders.loader import Loader
from wgan_cli.data.loaders.paired import PairedLoader
from wgan_cli.data.loaders.streaming import StreamingLoader
from wgan_cli.data.pairs import ImagePair
from wgan_cli.recipe.data_settings import DataSettings, PairSettings
from wgan_cli.recipe.decoding_types import parse_bytes
from wgan_cli.utils.format import format_bytes
from wgan_cli.utils.machine import free_memory
from wgan_cli.utils.seeds import derived_seed


def make_loader(
    dataset: ImageSet | ImagePair,
    settings: DataSettings | PairSettings,
    batch_size: int,
    seed: int,
    device: torch.device,
) -> Loader:
    """Return a loader for one image set or a pair of them.

    A set that fits `data.memory_limit` (default: half of the device's free memory) is kept on the device; larger sets
    and lazily decoded ones are streamed.
    """
    if isinstance(dataset, ImagePair):
        assert isinstance(settings, PairSettings)
        seed_b = derived_seed(seed, "side b")  # with the same seed, two sets of one size would stay in step
        return PairedLoader(
            make_loader(dataset.a, settings.a, batch_size, seed, device),
            make_loader(dataset.b, settings.b, batch_size, seed_b, device),
        )
    assert isinstance(settings, DataSettings)
    if not isinstance(dataset.images, Tensor):
        return StreamingLoader(dataset, batch_size, seed, device, placement="streamed: decoded on the fly")
    size = dataset.images.nbytes
    limit, source = free_memory(device), "half of the free memory"
    if settings.memory_limit is not None:
        limit, source = parse_bytes(settings.memory_limit), "data.memory_limit"
    elif limit is not None:
        limit //= 2  # networks and activations need the rest
    if limit is None or size <= limit:
        return DeviceLoader(dataset, batch_size, seed, device, f"{format_bytes(size)} kept on {device}")
    reason = f"streamed: {format_bytes(size)} exceed {source}, {format_bytes(limit)}"
    return StreamingLoader(dataset, batch_size, seed, device, placement=reason)
