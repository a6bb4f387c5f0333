"""7,000 MNIST digits bundled with the package, so that a first run needs no network and no files."""

from functools import cache
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
    images, labels = (torch.from_numpy(array[SLICES[settings.split]]) for array in _arrays())
    return ImageSet(images.unsqueeze(1).clone(), labels.long(), tuple("0123456789"), "MNIST digits bundled with wgan")


@cache
def _arrays() -> tuple[np.ndarray, np.ndarray]:
    """Decompress the file once: a training with evaluations loads three splits."""
    with np.load(FILE, allow_pickle=False) as file:
        return file["images"], file["labels"]  # (7000, 28, 28) and (7000,) uint8
