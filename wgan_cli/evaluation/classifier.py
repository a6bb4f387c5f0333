"""The small classifier whose features are compared, and its training."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wgan_cli.data.augmentation import Augment
from wgan_cli.evaluation.real_images import Selection
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.decoding_types import Size
from wgan_cli.utils.format import Log, log_progress, no_log
from wgan_cli.utils.matmul_precision import float32_matmul
from wgan_cli.utils.pixels import to_unit_range
from wgan_cli.utils.seeds import derived_seed

FEATURE_DIM = 128
BATCH = 100
MIN_IMAGES, MAX_IMAGES, EPOCHS = 30_000, 200_000, 10  # training length in images: ten epochs, within these limits
LR = 3e-3
SEED = 0
VARIANCE = 100.0  # total variance of the features of real images, the scale of Frechet distances


class FeatureNetwork(nn.Module):
    """Map images (N, C, H, W) in [-1, 1] to features (N, 128) >= 0 and logits (N, K), or None for K = 0 classes.

    There is no global pooling, so that features notice correct strokes in wrong places.
    """

    def __init__(self, image: ImageShape, num_classes: int) -> None:
        super().__init__()
        down, right = (max(2, side // 16) for side in image.size)  # any size becomes about 16 x 16
        color = [_layer(64, 64, (3, 3), (1, 1))] if image.channels > 1 else []
        self.body = nn.Sequential(
            _layer(image.channels, 32, (2 * down - 1, 2 * right - 1), (down, right)),
            _layer(32, 64, (3, 3), (2, 2)),
            *color,
            _layer(64, 128, (3, 3), (2, 2)),
            nn.AdaptiveAvgPool2d(4),  # changes nothing for 28, 32, 64 and 128 pixels
            nn.Flatten(),
            nn.Linear(128 * 4 * 4, FEATURE_DIM, bias=False),
            nn.BatchNorm1d(FEATURE_DIM),
            nn.ReLU(),
        )
        self.head = nn.Linear(FEATURE_DIM, num_classes) if num_classes else None
        self.scale: Tensor
        self.register_buffer("scale", torch.ones(()))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        features = self.body(images)  # (N, 128)
        return self.scale * features, self.head(features) if self.head else None


def _layer(inputs: int, outputs: int, kernel: Size, stride: Size) -> nn.Sequential:
    padding = (kernel[0] // 2, kernel[1] // 2)
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())


def fixed_network(image: ImageShape, num_classes: int = 0, seed: int = SEED) -> FeatureNetwork:
    """Build a network with reproducible random weights, on the CPU in evaluation mode."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would also seed the GPU
        return FeatureNetwork(image, num_classes).eval()


def num_training_images(count: int) -> int:
    """Return the training length for a set of `count` images, as a number of images including repeats."""
    return min(MAX_IMAGES, max(MIN_IMAGES, EPOCHS * count))


@contextmanager
def _nondeterministic() -> Iterator[None]:
    """Allow nondeterministic kernels: average pooling has no deterministic backward pass on GPUs."""
    before = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(False)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warn_only)


@_nondeterministic()
@torch.inference_mode(False)  # callers may be in inference mode
@torch.enable_grad()
def trained_network(
    labeled: Selection,
    device: torch.device,
    seed: int = SEED,
    num_images: int | None = None,
    log: Log = no_log,
    augment: Augment | None = None,
) -> FeatureNetwork:
    """Train a classifier.

    Args:
        num_images: images to train for, including repeats; by default `num_training_images(len(labeled))`.
        augment: random changes of each batch (n, C, H, W) in [-1, 1].
    """
    dataset = labeled.dataset
    network = fixed_network(dataset.shape, len(dataset.class_names), seed).to(device).train()
    optimizer = torch.optim.AdamW(network.parameters(), LR)
    batch = min(BATCH, len(labeled))
    steps = (num_images or num_training_images(len(labeled))) // batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LR, total_steps=steps, pct_start=0.2)
    random = torch.Generator().manual_seed(seed)
    order = torch.empty(0, dtype=torch.int64)
    for step in log_progress(range(steps), steps, "classifier training: step", log, unit="steps"):
        if len(order) < batch:
            order = labeled.indices[torch.randperm(len(labeled), generator=random)]
        chosen, order = order[:batch], order[batch:]
        images = to_unit_range(dataset.images.index_select(0, chosen).to(device))
        if augment is not None:
            images = _augmented(images, augment, derived_seed(seed, step))
        labels = dataset.labels.index_select(0, chosen).to(device)
        optimizer.zero_grad()
        with float32_matmul(device, tf32=False):
            F.cross_entropy(network(images)[1], labels).backward()
        optimizer.step()
        schedule.step()
    return network.eval().requires_grad_(False)


def _augmented(images: Tensor, augment: Augment, seed: int) -> Tensor:
    """Augment a batch with random numbers of a seed, on the CPU; the process's own stay as they are."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return augment(images.cpu()).to(images.device)
