"""Reconstruction error of autoencoders on held-out images."""

from dataclasses import dataclass

import torch

from wgan_cli.evaluation.evaluate import MAX_IMAGES
from wgan_cli.evaluation.features import BATCH, Features
from wgan_cli.evaluation.manifold import agreement
from wgan_cli.evaluation.real_images import RealImages
from wgan_cli.outputs.reconstruct import Autoencoder, reconstructions
from wgan_cli.utils.pixels import to_16_bits

CHUNK = 1000  # images at a time; rows of originals and reconstructions take twice their memory


@dataclass(frozen=True)
class Reconstruction:
    """Scores of the reconstructions of `count` real images.

    error: root mean square difference of pixels in [0, 1]. kept, recognized: accuracy of the classifier on the
    reconstructions and on the originals; None if the features have no classes.
    """

    count: int
    error: float
    kept: float | None
    recognized: float | None


def measure_reconstruction(
    networks: Autoencoder, real: RealImages, features: Features, count: int | None = None
) -> Reconstruction:
    """Reconstruct held-out images (by default all, at most 10,000), each in its own class, and compare them."""
    chosen = real.held_out.subset(count or MAX_IMAGES)
    labels, squared, parts = chosen.labels, 0.0, []
    for images, own in zip(chosen.batches(CHUNK), labels.split(CHUNK), strict=True):
        rows = reconstructions(networks, images, own.numpy())  # (n, 2, C, H, W)
        squared += to_16_bits(rows).double().diff(dim=1).square().sum().item()
        parts.append(rows[:, 1])
    made = torch.cat(parts)
    logits = [features.of(batches)[1] for batches in (made.split(BATCH), chosen.batches(BATCH))]
    kept, recognized = (None if each is None else agreement(each, labels).share for each in logits)
    return Reconstruction(len(chosen), (squared / made.numel()) ** 0.5 / 65535, kept, recognized)
