"""Batches of two sides side by side, each in an order of its own."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from wgan_cli.data.augmentation import Augment, make_augment
from wgan_cli.data.dataset import ImageSet
from wgan_cli.data.loaders.device import Loader, make_feed
from wgan_cli.data.pairs import ImagePair, said_of_side
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.data_settings import SIDES, DataSettings, PairSettings
from wgan_cli.utils.seeds import derived_seed


class PairedLoader:
    """Feeds of two sides as one. An epoch of either side ends when its own images have all been shown."""

    def __init__(self, a: Loader, b: Loader) -> None:
        self.sides: dict[str, Loader] = {"a": a, "b": b}
        self.batch_size = a.batch_size
        self.why = "; ".join(f"{name} {loader.why}" for name, loader in self.sides.items())

    def __len__(self) -> int:
        return sum(map(len, self.sides.values()))

    def next(self) -> tuple[Tensor, Tensor]:
        """The next batch: images (batch_size, 2, C, H, W) float32 in [-1, 1] and labels (batch_size, 2) int64."""
        return _side_by_side(loader.next() for loader in self.sides.values())

    def state_dict(self) -> dict[str, dict[str, int]]:
        """Where each side stands."""
        return {name: loader.state_dict() for name, loader in self.sides.items()}

    def load_state_dict(self, state: dict[str, dict[str, int]]) -> None:
        """Go to where another feed of the same data, batch size and seed stood."""
        for name, loader in self.sides.items():
            loader.load_state_dict(state[name])

    def close(self) -> None:
        """End what runs beside the program."""
        for loader in self.sides.values():
            loader.close()

    @property
    def batches_captured(self) -> int:
        """Whole batches of the shorter epoch that could be taken by `gather` alone; 0 where a side is streamed."""
        return min(loader.batches_captured for loader in self.sides.values())

    def gather(self) -> tuple[Tensor, Tensor]:
        """Take the batch at both places, on the device alone."""
        return _side_by_side(loader.gather() for loader in self.sides.values())

    def has_batches(self, count: int) -> bool:
        """Whether both epochs still have so many whole batches."""
        return all(loader.has_batches(count) for loader in self.sides.values())

    def count_batches(self, count: int) -> None:
        """Count batches that were gathered by replaying a captured `gather`."""
        for loader in self.sides.values():
            loader.count_batches(count)


def _side_by_side(batches: Iterable[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    images, labels = zip(*batches, strict=True)
    return torch.stack(images, 1), torch.stack(labels, 1)  # (N, 2, C, H, W), (N, 2)


def make_loader(
    dataset: ImageSet | ImagePair, settings: DataSettings | PairSettings, batch_size: int, seed: int,
    device: torch.device,
) -> Loader:  # fmt: skip
    """The feed that serves a recipe's data best, whether it is one set or two sides."""
    if isinstance(dataset, ImageSet):
        return make_feed(dataset, settings, batch_size, seed, device)
    seeds = {"a": seed, "b": derived_seed(seed, "side b")}  # else two sets of one size would keep in step
    return PairedLoader(
        *(make_feed(getattr(dataset, name), getattr(settings, name), batch_size, seeds[name], device) for name in SIDES)
    )


def augment_of(settings: DataSettings | PairSettings, image: ImageShape) -> Augment | None:
    """All changes of real images that a recipe asks for; of two sides, each its own: (N, 2, C, H, W) to the same."""
    if isinstance(settings, DataSettings):
        return make_augment(settings.augment, image)
    sides: list[Augment | None] = []
    for name in SIDES:
        with said_of_side(name):
            sides.append(make_augment(getattr(settings, name).augment, image))
    if not any(sides):
        return None

    def augment(images: Tensor) -> Tensor:
        changed = (images[:, n] if side is None else side(images[:, n]) for n, side in enumerate(sides))
        return torch.stack(list(changed), 1)  # (N, 2, C, H, W)

    return augment
