"""Images of a folder or archive with their names, for commands that process each one."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from wgan_cli.data.files.container import Container, Entry, NotAnImage
from wgan_cli.data.files.decoding import to_pixels
from wgan_cli.data.files.folders import open_container
from wgan_cli.data.files.parallel import parallel_map
from wgan_cli.data.files.survey import survey_container
from wgan_cli.errors import WganError
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.data_settings import Fit
from wgan_cli.utils.format import printable


@dataclass(frozen=True)
class NamedImages:
    """Images of an open folder or archive. `bad` has the (name, reason) of its other files."""

    container: Container
    entries: tuple[Entry, ...]
    bad: tuple[tuple[str, str], ...]

    def __len__(self) -> int:
        return len(self.entries)

    def batches(self, image: ImageShape, fit: Fit, size: int) -> Iterator[Tensor]:
        """Yield all images sorted by name, in batches (n, C, H, W) uint8 with n <= size."""

        def decode(entry: Entry) -> Tensor:
            try:
                content = self.container.read(entry)
                return torch.from_numpy(to_pixels(content, image.size, image.channels, fit, entry.name).copy())
            except NotAnImage as reason:
                name = f"{printable(entry.name)} of {self.container.path}"
                raise WganError(f"{name} cannot be used: {reason}", "repair or remove it") from None

        decoded = parallel_map(decode, self.entries, chunk=size)
        while batch := list(islice(decoded, size)):
            yield torch.stack(batch)  # (n, C, H, W)

    def output_names(self) -> list[str]:
        """Return a distinct .png name for each image: `cat.png`, or `cat.jpg.png` if there is more than one `cat`."""
        names = [printable(entry.name) for entry in self.entries]
        stems = [os.path.splitext(name)[0] for name in names]
        count = Counter(stems)
        return [f"{stem if count[stem] == 1 else name}.png" for stem, name in zip(stems, names, strict=True)]


def named_images(path: Path) -> NamedImages:
    """Find the images of a folder, archive or array file, reading headers only. Raises: WganError if there are none."""
    try:
        container = open_container(path)
    except WganError as error:
        raise WganError(error.message, "give the path of a folder of images, or of an archive of one") from None
    found = survey_container(container)
    if not found.good:
        raise WganError(f"{path} contains no image", "give a folder of images, or an archive of one")
    return NamedImages(container, found.good, found.bad)
