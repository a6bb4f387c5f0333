"""Images in an HDF5 file, read one at a time, as files of a container."""

import posixpath
import re
from pathlib import Path
from typing import Any

import numpy as np

from wgan_cli.data.containers.array_file import CLASS_NAMES, IMAGES, LABELS, ArrayContainer
from wgan_cli.data.containers.container import Entry
from wgan_cli.data.containers.temporary import temporary_copy
from wgan_cli.errors import WganError
from wgan_cli.utils.extras import import_extra

HDF5 = b"\x89HDF\r\n\x1a\n"  # first bytes
CHUNK_CACHE = 1 << 28  # bytes
_IN_PART = re.compile(r"(?:(train|test)(?:ing)?|(val)(?:id|idation)?)/([^/]+)")


class Hdf5Container(ArrayContainer):
    """Data sets of an HDF5 file, named as in a .npz, or in groups train, test and valid.

    Images may also be image files: an array of bytes each. A path such as photos.h5/faces names a group, or the data
    set of images.
    """

    def __init__(self, path: Path, file: Path) -> None:
        super().__init__(path, file)
        self._opened: Any = None

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()

    def _list(self) -> tuple[list[Entry], list[str]]:
        listed = super()._list()
        for part, stack in self._images.items():
            shared = stack.array.chunks is not None and stack.array.chunks[0] > 1  # chunks hold parts of several images
            if shared and stack.array.ndim > 1 and stack.array.nbytes > CHUNK_CACHE:
                self._images[part] = stack._replace(array=_copied(self.file, stack.array))
        return listed

    def _arrays(self) -> dict[str, Any]:
        h5py = import_extra("h5py", "data", str(self.file))
        try:
            self._opened = h5py.File(self.file, rdcc_nbytes=CHUNK_CACHE)
            found: dict[str, Any] = {}
            self._opened.visititems(lambda name, item: found.update({name: item} if hasattr(item, "shape") else {}))
            return {_flat_name(name): _loaded(item, h5py) for name, item in self._chosen(found).items()}
        except (OSError, RuntimeError) as error:
            raise WganError(f"{self.file} is a damaged HDF5 file: {error}", "create or copy it again") from None

    def _chosen(self, found: dict[str, Any]) -> dict[str, Any]:
        """Return the data sets in the group that the path names; or the one that it names, with its labels."""
        inner = self.path.relative_to(self.file).as_posix()
        if inner == ".":
            return found
        group = posixpath.join(inner.rpartition("/")[0] if inner in found else inner, "")
        below = {name.removeprefix(group): item for name, item in found.items() if name.startswith(group)}
        if not below:
            raise WganError(f"{self.file} contains no {inner}", f"it contains {', '.join(found) or 'nothing'}")
        if inner in found:
            below = {IMAGES[0]: found[inner]} | {name: item for name, item in below.items() if name not in IMAGES}
        return {name: item for name, item in found.items() if name == CLASS_NAMES} | below

    def _read(self, entry: Entry) -> bytes:
        part, number = entry.handle
        images = self._images[part].array
        return images[number].tobytes() if images.ndim == 1 else super()._read(entry)


def _copied(file: Path, images: Any) -> np.ndarray:
    """Copy images to a temporary file: in another order than that of the file, each would decompress many chunks."""
    with temporary_copy(file) as copy:
        for start in range(0, len(images), images.chunks[0]):
            copy.write(images[start : start + images.chunks[0]].tobytes())
        copy.flush()
        return np.memmap(copy, images.dtype, "r", shape=images.shape)


def _flat_name(name: str) -> str:
    """Return the name that a .npz has for a data set of a part.

    >>> _flat_name("validation/x")
    'val_images'
    """
    found = _IN_PART.fullmatch(name)
    kind = found and next((kind for kind, known in (("images", IMAGES), ("labels", LABELS)) if found[3] in known), None)
    if found is None:
        return name
    return f"{found[1] or found[2]}_{kind}" if kind else found[3]


def _loaded(item: Any, h5py: Any) -> Any:
    """Load a data set of labels or names; leave others in the file."""
    if item.ndim > 1 and item.shape[1:] != (1,):
        return item
    if h5py.check_string_dtype(item.dtype):
        return item.asstr()[...]
    return item if h5py.check_vlen_dtype(item.dtype) else item[...]
