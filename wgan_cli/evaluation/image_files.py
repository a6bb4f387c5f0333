"""Generated images in files, of any program, in the shape of the real images that they are compared with."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from wgan_cli.data.containers.folders import open_container
from wgan_cli.data.dataset import ImageSet
from wgan_cli.data.files.survey import deep_summaries, survey_container
from wgan_cli.data.loading import native_shape
from wgan_cli.data.sources import image_folder
from wgan_cli.errors import WganError
from wgan_cli.evaluation.evaluate import MIN_IMAGES
from wgan_cli.outputs.save_images import folder_names
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.utils.format import Log, count_of
from wgan_cli.utils.pixels import from_unit_range, to_unit_range

#: Settings of the real images that also say how files of generated ones are decoded.
_DECODING = ("image_size", "fit", "frames", "background", "range")
_SURVEYED = 1000  # files whose values are read
_MOST = 65535.0  # of 16 bits


@dataclass(frozen=True)
class GeneratedFiles:
    """A folder, archive or array file of `count` generated images.

    data: settings of the real images, with the size to compare in. is_clean: no other file is among them.
    greatest: the greatest value, if all of those with more than 8 bits have integers, else 0.
    """

    path: Path
    count: int
    data: DataSettings
    is_clean: bool
    greatest: float = 0.0

    def load(self, limit: int, like: ImageSet, data_root: Path, log: Log) -> ImageSet:
        """Load the first `limit` images, from each class in turn, with the channels and pixels of real ones.

        Raises: WganError.
        """
        data = self.data.with_range(like.value_range)
        if isinstance(data.range, tuple) and not self._fits(*data.range):
            low, high = data.range
            fits = f"16-bit values up to {self.greatest:g} don't fit [{low:g}, {high:g}]"
            log(f"{self.path}: {fits}: 0 to {_MOST:g} become black to white")
            data = data.model_copy(update={"range": "dtype"})
        given = {"source": "folder", "path": str(self.path), "on_bad_file": "skip"}
        alike = {name: getattr(data, name) for name in _DECODING} | {"channels": like.shape.channels}
        files = {"limit": limit if self.is_clean else None}  # which counts files, also unusable ones
        settings = DataSettings.model_validate(given).model_copy(update=alike | files)
        found = image_folder.load(settings, data_root, log).first(limit)
        pixels = found.images.index_select(0, torch.arange(len(found)))
        if pixels.dtype != like.images.dtype:
            pixels = from_unit_range(to_unit_range(pixels), like.images.dtype)
        return replace(found, images=pixels)

    def _fits(self, low: float, high: float) -> bool:
        """Return False for 16-bit integers that are far outside of a range, such as those of floats as 0 to 65535."""
        return self.greatest > _MOST or self.greatest <= (max(1.0, high) * _MOST) ** 0.5  # nearer to high than to _MOST


def survey_generated(path: Path, data: DataSettings, wanted: int | None, log: Log) -> GeneratedFiles:
    """Read the headers of generated images, and choose the size and channels in which they are compared.

    The size is that of `data`, else the most frequent one of the generated images, and the channels are those of the
    real images; `log` receives a line for each conversion.

    Raises: WganError if there are fewer than MIN_IMAGES images, or than the `wanted` number.
    """
    with open_container(path) as container:
        found = survey_container(container)
        part = found.good[:: max(1, len(found.good) // _SURVEYED)] if found.is_deep else ()
        values = deep_summaries(part, container.read, data)
    count = sum(found.frames) if data.frames == "all" else len(found.good)
    if count < MIN_IMAGES:
        hint = f"{MIN_IMAGES} or more are needed, and thousands for reliable scores"
        raise WganError(f"{path} holds {count_of(count, 'usable image')}, too few for an evaluation", hint)
    if wanted is not None and wanted > count:
        raise WganError(f"-n {wanted} is more than the {count:,} images of {path}", f"use at most -n {count}")
    real, (frequent, _) = native_shape(data), found.sizes.most_common(1)[0]
    width, height = frequent if data.image_size is None else real.size[::-1]
    if data.has_splits and (height, width) != real.size:
        log(f"real images are resized from {real.width}x{real.height} to {width}x{height}, as the generated ones")
    if resized := found.sizes.total() - found.sizes[width, height]:
        log(f"{path}: {resized:,} of {found.sizes.total():,} images are resized to {width}x{height}")
    if found.channels > real.channels:
        log(f"{path}: compared with {real.channels} of {found.channels} channels, as the real images have")
    greatest = max((each.greatest for each in values), default=0.0) if all(each.integers for each in values) else 0.0
    return GeneratedFiles(path, count, data.model_copy(update={"image_size": (height, width)}), not found.bad, greatest)


def labels_among(images: ImageSet, class_names: tuple[str, ...]) -> Tensor | None:
    """Return the labels of images as numbers of other classes, whose folders `wgan sample` may have named.

    Returns: (N,) int64, or None if the images have no classes or any that isn't among them.
    """
    numbers = {name: number for names in (folder_names(class_names), class_names) for number, name in enumerate(names)}
    if not images.class_names or not numbers.keys() >= set(images.class_names):
        return None
    return torch.tensor([numbers[name] for name in images.class_names], dtype=torch.int64)[images.labels]
