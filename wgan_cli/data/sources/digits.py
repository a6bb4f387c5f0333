"""7,000 MNIST digits bundled with the package, so that a first run needs no network and no files."""

from pathlib import Path

import numpy as np
import torch

from wgan_cli.data.dataset import ImageSet
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.utils.format import Log

FILE = Path(__file__).with_name("digits.npz")
TRAIN_COUNT = 6000  # MNIST's first training images; the others are its first test images
SLICES = {"train": slice(None, TRAIN_COUNT), "test": slice(TRAIN_COUNT, None), "all": slice(None)}


def load(settings: DataSettings, data_root: Path, log: Log) -> ImageSet:
    """Load the bundled digits, 28x28x1: 6,000 for split `train`, 1,000 for `test`."""
    chosen = SLICES[settings.split]
    with np.load(FILE, allow_pickle=False) as file:
        images = torch.from_numpy(file["images"][chosen]).unsqueeze(1)  # (N, 1, 28, 28)
        labels = torch.from_numpy(file["labels"][chosen]).long()
    return ImageSet(images, labels, tuple("0123456789"), "MNIST digits bundled with wgan")
