"""Images in a .npz or .npy file, as files of a container, so that everything that reads folders reads them too."""

import io
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from wgan_cli.data.containers.container import Container, Entry
from wgan_cli.data.files.decoding import MODES
from wgan_cli.data.files.formats.npy import channel_axis
from wgan_cli.data.files.label_file import in_order, whole_numbers
from wgan_cli.errors import WganError
from wgan_cli.recipe.decoding_types import MAX_CHANNELS
from wgan_cli.utils.format import count_of

SUFFIXES = (".npz", ".npy")
IMAGES = ("images", "x_train", "train_images", "x", "data", "arr_0")  # wgan's own, Keras', MedMNIST's, np.savez's
LABELS = ("labels", "y_train", "train_labels", "y", "targets", "arr_1")
#: Other parts of a data set: folder, names of images, names of labels.
_PARTS = (
    ("test", ("x_test", "test_images"), ("y_test", "test_labels")),
    ("valid", ("x_val", "x_valid", "val_images"), ("y_val", "y_valid", "val_labels")),
)
CLASS_NAMES = "class_names"


class Stack(NamedTuple):
    """Images of one part, read one at a time."""

    array: Any  # NumPy array, or one in a file that is indexed like it
    channel_axis: int | None  # None: (N, H, W)

    def read(self, number: int) -> np.ndarray:
        """Return an image (H, W, C)."""
        pixels = np.asarray(self.array[number])
        return pixels[..., None] if self.channel_axis is None else np.moveaxis(pixels, self.channel_axis - 1, -1)

    @property
    def suffix(self) -> str:
        """Format to pass images on in."""
        channels = 1 if self.channel_axis is None else self.array.shape[self.channel_axis]
        return ".png" if self.array.dtype in (np.uint8, object) and channels in MODES else ".npy"


class ArrayContainer(Container):
    """Array of images (N, H, W), (N, H, W, C) or (N, C, H, W); in a .npz also labels (N,) and class_names (K,).

    Images are passed on as files named by their index, in a folder per class: uint8 of one, three (RGB) or four
    channels (RGBA) as uncompressed PNGs, others as .npy. With test or validation images in the same file, these are in
    folders train, test and valid.
    """

    def __init__(self, path: Path, file: Path | None = None) -> None:
        super().__init__(path, file)
        self._images: dict[str, Stack] = {}  # by the folder of their part

    def _list(self) -> tuple[list[Entry], list[str]]:
        arrays = self._arrays()
        if _find(arrays, IMAGES)[0] is None:
            raise WganError(
                f"{self.path} has no images: it contains {', '.join(arrays) or 'nothing'}",
                f"save the images under the name {IMAGES[0]}, and their classes under {LABELS[0]}",
            )
        parts, labels = dict[str, Stack](), dict[str, np.ndarray]()
        for part, image_names, label_names in (("train", IMAGES, LABELS), *_PARTS):
            name, images = _find(arrays, image_names)
            if name is not None:
                parts[part] = Stack(images, _channel_axis(images, f"{self.path}: {name}"))
                labels[part] = self._labels(arrays, label_names, len(images))
        class_names = _texts(arrays.get(CLASS_NAMES, ()))
        classes = {part: _words(found, class_names, labels.values()) for part, found in labels.items()}
        in_use = in_order(name for found in classes.values() for name in found)
        self.class_order = tuple(map(as_folder, class_names)) if in_use and class_names else in_use
        prefix = {part: f"{part}/" if len(parts) > 1 else "" for part in parts}
        self._images = {prefix[part]: images for part, images in parts.items()}
        modified, entries = os.stat(self.file).st_mtime_ns, list[Entry]()
        for part, images in parts.items():
            count = len(images.array)
            folders = [f"{name}/" for name in classes[part]] or [""] * count
            size = int(images.array[0].nbytes) if count else 0
            for number, folder in enumerate(folders):
                name = f"{prefix[part]}{folder}{number:08d}{images.suffix}"
                entries.append(Entry(name, size, modified, (prefix[part], number)))
        return entries, list(parts) if len(parts) > 1 else list(self.class_order)

    def _arrays(self) -> dict[str, Any]:
        """Return all arrays by name; those of images may stay in the file."""
        try:
            loaded = np.load(self.path, mmap_mode="r", allow_pickle=False)  # a .npz is read as a whole
            return {name: loaded[name] for name in loaded.files} if hasattr(loaded, "files") else {IMAGES[0]: loaded}
        except Exception as error:  # damaged files fail in many ways, and pickled objects are refused
            reason = str(error).partition("\n")[0] or type(error).__name__
            raise WganError(f"{self.path} is not a file of arrays: {reason}", "save it again with np.savez") from None

    def _labels(self, arrays: Mapping[str, Any], known: tuple[str, ...], count: int) -> np.ndarray:
        """Return the labels (N,) of a part, or no labels (0,)."""
        name, labels = _find(arrays, known)
        if labels is None:
            return np.empty(0, np.int64)
        labels = labels.reshape(-1) if labels.ndim == 2 and labels.shape[1] == 1 else labels
        if labels.shape != (count,):
            raise WganError(
                f"{self.path}: {name} has the shape {labels.shape}, for {count_of(count, 'image')}",
                "save one label per image",
            )
        if labels.dtype.kind == "f" and np.array_equal(labels, np.trunc(labels)):
            labels = labels.astype(np.int64)
        classes = len(arrays.get(CLASS_NAMES, ()))
        if classes and (labels.dtype.kind not in "iu" or not 0 <= labels.min(initial=0) <= labels.max() < classes):
            raise WganError(f"{self.path}: {name} doesn't index the {classes} class_names", "count classes from 0")
        return labels

    def _read(self, entry: Entry) -> bytes:
        part, number = entry.handle
        pixels, content = self._images[part].read(number), io.BytesIO()
        if self._images[part].suffix == ".npy":
            np.save(content, pixels)
            return content.getvalue()
        Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(content, "PNG", compress_level=0)
        return content.getvalue()


