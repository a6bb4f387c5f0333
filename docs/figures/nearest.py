"""Mean distance of a run's samples to the nearest training image: a lower bound of W1 in pixels.

wgan train
python docs/figures/nearest.py runs/digits_dcgan
"""

from __future__ import annotations

import sys

import torch
from torch import Tensor

from wgan_cli import load_generator
from wgan_cli.data import default_data_root, load_images
from wgan_cli.recipe.data_settings import DataSettings

SAMPLES = 2000


def to_the_nearest(images: Tensor, others: Tensor) -> float:
    """Return the mean over images (N, C, H, W) of the Euclidean distance to the nearest of others (M, C, H, W)."""
    return torch.cdist(images.flatten(1), others.flatten(1)).min(dim=1).values.mean().item()


def main(run: str) -> None:
    train, test = (
        load_images(DataSettings(source="digits", split=split), default_data_root(), print).images.float() / 127.5 - 1
        for split in ("train", "test")
    )
    print(f"{SAMPLES} samples: {to_the_nearest(load_generator(run).sample(SAMPLES), train):.1f}")
    print(f"{len(test)} other real digits: {to_the_nearest(test, train):.1f}")


if __name__ == "__main__":
    main(sys.argv[1])
