"""Images that a command is given: settings that read them as training images, and messages about them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wgan_cli.console import print_message
from wgan_cli.data.files.named_images import NamedImages
from wgan_cli.data.files.survey import summarize_bad
from wgan_cli.data.transforms import input_channels
from wgan_cli.errors import WganError
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.data_settings import USER_SOURCES, DataSettings
from wgan_cli.recipe.decoding_types import Size
from wgan_cli.runs.checkpoint import Checkpoint

#: Settings of training images that also say how other images are read for their generator.
_READING = ("fit", "frames", "background", "range", "transform")


def like_training(data: DataSettings, checkpoint: Checkpoint) -> DataSettings:
    """Return settings that read images as the training images of a generator were read, in their size and channels.

    Raises: WganError for shards if the training images were transformed.
    """
    own, image = checkpoint.recipe.data, checkpoint.image
    assert isinstance(own, DataSettings)
    if own.transform is not None and data.source == "shards":
        problem = f"the generator was trained with `data.transform` {own.transform}, which doesn't apply to shards"
        raise WganError(problem, "unpack the shards, and give their folder")
    changes: dict[str, Any] = {name: getattr(own, name) for name in _READING} | {"image_size": image.size}
    if data.source in USER_SOURCES:
        changes["channels"] = input_channels(image.channels, own.transform)
    return data.model_copy(update=changes)


def report_given(images: NamedImages, paths: Sequence[Path], like: ImageShape, size: Size | None, verb: str) -> None:
    """Print what isn't used of images: unusable files, parts outside of a size, and colors.

    Args:
        paths: as given. like: images of the generator. size: that they get, None for their own.
        verb: what is done with them.
    """
    prefix = f"{paths[0]}: " if len(paths) == 1 else ""  # of several, each line names an example
    if bad := images.found.bad:
        print_message(f"{prefix}skipped {summarize_bad(bad)}")
    for line in images.notices(size):
        print_message(f"{prefix}{line}")
    if images.found.channels > like.channels == 1:
        print_message(f"{prefix}colors are {verb} in gray, as the model was trained")
