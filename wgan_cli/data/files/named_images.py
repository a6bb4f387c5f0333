"""Images of files, a folder or an archive with their names, for commands that process each one."""

import glob
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
from wgan_cli.data.containers.listed import ListedFiles
from wgan_cli.data.files import notices
from wgan_cli.data.files.decoding import Decoded, decode, read_header
from wgan_cli.data.files.parallel import parallel_map
from wgan_cli.data.files.survey import Survey, summarize_bad, survey_container, survey_values
from wgan_cli.data.files.value_range import Values
from wgan_cli.errors import WganError
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.recipe.decoding_types import Size
from wgan_cli.utils.format import printable
from wgan_cli.utils.image_formats import READABLE_SUFFIXES


@dataclass(frozen=True)
class NamedImages:
    """Images of an open folder, archive or list of files."""

    container: Container
    settings: DataSettings  # for decoding
    found: Survey[Entry]
    values: Values | None  # of images with more than 8 bits, if their range was chosen

    def __len__(self) -> int:
        return sum(self.frames)

    @property
    def frames(self) -> tuple[int, ...]:
        """Number of images taken from each file."""
        return self.found.frames if self.settings.frames == "all" else (1,) * len(self.found.good)

    @property
    def have_one_size(self) -> bool:
        """True if all images are known to have the same size."""
        return len(self.found.sizes) == 1 and max(self.frames) == 1

    def notices(self, size: Size | None) -> list[str]:
        """Return lines about parts that aren't used of images of a size, or in their own sizes if it is None.

        A trained generator fixes all settings, so they suggest none.
        """
        settings = self.settings if size else self.settings.model_copy(update={"fit": "stretch"})  # without cropping
        return [
            *notices.of_survey(self.found, settings, size or (1, 1), settable=False),
            *notices.value_range(self.values, settable=False),
        ]

    def batches(self, image: ImageShape, size: int) -> Iterator[Tensor]:
        """Yield all images in the order of their files, in batches (n, C, H, W), uint8 or int16, with n <= size."""

        def read(entry: Entry) -> Tensor:
            return torch.from_numpy(self._decode(entry, image.size, image.channels).pixels.copy())  # read-only

        one = (1 + self.found.is_deep) * image.channels * image.height * image.width
        bytes_of = {entry.name: one * count for entry, count in zip(self.found.good, self.frames, strict=True)}
        files = parallel_map(read, self.found.good, chunk=size, size_of=lambda entry: bytes_of[entry.name])
        decoded = (each for file in files for each in file)
        while batch := list(islice(decoded, size)):
            yield torch.stack(batch)  # (n, C, H, W)

    def in_own_sizes(self, channels: int) -> Iterator[Tensor]:
        """Yield all images in the order of their files, (C, H, W) uint8 or int16, each as large as it is."""

        def read(entry: Entry) -> list[Tensor]:
            decoded = self._decode(entry, None, channels)
            planes = {decoded.sizes[0]: decoded}
            for size in decoded.sizes:  # pages may have several sizes
                planes[size] = planes.get(size) or self._decode(entry, (size[1], size[0]), channels)
            return [torch.from_numpy(planes[size].pixels[n].copy()) for n, size in enumerate(decoded.sizes)]

        for images in parallel_map(read, self.found.good, threads=2, chunk=1):  # they may be large
            yield from images

    def _decode(self, entry: Entry, size: Size | None, channels: int) -> Decoded:
        """Decode a file to a size (height, width), or that of its first image. Raises: WganError."""
        try:
            content = self.container.read(entry)
            if size is None:
                width, height = read_header(content).size
                size = height, width
            return decode(content, size, channels, self.settings, entry.name, self.found.is_deep)
        except NotAnImage as reason:
            where = "" if isinstance(self.container, ListedFiles) else f" of {self.container.path}"
            raise WganError(
                f"{self.container.name_for_messages(entry)}{where} cannot be used: {reason}", "repair or remove it"
            ) from None

    def given_names(self) -> list[str]:
        """Return the name of each image: its path as given or below the folder, with the number of a page."""
        names = map(self.container.name_for_messages, self.found.good)
        return [
            name if several == 1 else f"{name} {number}/{several}"
            for name, several in zip(names, self.frames, strict=True)
            for number in range(1, several + 1)
        ]

    def output_names(self) -> list[str]:
        """Return a distinct .png name for each image: `cat.png`, or `cat.jpg.png` if there is more than one `cat`.

        Images of a file with several get their number: `scan-0000.png`.
        """
        names = [printable(entry.name) for entry in self.found.good]
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


def is_image_file(path: Path) -> bool:
    """Return True for a file that isn't an archive or another container, by its suffix."""
    suffix = path.suffix.lower().removeprefix(".")
    return suffix in READABLE_SUFFIXES and suffix != "npy" and path.is_file()


def _matching(path: Path) -> list[Path]:
    """Return the files that a pattern stands for, or the path itself."""
    matching = [] if path.exists() or not glob.has_magic(str(path)) else sorted(glob.glob(str(path)))
    return [Path(file) for file in matching] or [path]


def named_images(paths: Sequence[Path], settings: DataSettings) -> NamedImages:
    """Find the images of files or patterns of them, or of one folder, archive or array file, reading headers only.

    Raises: WganError if there are none.
    """
    paths = [file for path in paths for file in _matching(path)]
    if all(map(is_image_file, paths)):
        container = ListedFiles(paths)
    elif len(paths) == 1:
        try:
            container = open_container(paths[0])
        except WganError as error:
            raise WganError(error.message, "give an image, a folder of images, or an archive of one") from None
    else:
        other = next(path for path in paths if not is_image_file(path))
        problem = f"{other} is no image" if other.exists() else f"there is no file or folder {other}"
        raise WganError(problem, "give images, or one folder or archive of them")
    found = survey_container(container)
    if not found.good:
        problem = f"{container.path} contains no image"
        if found.bad:
            problem = f"{problem}: {summarize_bad(found.bad)}"
        if isinstance(container, ListedFiles):
            problem = " cannot be used: ".join(found.bad[0])
        raise WganError(problem, "give images, a folder of them, or an archive")
    values = survey_values(found.good, container.read, settings) if found.is_deep and settings.range == "auto" else None
    settings = settings.with_range("dtype" if values is None else values.range)  # only damaged files, or later pages
    return NamedImages(container, settings, found, values)
