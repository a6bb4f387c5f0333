"""Lines about parts of the images that aren't used as they are, with the setting that changes it."""

from wgan_cli.data.files.survey import Survey
from wgan_cli.data.files.value_range import Values
from wgan_cli.data.fit import cropped_size
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.recipe.decoding_types import Size, size_text
from wgan_cli.utils.format import count_of


def cropping(count: int, total: int, example: tuple[int, int], settings: DataSettings, size: Size) -> list[str]:
    """Report images of another aspect ratio than `size`, `count` of `total`, for example of this (width, height)."""
    if settings.fit != "crop" or not count:
        return []
    (width, height), (kept_width, kept_height) = example, cropped_size(*example, size)
    which = f"{total:,}" if count == total else f"{count:,} of {total:,}"
    how = "aren't square" if size[0] == size[1] else f"don't have the shape of {size_text(size)} (height x width)"
    return [
        f"{which} images {how}, such as {width}x{height}: using the center {kept_width}x{kept_height}; "
        "--set data.fit=pad keeps everything"
    ]


def transparency(
    transparent: int, total: int, settings: DataSettings, what: str = "are partly transparent"
) -> list[str]:
    """Report images, `transparent` of `total`, that are composited onto the background."""
    if not transparent or settings.channels == 4:
        return []
    other = "black" if settings.background == "white" else "white"
    return [
        f"{transparent:,} of {total:,} images {what}: composited onto {settings.background_name}; "
        f"--set data.background={other} changes the color, --set data.channels=4 learns transparency"
    ]


def frames(files: int, images: int, settings: DataSettings) -> list[str]:
    """Report files with several images: pages or frames of animations."""
    if not files:
        return []
    holds = f"{count_of(files)} with several pages or frames, {images:,} in all"
    if settings.frames == "all":
        return [f"{holds}: each is used as an image; --set data.frames=first uses the first of each file"]
    return [f"{holds}: using the first of each file; --set data.frames=all uses each as an image"]


def value_range(values: Values | None) -> list[str]:
    """Report the range chosen for images with more than 8 bits."""
    if values is None:
        return []
    low, high = values.range
    line = (
        f"{values.images:,} images with more than 8 bits, values {values.least:g} to {values.greatest:g}: "
        f"{low:g} is black and {high:g} white"
    )
    if values.suggested is None:
        return [f"{line}; --set data.range=[LOW,HIGH] changes it"]
    low, high = values.suggested
    return [f"{line}; 99.8% are from {low:g} to {high:g}, which --set 'data.range=[{low:g}, {high:g}]' spreads"]


def of_survey(found: Survey, settings: DataSettings, size: Size) -> list[str]:
    """Report what headers tell: images with an alpha channel and images of another aspect ratio."""
    total, other = len(found.good), found.of_other_aspect(size)
    cropped = cropping(other.total(), total, other.most_common(1)[0][0], settings, size) if other else []
    return [*transparency(found.alpha, total, settings, "have an alpha channel"), *cropped]