def _words(labels: np.ndarray, class_names: Sequence[str], every: Iterable[np.ndarray]) -> list[str]:
    """Return the names of classes as folders; numbers without names as wide as the greatest among `every` label."""
    if class_names:
        return [as_folder(class_names[int(label)]) for label in labels]
    if labels.dtype.kind in "iu":
        width = (
            max(len(str(each.max())) for each in every if each.size and each.dtype.kind in "iu") if labels.size else 0
        )
        return [f"{label:0{width}d}" for label in labels.tolist()]
    return [as_folder(name) for name in whole_numbers(_texts(labels.tolist()))]


def _texts(values: Iterable[Any]) -> list[str]:
    """Return values as text; bytes are UTF-8."""
    return [each.decode("utf-8", "replace") if isinstance(each, bytes) else str(each) for each in values]


def as_folder(name: str) -> str:
    """Return the name of a class as that of a folder."""
    return name.replace("/", "_")


def _find(arrays: Mapping[str, Any], names: tuple[str, ...]) -> tuple[str | None, Any]:
    name = next((name for name in names if name in arrays), None)
    return name, None if name is None else arrays[name]


def _channel_axis(images: Any, what: str) -> int | None:
    """Return the axis of channels, None without one. Raises: WganError for another type or shape."""
    if images.dtype == object and images.ndim == 1:  # image files, of different lengths
        return None
    if images.dtype.kind not in "uifb":
        raise WganError(
            f"{what} has dtype {images.dtype}, not numbers",
            "save integers or floats, such as values from 0 to 255 as uint8",
        )
    if images.ndim == 3:
        return None
    if images.ndim == 4 and (axis := channel_axis(images.shape[1:])) is not None:
        return 1 + axis
    raise WganError(
        f"{what} has the shape {images.shape}",
        f"save images as (N, H, W), (N, H, W, C) or (N, C, H, W) with C up to {MAX_CHANNELS}",
    )
