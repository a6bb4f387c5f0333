"""The part of each batch that this process computes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class BatchShard:
    """Samples `index`, `index + count`, `index + 2 * count`... of each batch.

    `count` processes, or micro-batches of processes, compute one each. Interleaving makes the shard of two concatenated
    batches the concatenation of their shards.

    Attributes:
        sync_batch_norm: compute batch statistics over all shards instead of this one.
        connected: the other shards are computed at the same time by other processes, so that collectives work. False
            for micro-batches, which run one after the other.
    """

    index: int = 0
    count: int = 1
    sync_batch_norm: bool = True
    connected: bool = True

    def local(self, batch: Tensor, dim: int = 0) -> Tensor:
        """Return this shard's samples of a tensor made for the whole batch."""
        if self.count == 1:
            return batch
        return batch[(slice(None),) * dim + (slice(self.index, None, self.count),)]


_current = BatchShard()


def current_shard() -> BatchShard:
    """Return the shard computed now: this process's, one of its micro-batches', or all inside `broadcast_from_main`.

    For the number of processes see `process_group.world_size`.
    """
    return _current


def set_shard(shard: BatchShard) -> None:
    """Change the current shard."""
    global _current
    _current = shard


@contextmanager
def use_shard(shard: BatchShard) -> Iterator[None]:
    """Change the current shard inside the block."""
    before = current_shard()
    set_shard(shard)
    try:
        yield
    finally:
        set_shard(before)
