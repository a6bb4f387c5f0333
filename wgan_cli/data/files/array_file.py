"""Images in a .npz or .npy file, as files of a container, so that everything that reads folders reads them too."""

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from wgan_cli.data.files.container import Container, Entry
from wgan_cli.errors import WganError

SUFFIXES = (".npz", ".npy")
IMAGES = ("images", "x_train", "train_images", "x", "data", "arr_0")  # wgan's own, Keras', MedMNIST's, np.savez's
LABELS = ("labels", "y_train", "train_labels", "y", "targets", "arr_1")
_CHANNELS = (1, 3, 4)


class ArrayContainer(Container):
    """Array of images (N, H, W), (N, H, W, C) or (N, C, H, W) uint8; in a .npz also labels (N,) and class_names (K,).

    Images are passed on as uncompressed PNGs named by their index, in a folder per class.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._images: np.ndarray | None = None

    def _list(self) -> tuple[list[Entry], list[str]]:
        arrays = self._arrays()
        name, images = _find(arrays, IMAGES)
        if name is None or images is None:
            raise WganError(
                f"{self.path} has no images: it contains {', '.join(arrays) or 'nothing'}",
                f"save the images under the name {IMAGES[0]}, and their classes under {LABELS[0]}",
            )
        self._images = _channels_last(images, f"{self.path}: {name}")
        folders = self._folders(arrays, len(images))
        modified = os.stat(self.path).st_mtime_ns
        size = int(self._images[0].nbytes) if len(images) else 0
        entries = [
            Entry(f"{folders[number]}/{number:08d}.png" if folders else f"{number:08d}.png", size, modified, number)
            for number in range(len(images))
        ]
        return entries, sorted(set(folders))

    def _arrays(self) -> dict[str, np.ndarray]:
        try:
            loaded = np.load(self.path, allow_pickle=False)
            return {name: loaded[name] for name in loaded.files} if hasattr(loaded, "files") else {IMAGES[0]: loaded}
        except Exception as error:  # damaged files fail in many ways, and pickled objects are refused
            reason = str(error).partition("\n")[0] or type(error).__name__
            raise WganError(f"{self.path} is not a file of arrays: {reason}", "save it again with np.savez") from None

    def _folders(self, arrays: Mapping[str, np.ndarray], count: int) -> list[str]:
        """Return the class of each image, or an empty list."""
        name, labels = _find(arrays, LABELS)
        if labels is None:
            return []
        labels = labels.reshape(-1) if labels.ndim == 2 and labels.shape[1] == 1 else labels
        if labels.shape != (count,):
            raise WganError(
                f"{self.path}: {name} has the shape {labels.shape}, and there are {count:,} images",
                "save one label per image",
            )
        names = [str(each).replace("/", "_") for each in arrays.get("class_names", ())]
        if not names and labels.dtype.kind in "iu":  # with leading zeros, since classes are sorted by name
            return [f"{label:0{len(str(labels.max()))}d}" for label in labels.tolist()]
        if not names:
            return [str(label).replace("/", "_") for label in labels.tolist()]
        if labels.dtype.kind not in "iu" or not 0 <= int(labels.min()) <= int(labels.max()) < len(names):
            raise WganError(f"{self.path}: {name} doesn't index the {len(names)} class_names", "count classes from 0")
        return [names[label] for label in labels]

    def _read(self, entry: Entry) -> bytes:
        assert self._images is not None
        pixels = self._images[entry.handle]
        content = io.BytesIO()
        Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(content, "PNG", compress_level=0)
        return content.getvalue()


def _find(arrays: Mapping[str, np.ndarray], names: tuple[str, ...]) -> tuple[str | None, Any]:
    name = next((name for name in names if name in arrays), None)
    return name, None if name is None else arrays[name]


def _channels_last(images: np.ndarray, what: str) -> np.ndarray:
    """Return images as (N, H, W, C). Raises: WganError for another type or shape."""
    if images.dtype != np.uint8:
        raise WganError(f"{what} is {images.dtype}, not uint8", "save values from 0 to 255 as uint8")
    if images.ndim == 3:
        return images[..., None]
    if images.ndim == 4 and images.shape[-1] in _CHANNELS:
        return images
    if images.ndim == 4 and images.shape[1] in _CHANNELS:
        return images.transpose(0, 2, 3, 1)
    raise WganError(
        f"{what} has the shape {images.shape}",
        "save images as (N, H, W), (N, H, W, C) or (N, C, H, W) with C 1, 3 or 4",
    )
