"""Generated images in files, of any program, in the shape of the real images that they are compared with."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from wgan_cli.data.containers.folders import open_container
from wgan_cli.data.dataset import ImageSet
from wgan_cli.data.files.survey import survey_container
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


@dataclass(frozen=True)
class GeneratedFiles:
    """A folder, archive or array file of `count` generated images.

    data: settings of the real images, with the size to compare in. is_clean: no other file is among them.
    """

    path: Path
    count: int
    data: DataSettings
    is_clean: bool

    def load(self, limit: int, like: ImageSet, data_root: Path, log: Log) -> ImageSet:
        """Load the first `limit` images, from each class in turn, with the channels and pixels of real ones.

        Raises: WganError.
        """
        data = self.data.with_range(like.value_range)
        given = {"source": "folder", "path": str(self.path), "on_bad_file": "skip"}
        alike = {name: getattr(data, name) for name in _DECODING} | {"channels": like.shape.channels}
        files = {"limit": limit if self.is_clean else None}  # which counts files, also unusable ones
        settings = DataSettings.model_validate(given).model_copy(update=alike | files)
        found = image_folder.load(settings, data_root, log).first(limit)
        pixels = found.images.index_select(0, torch.arange(len(found)))
        if pixels.dtype != like.images.dtype:
            pixels = from_unit_range(to_unit_range(pixels), like.images.dtype)
        return replace(found, images=pixels)


def survey_generated(path: Path, data: DataSettings, wanted: int | None, log: Log) -> GeneratedFiles:
    """Read the headers of generated images, and choose the size and channels in which they are compared.

    The size is that of `data`, else the most frequent one of the generated images, and the channels are those of the
    real images; `log` receives a line for each conversion.

    Raises: WganError if there are fewer than MIN_IMAGES images, or than the `wanted` number.
    """
    with open_container(path) as container:
        found = survey_container(container)
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
    return GeneratedFiles(path, count, data.model_copy(update={"image_size": (height, width)}), not found.bad)


def labels_among(images: ImageSet, class_names: tuple[str, ...]) -> Tensor | None:
    """Return the labels of images as numbers of other classes, whose folders `wgan sample` may have named.

    Returns: (N,) int64, or None if the images have no classes or any that isn't among them.
    """
    numbers = {name: number for names in (folder_names(class_names), class_names) for number, name in enumerate(names)}
    if not images.class_names or not numbers.keys() >= set(images.class_names):
        return None
    return torch.tensor([numbers[name] for name in images.class_names], dtype=torch.int64)[images.labels]
