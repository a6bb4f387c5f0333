"""Who looks on while a run trains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


class Callback:
    """Is told what happens in a run, and does nothing about it: override what you want to know of.

    Everything is called between two steps, in the process that trains; what an override raises ends the run.
    """

    def on_step(self, step: int) -> None:
        """After each step, a generator update; the first is 1."""

    def on_log(self, record: dict[str, Any]) -> None:
        """Of each line of metrics.jsonl: `step`, `kimg`, `seconds`, each loss term by name, and scores."""

    def on_message(self, text: str) -> None:
        """In words: where the data came from, how good or how odd a result is."""

    def on_samples(self, images: Tensor, columns: int) -> None:
        """Of each sample grid: its images (N, C, H, W) uint8 on the CPU, row by row, `columns` in a row."""
