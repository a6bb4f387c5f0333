"""The small network whose features are compared, and how it learns to tell classes apart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wgan_cli.evaluation.real_images import Selection
from wgan_cli.recipe import ImageShape
from wgan_cli.utils.pixels import to_unit_range

WIDTH = 128  # of the features
BATCH = 100
MOST_IMAGES, FEWEST_IMAGES, PASSES = 200_000, 30_000, 10  # to learn from: ten times all, within these
LR = 3e-3
SEED = 0
VARIANCE = 100.0  # of the features of real images, all dimensions together: what distances are to be read against


class FeatureNetwork(nn.Module):
    """Images (N, C, H, W) in [-1, 1] to features (N, 128), at least 0, and logits (N, K); K may be 0.

    Without pooling over places, because a generator may well put the right strokes into the wrong ones.
    """

    def __init__(self, image: ImageShape, num_classes: int) -> None:
        super().__init__()
        stride = max(2, image.size // 16)  # any size becomes about 16 x 16
        colour = [_layer(64, 64, 3, 1)] if image.channels > 1 else []
        self.body = nn.Sequential(
            _layer(image.channels, 32, 2 * stride - 1, stride),
            _layer(32, 64, 3, 2),
            *colour,
            _layer(64, 128, 3, 2),
            nn.AdaptiveAvgPool2d(4),  # of 28, 32, 64 and 128 pixels it changes nothing
            nn.Flatten(),
            nn.Linear(128 * 4 * 4, WIDTH, bias=False),
            nn.BatchNorm1d(WIDTH),
            nn.ReLU(),
        )
        self.head = nn.Linear(WIDTH, num_classes) if num_classes else None
        self.register_buffer("scale", torch.ones(()))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        features = self.body(images)  # (N, 128)
        return self.scale * features, self.head(features) if self.head else None


def _layer(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())


def fixed_network(image: ImageShape, num_classes: int = 0, seed: int = SEED) -> FeatureNetwork:
    """A network with the same random weights every time, on the CPU, in evaluation mode; nobody else's numbers move."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would also move a GPU's numbers
        return FeatureNetwork(image, num_classes).eval()


def lesson_length(count: int) -> int:
    """How many images a network is shown to learn from `count`, repeats counted."""
    return min(MOST_IMAGES, max(FEWEST_IMAGES, PASSES * count))


@contextmanager
def _any_kernels() -> Iterator[None]:
    """Let a GPU take kernels that round by chance, as its pooling must, also where a recipe forbids them."""
    insisted = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(False)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(insisted)


@_any_kernels()
@torch.inference_mode(False)  # whatever the caller is in the middle of
@torch.enable_grad()
def trained_network(
    labelled: Selection, device: torch.device, seed: int = SEED, shown: int | None = None
) -> FeatureNetwork:
    """A network that has learnt the classes of labelled images; of a seed the same order and first weights.

    shown: images that it sees until it has learnt, repeats counted; by default what so many images take.
    """
    network = fixed_network(labelled.dataset.shape, len(labelled.dataset.class_names), seed).to(device).train()
    optimizer = torch.optim.AdamW(network.parameters(), LR)
    batch = min(BATCH, len(labelled))
    steps = (shown or lesson_length(len(labelled))) // batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LR, total_steps=steps, pct_start=0.2)
    random = torch.Generator().manual_seed(seed)
    order = torch.empty(0, dtype=torch.int64)
    for _ in range(steps):
        if len(order) < batch:
            order = labelled.indices[torch.randperm(len(labelled), generator=random)]
        chosen, order = order[:batch], order[batch:]
        images = to_unit_range(labelled.dataset.images.index_select(0, chosen).to(device))
        labels = labelled.dataset.labels.index_select(0, chosen).to(device)
        loss = F.cross_entropy(network(images)[1], labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network.eval().requires_grad_(False)
