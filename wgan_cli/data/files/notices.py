"""Lines about parts of the images that aren't used as they are, with the setting that changes it."""

from wgan_cli.data.files.survey import Survey
from wgan_cli.data.files.value_range import Values
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.utils.format import count_of


def cropping(oblong: int, total: int, size: tuple[int, int], settings: DataSettings) -> list[str]:
    """Report images that aren't square, `oblong` of `total`, for example of this (width, height)."""
    if settings.fit != "crop" or not oblong:
        return []
    width, height = size
    side = min(size)
    which = f"{total:,}" if oblong == total else f"{oblong:,} of {total:,}"
    return [
        f"{which} images aren't square, such as {width}x{height}: using the center {side}x{side}; "
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


def of_survey(found: Survey, settings: DataSettings) -> list[str]:
    """Report what headers tell: images with an alpha channel and images that aren't square."""
    total, oblong = len(found.good), found.oblong
    cropped = cropping(oblong.total(), total, oblong.most_common(1)[0][0], settings) if oblong else []
    return [*transparency(found.alpha, total, settings, "have an alpha channel"), *cropped]
