"""Reconstruction of real images by an encoder and a generator, with interpolation and class changes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from wgan_cli.errors import WganError
from wgan_cli.networks.weights import network_with
from wgan_cli.outputs.sampling import BATCH_SIZE, generate, images_at_once, in_batches, open_generator
from wgan_cli.runs.checkpoint import Checkpoint, generator_file
from wgan_cli.utils.pixels import to_unit_range


@dataclass(frozen=True)
class Autoencoder:
    """Encoder, generator and, if the checkpoint has one, classifier; in evaluation mode on one device."""

    generator: nn.Module
    encoder: nn.Module
    classifier: nn.Module | None
    batch: int = BATCH_SIZE  # images computed at once

    def encode(self, images: Tensor, labels: np.ndarray) -> np.ndarray:
        """Return the mean of q(z | image, class): stored images (N, C, H, W), labels (N,) int64 -> (N, latent_dim)."""
        return self._rows(lambda x, y: self.encoder(x, y)[0], images, labels)

    def decode(self, z: np.ndarray, labels: np.ndarray, dtype: torch.dtype = torch.uint8) -> Tensor:
        """Generate images (N, C, H, W), pixels of `dtype`, from z (N, latent_dim) and labels (N,)."""
        return torch.cat(list(generate(self.generator, z, self.batch, labels, dtype)))

    def classes_of(self, images: Tensor) -> np.ndarray:
        """Predict the classes of stored images (N, C, H, W): (N,) int64."""
        assert self.classifier is not None
        classifier = self.classifier
        return self._rows(lambda x: classifier(x).argmax(1), images)

    @torch.inference_mode()
    def _rows(self, network: Callable[..., Tensor], images: Tensor, labels: np.ndarray | None = None) -> np.ndarray:
        device = next(self.encoder.parameters()).device

        def scaled(pixels: Tensor, *classes: Tensor) -> Tensor:
            return network(to_unit_range(pixels), *classes)

        found = in_batches(scaled, device, self.batch, images.numpy(), labels)
        return torch.cat([part.cpu() for part in found]).numpy()


def open_autoencoder(path: Path, device: torch.device, batch: int | None = None) -> tuple[Autoencoder, Checkpoint]:
    """Load the networks of a checkpoint or run that reconstruct images. Raises: WganError."""
    generator, checkpoint = open_generator(path, device)
    if not has_encoder(checkpoint):
        raise WganError(
            f"{checkpoint.recipe.name} has no encoder, which --reconstruct needs",
            "train a model with one, for example: wgan train --recipe mnist_cvae_gan",
        )
    others = {
        role: network_with(role, checkpoint.recipe, checkpoint.image, weights, str(generator_file(path)))
        .requires_grad_(False)
        .to(device)
        for role, weights in checkpoint.networks.items()
        if role in ("encoder", "classifier")
    }
    batch = batch or images_at_once(checkpoint.image)
    return Autoencoder(generator, others["encoder"], others.get("classifier"), batch), checkpoint


def has_encoder(checkpoint: Checkpoint) -> bool:
    """Return True if the checkpoint can reconstruct images."""
    return "encoder" in checkpoint.networks


def reconstructions(
    networks: Autoencoder, images: Tensor, labels: np.ndarray, classes: Sequence[int] | None = None
) -> Tensor:
    """Reconstruct each image in its own class, or once in each of `classes` from the same z.

    Args:
        images: (N, C, H, W), as they are stored, with classes `labels` (N,).
    Returns: originals followed by reconstructions, (N, 2, C, H, W) or (N, 1 + classes, C, H, W), of the same type.
    """
    z = networks.encode(images, labels)
    wanted = labels[:, None] if classes is None else np.tile(np.array(classes, np.int64), (len(images), 1))
    columns = wanted.shape[1]
    made = networks.decode(np.repeat(z, columns, axis=0), wanted.reshape(-1), images.dtype)  # (N * columns, C, H, W)
    return torch.cat([images[:, None], made.unflatten(0, (len(images), columns))], 1)


def interpolations(
    networks: Autoencoder, images: Tensor, labels: np.ndarray, frames: int, classes: Sequence[int] | None = None
) -> Tensor:
    """Interpolate linearly from the z of each image to that of the next, with the images themselves at both ends.

    The class changes halfway, or there is one row per class of `classes`.

    Returns: (rows, frames + 2, C, H, W), as the images are stored.
    """
    z = networks.encode(images, labels)
    t = np.linspace(0, 1, frames, dtype=np.float32)[:, None]  # (frames, 1)
    rows = []
    for a, b in zip(range(len(images) - 1), range(1, len(images)), strict=True):
        line = (1 - t) * z[a] + t * z[b]  # (frames, latent_dim)
        halves = np.where(t[:, 0] < 0.5, labels[a], labels[b])  # (frames,)
        for own in [halves] if classes is None else [np.full(frames, c, np.int64) for c in classes]:
            made = networks.decode(line, own, images.dtype)
            rows.append(torch.cat([images[a : a + 1], made, images[b : b + 1]]))
    return torch.stack(rows)
