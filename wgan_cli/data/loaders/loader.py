"""Interface of the loaders: endless batches of real images on the training device."""

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor


class Loader(ABC):
    """Endless batches in an order that depends on data, batch size and seed only; len() is the number of images."""

    batch_size: int  # images per batch of this process: its shard of the recipe's batch
    placement: str  # describes where the images are kept, and why
    capturable_batches: int  # most that a CUDA graph may `gather` in an iteration

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def next(self) -> tuple[Tensor, Tensor]:
        """Return the next batch: images (batch_size, C, H, W) float32 in [-1, 1] and labels (batch_size,) int64."""

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Return the position, a few numbers from which the order follows."""

    @abstractmethod
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue at the position of another loader, of any kind, with the same data, batch size and seed.

        Raises: ValueError, KeyError or TypeError if it isn't a valid position.
        """

    def start_epoch_after(self, state: dict[str, Any]) -> None:
        """Start the epoch after the position of another loader, whose data and batch size may differ."""
        self.load_state_dict({"epoch": state["epoch"] + 1, "cursor": 0})

    def close(self) -> None:  # noqa: B027  (most loaders have no threads)
        """Stop background threads. The loader can be used again."""

    # A CUDA graph's iteration: `stage` its batches, `gather` each in the graph, then `count_batches`.

    def stage(self, count: int) -> None:  # noqa: B027  (images that are on the device need no staging)
        """Have the next `count` batches ready on the device, at addresses that never change."""

    @abstractmethod
    def gather(self) -> tuple[Tensor, Tensor]:
        """Return the next staged batch like `next`, by operations on the device only."""

    @abstractmethod
    def count_batches(self, count: int) -> None:
        """Advance the host's position by the batches that `gather` has taken, all of those that were staged."""
