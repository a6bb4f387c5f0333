"""7,000 real MNIST digits that come with the package, so that the first run needs neither network nor files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from wgan_cli.data.dataset import ImageSet
from wgan_cli.recipe.data_settings import DataSettings

PACKED = Path(__file__).with_name("digits.npz")
TRAIN_COUNT = 6000  # the first images of MNIST's training files; the rest are the first of its test files
PARTS = {"train": slice(None, TRAIN_COUNT), "test": slice(TRAIN_COUNT, None), "all": slice(None)}
CLASS_NAMES = tuple("0123456789")


def load(settings: DataSettings, data_root: Path, log=None) -> ImageSet:
    """Read the packed digits: `train` 6,000, `test` 1,000, `all` 7,000 images of 28x28x1."""
    part = PARTS[settings.split]
    with np.load(PACKED, allow_pickle=False) as packed:
        images = torch.from_numpy(packed["images"][part]).unsqueeze(1)  # (N, 1, 28, 28)
        labels = torch.from_numpy(packed["labels"][part]).long()
    return ImageSet(images, labels, CLASS_NAMES, "MNIST digits inside the package")
