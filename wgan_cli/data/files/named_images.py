"""Images of a folder or archive with their names, for commands that process each one."""

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from wgan_cli.data.containers.container import Container, Entry, NotAnImage
from wgan_cli.data.containers.folders import open_container
from wgan_cli.data.files import notices
from wgan_cli.data.files.decoding import decode
from wgan_cli.data.files.parallel import parallel_map
from wgan_cli.data.files.survey import survey_container, survey_values
from wgan_cli.errors import WganError
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.utils.format import printable


@dataclass(frozen=True)
class NamedImages:
    """Images of an open folder or archive."""

    container: Container
    settings: DataSettings  # for decoding
    entries: tuple[Entry, ...]
    frames: tuple[int, ...]  # images taken from each file
    bad: tuple[tuple[str, str], ...]  # (name, reason) of unusable files
    notices: tuple[str, ...]  # lines about parts of the images that aren't used
    deep: bool  # decode to 16 bits

    def __len__(self) -> int:
        return sum(self.frames)

    def batches(self, image: ImageShape, size: int) -> Iterator[Tensor]:
        """Yield all images sorted by name, in batches (n, C, H, W), uint8 or int16, with n <= size."""

        def read(entry: Entry) -> Tensor:
            try:
                content = self.container.read(entry)
                found = decode(content, image.size, image.channels, self.settings, entry.name, self.deep)
                return torch.from_numpy(found.pixels.copy())  # Pillow's are read-only
            except NotAnImage as reason:
                name = f"{printable(entry.name)} of {self.container.path}"
                raise WganError(f"{name} cannot be used: {reason}", "repair or remove it") from None

        decoded = (each for file in parallel_map(read, self.entries, chunk=size) for each in file)
        while batch := list(islice(decoded, size)):
            yield torch.stack(batch)  # (n, C, H, W)

    def output_names(self) -> list[str]:
        """Return a distinct .png name for each image: `cat.png`, or `cat.jpg.png` if there is more than one `cat`.

        Images of a file with several get their number: `scan-0000.png`.
        """
        names = [printable(entry.name) for entry in self.entries]
        longer = [0] * len(names)  # steps away from the short name

        def outputs_of(index: int) -> list[str]:
            name, steps, several = names[index], longer[index], self.frames[index]
            base = name + "_" * (steps - 1) if steps else os.path.splitext(name)[0]
            return [f"{base}.png"] if several == 1 else [f"{base}-{number:04d}.png" for number in range(several)]

        while True:
            outputs = [outputs_of(index) for index in range(len(names))]
            sharing = defaultdict[str, set[int]](set)
            for index, own in enumerate(outputs):
                for output in own:
                    sharing[output].add(index)
            groups = [sorted(group) for group in sharing.values() if len(group) > 1]
            if not groups:
                return [output for own in outputs for output in own]
            for index in {index for group in groups for index in _movable(group, longer)}:
                longer[index] += 1


def _movable(group: Sequence[int], longer: Sequence[int]) -> Sequence[int]:
    """Return the files of a group with the same output name that need a longer one: short names first."""
    return [index for index in group if not longer[index]] or group[1:]


def named_images(path: Path, settings: DataSettings) -> NamedImages:
    """Find the images of a folder, archive or array file, reading headers only. Raises: WganError if there are none."""
    try:
        container = open_container(path)
    except WganError as error:
        raise WganError(error.message, "give the path of a folder of images, or of an archive of one") from None
    found = survey_container(container)
    if not found.good:
        raise WganError(f"{path} contains no image", "give a folder of images, or an archive of one")
    lines = notices.of_survey(found, settings, found.target_shape(settings)[0])
    values = survey_values(found.good, container.read, settings) if found.is_deep and settings.range == "auto" else None
    lines += notices.value_range(values)
    settings = settings.with_range("dtype" if values is None else values.range)  # only damaged files, or later pages
    frames = found.frames if settings.frames == "all" else (1,) * len(found.good)
    return NamedImages(container, settings, found.good, frames, found.bad, tuple(lines), found.is_deep)
