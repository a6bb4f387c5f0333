"""Small data sets in the form of CIFAR-10's image folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def make_images(root: Path, per_class: int = 2, parts: Sequence[str] = ("train", "test")) -> dict[str, np.ndarray]:
    """Write PNG files of noise; return the pixels (32, 32, 3) by path relative to root/cifar10."""
    random = np.random.default_rng(0)
    made = {}
    for name in (f"{part}/{name}/{number:04}.png" for part in parts for name in NAMES for number in range(per_class)):
        made[name] = random.integers(0, 256, (32, 32, 3), np.uint8)
        (root / "cifar10" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(made[name]).save(root / "cifar10" / name)
    return made
