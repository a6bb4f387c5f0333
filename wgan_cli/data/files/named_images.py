"""The images of a folder one by one, each with its name: for what is to be done to each."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from wgan_cli.data.files.container import Container
from wgan_cli.data.files.decoding import NotAnImage, to_pixels
from wgan_cli.data.files.folders import open_container
from wgan_cli.data.sources.image_folder import in_threads, shown, survey
from wgan_cli.errors import WganError
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.data_settings import Fit


@dataclass(frozen=True)
class NamedImages:
    """The images of an open folder or archive, found by their beginnings. bad: (name, reason) of its other files."""

    container: Container
    names: tuple[str, ...]
    bad: tuple[tuple[str, str], ...]

    def __len__(self) -> int:
        return len(self.names)

    def batches(self, image: ImageShape, fit: Fit, size: int) -> Iterator[Tensor]:
        """All images in this shape, by name: (n, C, H, W) uint8, n <= size.

        Raises: WganError naming a file that turns out to be broken.
        """
        wanted = set(self.names)
        entries = [entry for entry in self.container.entries() if entry.name in wanted]

        def pixels(entry) -> Tensor | str:
            try:
                return torch.from_numpy(
                    to_pixels(self.container.read(entry), image.size, image.channels, fit, entry.name).copy()
                )
            except NotAnImage as reason:
                return str(reason)

        batch: list[Tensor] = []
        for entry, found in zip(entries, in_threads(pixels, entries, chunk=size), strict=True):
            if isinstance(found, str):
                raise WganError(
                    f"{shown(entry.name)} of {self.container.path} cannot be used: {found}", "mend or remove it"
                )
            batch.append(found)
            if len(batch) == size:
                yield torch.stack(batch)  # (size, C, H, W)
                batch = []
        if batch:
            yield torch.stack(batch)

    def places(self) -> list[str]:
        """A .png for each, by its name; where two would be the same, behind the ending that it has: `cat.jpg.png`."""
        stems = [os.path.splitext(shown(name))[0] for name in self.names]
        met = Counter(stems)
        full = zip(stems, self.names, strict=True)
        return [f"{stem if met[stem] == 1 else shown(name)}.png" for stem, name in full]


def named_images(path: Path) -> NamedImages:
    """Look into a folder, .zip or .tar; its files are read later. Raises: WganError where it holds no image."""
    try:
        container = open_container(path)
    except WganError as error:
        raise WganError(error.message, "give the path of a folder of images, or of an archive of one") from None
    found = survey(container, container.entries())
    if not found.good:
        raise WganError(f"{path} holds no image", "give a folder of images, or an archive of one")
    return NamedImages(container, tuple(entry.name for entry in found.good), found.bad)


def first_of(bad: Sequence[tuple[str, str]]) -> str:
    """How many files cannot be used, and why the first cannot."""
    name, why = bad[0]
    return f"{len(bad):,} file{'s' if len(bad) != 1 else ''} that cannot be used, such as {name} ({why})"
