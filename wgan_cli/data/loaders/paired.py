"""Loader for image pairs: two sides, each in its own order."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from wgan_cli.data.loaders.loader import Loader


class PairedLoader(Loader):
    """Loaders of two sides combined. An epoch of a side ends when its own images have been shown.

    Batches are images (batch_size, 2, C, H, W) and labels (batch_size, 2).
    """

    def __init__(self, a: Loader, b: Loader) -> None:
        self.sides = {"a": a, "b": b}
        self.batch_size = a.batch_size
        self.placement = "; ".join(f"{name} {loader.placement}" for name, loader in self.sides.items())
        self.capturable_batches = min(a.capturable_batches, b.capturable_batches)

    def __len__(self) -> int:
        return sum(map(len, self.sides.values()))

    def next(self) -> tuple[Tensor, Tensor]:
        return _stack(loader.next() for loader in self.sides.values())

    def stage(self, count: int) -> None:
        for loader in self.sides.values():
            loader.stage(count)

    def gather(self) -> tuple[Tensor, Tensor]:
        return _stack(loader.gather() for loader in self.sides.values())

    def count_batches(self, count: int) -> None:
        for loader in self.sides.values():
            loader.count_batches(count)

    def state_dict(self) -> dict[str, dict[str, Any]]:
        return {name: loader.state_dict() for name, loader in self.sides.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, loader in self.sides.items():
            loader.load_state_dict(state[name])

    def start_epoch_after(self, state: dict[str, Any]) -> None:
        for name, loader in self.sides.items():
            loader.start_epoch_after(state[name])

    def close(self) -> None:
        for loader in self.sides.values():
            loader.close()


def _stack(batches: Iterable[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    images, labels = zip(*batches, strict=True)
    return torch.stack(images, 1), torch.stack(labels, 1)  # (N, 2, C, H, W), (N, 2)
