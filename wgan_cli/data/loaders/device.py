"""Loader that keeps the whole image set on the training device."""

import torch
from torch import Tensor

from wgan_cli.data.dataset import ImageSet
from wgan_cli.data.loaders.loader import Loader
from wgan_cli.data.loaders.sampler import Sampler
from wgan_cli.distributed.batch_shard import current_shard
from wgan_cli.utils.pixels import to_unit_range


class DeviceLoader(Loader):
    """Loader that keeps the images on the device as they are stored; a batch is one gather there.

    The epoch's order and the position in it are device buffers with fixed addresses, so a CUDA graph can capture
    `gather`; before each replay, the host calls `advance`.
    """

    def __init__(
        self, dataset: ImageSet, batch_size: int, seed: int, device: torch.device, placement: str = ""
    ) -> None:
        assert isinstance(dataset.images, Tensor), "lazy images are streamed"
        shard = current_shard()
        self.images = dataset.images.to(device)  # (N, C, H, W) uint8 or int16
        self.labels = dataset.labels.to(device)  # (N,) int64
        self.global_batch_size = batch_size
        self.batch_size = batch_size // shard.world_size
        self.placement = placement
        self._sampler = Sampler(len(dataset), batch_size, seed)
        self.order = self._sampler.epoch_order(0).to(device)  # (L,) int64
        self.position = torch.zeros((), dtype=torch.int64, device=device)
        self._offsets = shard.local(torch.arange(batch_size, device=device))  # (batch_size,)
        self.epoch, self.cursor = 0, 0
        self.capturable_batches = len(self.order) // batch_size

    def __len__(self) -> int:
        return len(self.labels)

    def next(self) -> tuple[Tensor, Tensor]:
        self.advance()
        return self.gather()

    def advance(self) -> None:
        """Count the batch that `gather` takes next; start a new epoch if this one has no complete batch left."""
        epoch, start = self._sampler.next_batch(self.epoch, self.cursor)
        if epoch != self.epoch:
            self.load_state_dict({"epoch": epoch, "cursor": start})
        self.cursor = start + self.global_batch_size

    def gather(self) -> tuple[Tensor, Tensor]:
        indices = self.order.index_select(0, self._offsets + self.position)  # (batch_size,)
        self.position += self.global_batch_size
        # On a CPU, index_select is seven times as fast as images[indices].
        return to_unit_range(self.images.index_select(0, indices)), self.labels.index_select(0, indices)

    def has_batches(self, count: int) -> bool:
        return self.cursor + count * self.global_batch_size <= len(self.order)

    def count_batches(self, count: int) -> None:
        self.cursor += count * self.global_batch_size

    def state_dict(self) -> dict[str, int]:
        return {"epoch": self.epoch, "cursor": self.cursor}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.epoch, self.cursor = self._sampler.validated(state)
        self.order.copy_(self._sampler.epoch_order(self.epoch))
        self.position.fill_(self.cursor)
