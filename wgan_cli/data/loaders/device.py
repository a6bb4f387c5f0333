"""Loader that keeps the whole image set on the training device."""

import torch
from torch import Tensor

from wgan_cli.data.dataset import ImageSet
from wgan_cli.data.loaders.loader import Loader
from wgan_cli.data.loaders.sampler import Sampler
from wgan_cli.distributed.batch_shard import current_shard
from wgan_cli.utils.pixels import to_unit_range

MIN_BATCHES = 64  # of epochs whose order is written at once


class DeviceLoader(Loader):
    """Loader that keeps the images on the device as they are stored; a batch is one gather there.

    A CUDA graph can capture `gather`, also across the end of an epoch: the orders of the next epochs and the position
    among them are device buffers with fixed addresses. `order` is a ring of two halves of several epochs each. The host
    writes the next half as soon as the device starts to read the other one.
    """

    def __init__(
        self, dataset: ImageSet, batch_size: int, seed: int, device: torch.device, placement: str = ""
    ) -> None:
        assert isinstance(dataset.images, Tensor), "lazy images are streamed"
        shard = current_shard()
        self.images = dataset.images.to(device)  # (N, C, H, W) uint8 or int16
        self.labels = dataset.labels.to(device)  # (N,) int64
        self.global_batch_size = batch_size
        self.batch_size = batch_size // shard.count
        self.placement = placement
        self._sampler = Sampler(len(dataset), batch_size, seed)
        per_epoch = self._sampler.batches_per_epoch
        self._half = -(-MIN_BATCHES // per_epoch)  # epochs
        self.capturable_batches = self._half * per_epoch
        shape = (2, self._half, per_epoch * batch_size)
        self.order = torch.empty(shape, dtype=torch.int64, device=device)  # image indices
        self.position = torch.zeros((), dtype=torch.int64, device=device)  # in the flat order
        self._offsets = shard.local(torch.arange(batch_size, device=device))  # (batch_size,)
        self.load_state_dict({"epoch": 0, "cursor": 0})

    def __len__(self) -> int:
        return len(self.labels)

    def next(self) -> tuple[Tensor, Tensor]:
        batch = self.gather()
        self.count_batches(1)
        return batch

    def gather(self) -> tuple[Tensor, Tensor]:
        indices = self.order.view(-1).index_select(0, self._offsets + self.position)  # (batch_size,)
        self.position.add_(self.global_batch_size).remainder_(self.order.numel())
        # On a CPU, index_select is seven times as fast as images[indices].
        return to_unit_range(self.images.index_select(0, indices)), self.labels.index_select(0, indices)

    def count_batches(self, count: int) -> None:
        self.epoch, self.cursor = self._sampler.after_batches(self.epoch, self.cursor, count)
        self._write_ahead()

    def _write_ahead(self) -> None:
        """Write the next half of the ring once the position is in the last one that was written."""
        while self.epoch >= self._written - self._half:
            epochs = range(self._written, self._written + self._half)
            orders = torch.stack([self._sampler.epoch_order(epoch)[: self.order.shape[2]] for epoch in epochs])
            if self.order.is_cuda:
                orders = orders.pin_memory()  # copied without waiting for the batches in the device's queue
            self.order[self._written // self._half % 2].copy_(orders, non_blocking=self.order.is_cuda)
            self._written += self._half

    def state_dict(self) -> dict[str, int]:
        return {"epoch": self.epoch, "cursor": self.cursor}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.epoch, self.cursor = self._sampler.validated(state)
        self._written = self.epoch // self._half * self._half  # epochs before this one are not needed
        self._write_ahead()
        self.position.fill_(self.epoch % (2 * self._half) * self.order.shape[2] + self.cursor)
        self.position.remainder_(self.order.numel())
