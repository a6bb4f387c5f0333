"""How like its image a copy is, of images that the networks have not seen."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from wgan_cli.evaluation.evaluate import MOST_IMAGES
from wgan_cli.evaluation.features import BATCH, Features
from wgan_cli.evaluation.real_images import RealImages
from wgan_cli.evaluation.scores import agreement
from wgan_cli.outputs.reconstruct import Autoencoder, copies

AT_ONCE = 1000  # images: rows of images and copies take twice their memory


@dataclass(frozen=True)
class Reconstruction:
    """What is measured of `count` real images and their copies.

    error: root of the mean squared difference of pixels, which are from 0 to 1. kept: share of copies in which a
    classifier sees the class of the original; recognised: share of originals in which it does; both None where the
    features know no classes.
    """

    count: int
    error: float
    kept: float | None
    recognised: float | None


def measure_reconstruction(
    networks: Autoencoder, real: RealImages, features: Features, count: int | None = None
) -> Reconstruction:
    """Copy real images held out from training, each in its own class, and hold the copies against them.

    count: of images; by default as many as are held out, at most 10,000.
    """
    chosen = real.held_out.some(count or MOST_IMAGES)
    labels, squared, made = chosen.labels, 0.0, []
    for images, own in zip(chosen.batches(AT_ONCE), labels.split(AT_ONCE), strict=True):
        rows = copies(networks, images, own.numpy())  # (n, 2, C, H, W)
        squared += rows.double().diff(dim=1).square().sum().item()
        made.append(rows[:, 1])
    made = torch.cat(made)
    logits = [features.of(batches)[1] for batches in (made.split(BATCH), chosen.batches(BATCH))]
    kept, recognised = (None if each is None else agreement(each, labels).share for each in logits)
    return Reconstruction(len(chosen), (squared / made.numel()) ** 0.5 / 255, kept, recognised)
