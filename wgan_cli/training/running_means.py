"""Running means of loss terms, kept on the device."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from wgan_cli.distributed.batch_shard import current_shard
from wgan_cli.distributed.collectives import all_reduce_mean


class RunningMeans:
    """Means of named scalars: summed on the device without a wait, read with one synchronization.

    A sum keeps its place in memory, because a captured iteration adds to that place.
    """

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.counts: Counter[str] = Counter()

    def add(self, *terms: Mapping[str, Tensor]) -> None:
        """Add one value of each term: its mean over the given micro-batches."""
        known: list[tuple[Tensor, Tensor]] = []
        for name in terms[0]:
            values = [micro_batch[name].detach() for micro_batch in terms]
            value = values[0] if len(values) == 1 else torch.stack(values).mean()
            if name in self.sums:
                known.append((self.sums[name], value))
            else:
                self.sums[name] = value.clone()
            self.counts[name] += 1
        if known:
            torch._foreach_add_(*zip(*known, strict=True))  # type: ignore[attr-defined]

    @contextmanager
    def captured_counts(self) -> Iterator[Counter[str]]:
        """Yield the counts of the values added in the block, and don't count them: a capture adds nothing yet."""
        before, self.counts = self.counts, Counter()
        try:
            yield self.counts
        finally:
            self.counts = before

    def all_reduce(self) -> None:
        """Replace the sums by their means over all ranks."""
        if current_shard().count > 1 and self.sums:
            names = sorted(self.sums)
            means = all_reduce_mean(torch.stack([self.sums[name] for name in names]))
            for name, value in zip(names, means, strict=True):
                self.sums[name].copy_(value)

    def read(self, *others: Tensor) -> tuple[dict[str, float], list[float]]:
        """Return the mean of each term since the last reset, and other scalars, with one synchronization."""
        names = [name for name in self.sums if self.counts[name]]
        scalars = [*(self.sums[name] for name in names), *others]
        values: list[float] = torch.stack(scalars).tolist() if scalars else []
        means = {name: value / self.counts[name] for name, value in zip(names, values, strict=False)}
        return means, values[len(names) :]

    def reset(self) -> None:
        """Set all sums and counts to zero."""
        for value in self.sums.values():
            value.zero_()
        self.counts.clear()

    def state_dict(self) -> dict[str, Any]:
        """Return the sums and counts, so that a resumed run logs the same means as an uninterrupted one."""
        counts = {name: self.counts[name] for name in self.sums if self.counts[name]}
        return {"sums": {name: self.sums[name].clone() for name in counts}, "counts": counts}

    def load_state_dict(self, state: Mapping[str, Any], device: torch.device) -> None:
        """Continue from saved sums and counts."""
        self.reset()
        for name, value in state["sums"].items():
            self.sums.setdefault(name, torch.zeros((), device=device)).copy_(value)
        self.counts.update(state["counts"])
