"""Messages about the images that a command is given."""

from collections.abc import Sequence
from pathlib import Path

from wgan_cli.console import print_message
from wgan_cli.data.files.named_images import NamedImages
from wgan_cli.data.files.survey import summarize_bad
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.decoding_types import Size


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
