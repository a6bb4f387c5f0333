"""Loader for image sets that stay in files or host memory; prefetches batches in a thread."""

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import Tensor

from wgan_cli.data.dataset import ImageSet
from wgan_cli.data.loaders.loader import Loader
from wgan_cli.data.loaders.sampler import Sampler
from wgan_cli.distributed.batch_shard import current_shard
from wgan_cli.errors import ExitStatus, WganError
from wgan_cli.utils.pixels import to_unit_range

PREFETCH = 4  # batches; enough to bridge a slow read, and little memory
MAX_STAGED = 64  # batches; far more than an iteration takes, and little memory


class StreamingLoader(Loader):
    """Loader that gathers a few batches ahead in a thread and copies each to the device when it is taken.

    Its batches equal DeviceLoader's bit for bit. Prefetched batches don't count for its state. A CUDA graph reads the
    batches of an iteration from buffers on the device, into which `stage` copies them before each replay.
    """

    capturable_batches = MAX_STAGED

    def __init__(
        self, dataset: ImageSet, batch_size: int, seed: int, device: torch.device, placement: str = ""
    ) -> None:
        self.global_batch_size = batch_size
        self._shard = current_shard()
        self.batch_size = batch_size // self._shard.count
        self.placement = placement
        self._images = dataset.images  # (N, C, H, W) uint8 or int16
        self._labels = dataset.labels  # (N,) int64
        self._device = device
        self._pin_memory = device.type == "cuda"  # without it, a copy that isn't waited for may read freed memory (MPS)
        self._sampler = Sampler(len(dataset), batch_size, seed)
        self._epoch_order: tuple[int, Tensor] = (-1, torch.empty(0))  # used by the thread only
        self._prefetch = PREFETCH
        self._pending: deque[tuple[int, int, Future[tuple[Tensor, Tensor]]]] = deque()  # epoch, end, batch
        self._thread: ThreadPoolExecutor | None = None
        self._staged: list[tuple[Tensor, Tensor]] = []  # pixels and labels on the device
        self._gathered = 0  # of them
        self.load_state_dict({"epoch": 0, "cursor": 0})

    def __len__(self) -> int:
        return len(self._labels)

    def next(self) -> tuple[Tensor, Tensor]:
        """Return the next batch, as `Loader.next`. Raises: WganError (status FAILED) if images can't be read."""
        pixels, labels = (part.to(self._device, non_blocking=self._pin_memory) for part in self._take())
        return to_unit_range(pixels), labels

    def stage(self, count: int) -> None:
        """Copy the next batches into the buffers. Raises: as `next`."""
        self._prefetch = max(self._prefetch, count)
        while len(self._staged) < count:
            shape, dtype = (self.batch_size, *self._images.shape[1:]), self._images.dtype
            pixels = torch.empty(shape, dtype=dtype, device=self._device)
            self._staged.append((pixels, torch.empty(self.batch_size, dtype=torch.int64, device=self._device)))
        for buffers in self._staged[:count]:
            for buffer, values in zip(buffers, self._take(), strict=True):
                buffer.copy_(values, non_blocking=self._pin_memory)
        self._gathered = 0

    def gather(self) -> tuple[Tensor, Tensor]:
        pixels, labels = self._staged[self._gathered]
        self._gathered += 1
        return to_unit_range(pixels), labels.clone()

    def count_batches(self, count: int) -> None:
        """Do nothing: `stage` has counted them."""

    def _take(self) -> tuple[Tensor, Tensor]:
        """Return the next batch in host memory."""
        self._fill_queue()
        epoch, end, batch = self._pending[0]
        try:
            pixels, labels = batch.result()
        except Exception as error:
            self._clear_queue()  # the next call reads again
            if isinstance(error, WganError):
                raise
            raise WganError(
                f"the images can no longer be read: {error}",
                "check the disk and the data folder, then continue with --resume",
                ExitStatus.FAILED,
            ) from error
        self._pending.popleft()
        self._taken = (epoch, end)
        self._fill_queue()  # the thread works while this batch is used
        return pixels, labels

    def state_dict(self) -> dict[str, int]:
        return {"epoch": self._taken[0], "cursor": self._taken[1]}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self._clear_queue()
        self._taken = self._sampler.validated(state)

    def close(self) -> None:
        self._clear_queue()
        if self._thread is not None:
            self._thread.shutdown(cancel_futures=True)
            self._thread = None

    def _clear_queue(self) -> None:
        for _, _, batch in self._pending:
            batch.cancel()
        self._pending.clear()

    def _fill_queue(self) -> None:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="wgan-loader")
        while len(self._pending) < self._prefetch:
            epoch, cursor = self._pending[-1][:2] if self._pending else self._taken
            epoch, start = self._sampler.next_batch(epoch, cursor)
            batch = self._thread.submit(self._gather_on_host, epoch, start)
            self._pending.append((epoch, start + self.global_batch_size, batch))

    def _gather_on_host(self, epoch: int, start: int) -> tuple[Tensor, Tensor]:
        """Return a batch's pixels (batch_size, C, H, W) and labels in host memory. Runs in the thread."""
        if self._epoch_order[0] != epoch:
            self._epoch_order = (epoch, self._sampler.epoch_order(epoch))
        indices = self._shard.local(self._epoch_order[1][start : start + self.global_batch_size])
        shape, dtype = self._images.shape[1:], self._images.dtype
        pixels = torch.empty(len(indices), *shape, dtype=dtype, pin_memory=self._pin_memory)
        if isinstance(self._images, Tensor):
            torch.index_select(self._images, 0, indices, out=pixels)
        else:
            self._images.read_into(pixels, indices)
        labels = self._labels.index_select(0, indices)
        return pixels, labels.pin_memory() if self._pin_memory else labels
