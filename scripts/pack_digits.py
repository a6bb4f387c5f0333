"""Pack the first 6,000 training and 1,000 test images of MNIST into wgan_cli/data/sources/digits.npz.

    python scripts/pack_digits.py DATA_ROOT

DATA_ROOT has torchvision's layout, MNIST/raw/train-images-idx3-ubyte and the other three files. The result contains
images (7000, 28, 28) uint8 and labels (7000,) uint8, losslessly compressed and byte for byte reproducible.
"""

import sys
from pathlib import Path

import numpy as np
from torchvision.datasets import MNIST

TARGET = Path(__file__).resolve().parent.parent / "wgan_cli" / "data" / "sources" / "digits.npz"
COUNTS = {True: 6000, False: 1000}  # by whether they are training files


def main(data_root: str) -> None:
    parts = [(MNIST(data_root, train=train), count) for train, count in COUNTS.items()]
    images = np.concatenate([part.data[:count].numpy() for part, count in parts])
    labels = np.concatenate([part.targets[:count].numpy() for part, count in parts]).astype(np.uint8)
    np.savez_compressed(TARGET, images=images, labels=labels)
    print(f"{TARGET}: {len(images)} images, {TARGET.stat().st_size:,} bytes, per class {np.bincount(labels).tolist()}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(sys.argv[1])
