"""Which images of each batch this process computes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class BatchShard:
    """Every `of`-th image of a batch, from number `index` on.

    So two batches one after the other are shared like one of both, and the first half of a batch like a whole one.
    whole_norms: whether batch norm sees all shares together, or this one alone.
    reachable: whether the other shares are computed elsewhere at this moment, so that they can be asked.
    """

    index: int = 0
    of: int = 1
    whole_norms: bool = True
    reachable: bool = True

    def local(self, whole: Tensor, dim: int = 0) -> Tensor:
        """This share's rows of what was made for the whole batch."""
        if self.of == 1:
            return whole
        chosen = [slice(None)] * dim + [slice(self.index, None, self.of)]
        return whole[tuple(chosen)]


_current = BatchShard()


def current_shard() -> BatchShard:
    """This process's share at this moment."""
    return _current


@contextmanager
def use_shard(new: BatchShard) -> Iterator[None]:
    """Have another share for a while."""
    global _current
    before, _current = _current, new
    try:
        yield
    finally:
        _current = before


def set_shard(new: BatchShard) -> None:
    """Have another share from now on."""
    global _current
    _current = new
