"""Real images through an encoder and back: copies beside them, walks between them, and the same under other classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from wgan_cli.errors import WganError
from wgan_cli.networks.weights import network_with
from wgan_cli.outputs.sampling import generate, in_batches, load_generator
from wgan_cli.runs.checkpoint import Checkpoint, generator_file
from wgan_cli.utils.pixels import to_unit_range


@dataclass(frozen=True)
class Autoencoder:
    """The networks of a checkpoint by which images become z and z images, in evaluation mode on one device.

    classifier: None where the file holds none. batch: images computed at once.
    """

    generator: nn.Module
    encoder: nn.Module
    classifier: nn.Module | None
    batch: int = 64

    def encode(self, images: Tensor, labels: np.ndarray) -> np.ndarray:
        """The mean of q(z | image, class): images (N, C, H, W) uint8, labels (N,) int64 -> (N, latent_dim) float32."""
        return self._rows(lambda x, y: self.encoder(x, y)[0], images, labels)

    def decode(self, z: np.ndarray, labels: np.ndarray) -> Tensor:
        """z (N, latent_dim), labels (N,) -> images (N, C, H, W) uint8."""
        return torch.cat(list(generate(self.generator, z, self.batch, labels)))

    def classes_of(self, images: Tensor) -> np.ndarray:
        """Which class the classifier sees in each image (N, C, H, W) uint8: (N,) int64."""
        return self._rows(lambda x: self.classifier(x).argmax(1), images)

    @torch.inference_mode()
    def _rows(self, work: Callable[..., Tensor], images: Tensor, labels: np.ndarray | None = None) -> np.ndarray:
        """What `work` makes of images in [-1, 1], each as it would come out alone."""
        device = next(self.encoder.parameters()).device

        def network(pixels: Tensor, *classes: Tensor) -> Tensor:
            return work(to_unit_range(pixels), *classes)

        found = in_batches(network, device, self.batch, images.numpy(), labels)
        return torch.cat([part.cpu() for part in found]).numpy()


def load_autoencoder(path: Path, device: torch.device, batch: int = 64) -> tuple[Autoencoder, Checkpoint]:
    """The networks of a checkpoint or run that copy images.

    Raises: WganError where it has no encoder, or weights do not fit the networks of the file's own recipe.
    """
    generator, checkpoint = load_generator(path, device)
    if not has_encoder(checkpoint):
        raise WganError(
            f"{checkpoint.recipe.name} has no encoder to find the z of an image with",
            "train one that has, for example: wgan train --recipe mnist_cvae_gan",
        )
    others = {
        role: network_with(role, checkpoint.recipe, checkpoint.image, weights, str(generator_file(path)))
        .requires_grad_(False)
        .to(device)
        for role, weights in checkpoint.networks.items()
        if role in ("encoder", "classifier")
    }
    return Autoencoder(generator, others["encoder"], others.get("classifier"), batch), checkpoint


def has_encoder(checkpoint: Checkpoint) -> bool:
    """Whether images can be copied with it."""
    return "encoder" in checkpoint.networks


def copies(networks: Autoencoder, images: Tensor, labels: np.ndarray, classes: Sequence[int] | None = None) -> Tensor:
    """Each image and its copy, or what becomes of it in each of some classes: the same z, another class.

    Args:
        images: (N, C, H, W) uint8 of classes `labels` (N,).
    Returns: (N, 2, C, H, W) uint8, or (N, 1 + classes, C, H, W).
    """
    z = networks.encode(images, labels)
    wanted = labels[:, None] if classes is None else np.tile(np.array(classes, np.int64), (len(images), 1))
    across = wanted.shape[1]
    made = networks.decode(np.repeat(z, across, axis=0), wanted.reshape(-1))  # (N * across, C, H, W)
    return torch.cat([images[:, None], made.unflatten(0, (len(images), across))], 1)


def walks(
    networks: Autoencoder, images: Tensor, labels: np.ndarray, frames: int, classes: Sequence[int] | None = None
) -> Tensor:
    """From the z of each image to that of the next, on a straight line; the images themselves at both ends.

    z = (1 - t) z_a + t z_b. The first half is of the class of the first image, the second of the other's; or there is a
    walk in each of some classes, all of it in that one.

    Returns: (walks, frames + 2, C, H, W) uint8.
    """
    z = networks.encode(images, labels)
    t = np.linspace(0, 1, frames, dtype=np.float32)[:, None]  # (frames, 1)
    made = []
    for a, b in zip(range(len(images) - 1), range(1, len(images)), strict=True):
        line = (1 - t) * z[a] + t * z[b]  # (frames, latent_dim)
        halves = np.where(t[:, 0] < 0.5, labels[a], labels[b])  # (frames,)
        for own in [halves] if classes is None else [np.full(frames, c, np.int64) for c in classes]:
            made.append(torch.cat([images[a : a + 1], networks.decode(line, own), images[b : b + 1]]))
    return torch.stack(made)


def side_by_side(rows: Tensor) -> Tensor:
    """Each row of images as one wide image: (N, R, C, H, W) -> (N, C, H, R*W)."""
    return torch.cat(list(rows.unbind(1)), dim=3)
