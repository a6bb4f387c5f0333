"""Batches of a set that stays where it is, in files or in the host's memory, gathered before they are asked for."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import Tensor

from wgan_cli.data.dataset import ImageSet
from wgan_cli.data.loaders.sampler import DataOrder, to_unit_range
from wgan_cli.distributed.batch_shard import current_shard
from wgan_cli.errors import ExitStatus, WganError

AHEAD = 4  # batches; enough to bridge a slow read, and small beside anything that has to be streamed


class StreamingLoader:
    """Gathers batches in a thread of its own, a few ahead, and sends them to the device as they are taken.

    Same batches as DeviceFeed, bit by bit. Where it stands is what was taken from it; what was read ahead has no say.

    Args:
        ahead: batches that wait at most.
    """

    batches_captured = 0

    def __init__(
        self, dataset: ImageSet, batch_size: int, seed: int, device: torch.device, ahead: int = AHEAD, why: str = ""
    ) -> None:
        self.whole_batch = batch_size
        self._mine = current_shard()
        self.batch_size = batch_size // self._mine.world_size
        self.why = why
        self._images = dataset.images  # (N, C, H, W) uint8
        self._labels = dataset.labels  # (N,) int64
        self._device = device
        self._pinned = device.type == "cuda"  # only from pinned memory does a copy not hold up the host
        self._order = DataOrder(len(dataset), batch_size, seed)
        self._epoch_order: tuple[int, Tensor] = (-1, torch.empty(0))  # the thread's alone
        self._ahead = max(1, ahead)
        self._waiting: deque[tuple[int, int, Future]] = deque()  # epoch, first place, images and labels to be
        self._thread: ThreadPoolExecutor | None = None
        self.load_state_dict({"epoch": 0, "cursor": 0})

    def __len__(self) -> int:
        return len(self._labels)

    def next(self) -> tuple[Tensor, Tensor]:
        """The next batch: images (batch_size, C, H, W) float32 in [-1, 1] and labels (batch_size,) int64.

        Raises: WganError (status FAILED) where the images cannot be read any more.
        """
        self._read_ahead()
        epoch, start, gathered = self._waiting[0]
        try:
            pixels, labels = gathered.result()
        except Exception as error:
            self._forget()  # so that a next try reads anew
            if isinstance(error, WganError):  # which knows better what to do
                raise
            raise WganError(
                f"the images cannot be read any more: {error}",
                "check the disk and the folder with the data, then continue with --resume",
                ExitStatus.FAILED,
            ) from error
        self._waiting.popleft()
        self._taken = (epoch, start + self.whole_batch)
        self._read_ahead()  # the thread goes on while this batch is used
        return to_unit_range(pixels.to(self._device, non_blocking=True)), labels.to(self._device, non_blocking=True)

    def gather(self) -> tuple[Tensor, Tensor]:
        """Raise: the host takes part in every batch."""
        raise NotImplementedError("streamed batches cannot be captured")

    def has_batches(self, count: int) -> bool:
        """Return False: no batch can be captured."""
        return False

    def count_batches(self, count: int) -> None:
        """Raise, as `gather` does."""
        raise NotImplementedError("streamed batches cannot be captured")

    def state_dict(self) -> dict[str, int]:
        """Where the feed stands: a few numbers, for the order follows from them."""
        return {"epoch": self._taken[0], "cursor": self._taken[1]}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go to where another feed of the same data and seed stood."""
        self._forget()
        self._taken = self._order.check_place(state)

    def close(self) -> None:
        """End the thread; taking another batch starts a new one."""
        self._forget()
        if self._thread is not None:
            self._thread.shutdown(cancel_futures=True)
            self._thread = None

    def _forget(self) -> None:
        for _, _, gathered in self._waiting:
            gathered.cancel()
        self._waiting.clear()

    def _read_ahead(self) -> None:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="wgan-feed")
        while len(self._waiting) < self._ahead:
            epoch, shown = self._taken
            if self._waiting:
                epoch, start, _ = self._waiting[-1]
                shown = start + self.whole_batch
            epoch, start = self._order.batch_from(epoch, shown)
            self._waiting.append((epoch, start, self._thread.submit(self._gather, epoch, start)))

    def _gather(self, epoch: int, start: int) -> tuple[Tensor, Tensor]:
        """In the thread: one batch's pixels (batch_size, C, H, W) uint8 and labels, in host memory."""
        if self._epoch_order[0] != epoch:
            self._epoch_order = (epoch, self._order.of_epoch(epoch))
        chosen = self._mine.local(self._epoch_order[1][start : start + self.whole_batch])
        pixels = torch.empty(len(chosen), *self._images.shape[1:], dtype=torch.uint8, pin_memory=self._pinned)
        if isinstance(self._images, Tensor):
            torch.index_select(self._images, 0, chosen, out=pixels)
        else:
            self._images.read_into(pixels, chosen)
        labels = self._labels.index_select(0, chosen)
        return pixels, labels.pin_memory() if self._pinned else labels
