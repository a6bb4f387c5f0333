"""Lines about parts of the images that aren't used as they are, with the setting that changes it if it can be set."""

from wgan_cli.data.files.survey import Survey
from wgan_cli.data.files.value_range import Values
from wgan_cli.data.fit import cropped_size
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.recipe.decoding_types import Size, size_text
from wgan_cli.utils.format import count_of

_MOST_CLIPPED = 0.01  # share of values, of which a range of percentiles leaves out some on purpose


def cropping(
    count: int, total: int, example: tuple[int, int], settings: DataSettings, size: Size, name: str = "",
    settable: bool = True,
) -> list[str]:  # fmt: skip
    """Report images of another aspect ratio than `size`, `count` of `total`: `name` of this (width, height), say."""
    if settings.fit != "crop" or not count:
        return []
    (width, height), (kept_width, kept_height) = example, cropped_size(*example, size)
    which = f"{total:,}" if count == total else f"{count:,} of {total:,}"
    how = "aren't square" if size[0] == size[1] else f"don't have the shape of {size_text(size)} (height x width)"
    such = f"{name} ({width}x{height})" if name and total > 1 else f"{width}x{height}"
    change = "; --set data.fit=pad keeps everything" if settable else ""
    if total == 1:
        shape = "square" if size[0] == size[1] else f"of the shape {size_text(size)} (height x width)"
        return [f"the image isn't {shape} but {such}: using the center {kept_width}x{kept_height}{change}"]
    return [f"{which} images {how}, such as {such}: using the center {kept_width}x{kept_height}{change}"]


def transparency(
    transparent: int, total: int, settings: DataSettings, what: str = "are partly transparent", name: str = "",
    settable: bool = True,
) -> list[str]:  # fmt: skip
    """Report images, `transparent` of `total`, that are composited onto the background."""
    if not transparent or settings.channels == 4:
        return []
    other = "black" if settings.background == "white" else "white"
    such = f", such as {name}" if name and total > 1 else ""
    line = f"{transparent:,} of {total:,} images {what}{such}: composited onto {settings.background_name}"
    change = f"; --set data.background={other} changes the color, --set data.channels=4 learns transparency"
    return [line + change if settable else line]


def frames(files: int, images: int, settings: DataSettings) -> list[str]:
    """Report files with several images: pages or frames of animations."""
    if not files:
        return []
    holds = f"{count_of(files)} with several pages or frames, {images:,} in all"
    if settings.frames == "all":
        return [f"{holds}: each is used as an image; --set data.frames=first uses the first of each file"]
    return [f"{holds}: using the first of each file; --set data.frames=all uses each as an image"]


def value_range(values: Values | None, settable: bool = True) -> list[str]:
    """Report the range chosen for images with more than 8 bits."""
    if values is None:
        return []
    low, high = values.range
    line = (
        f"{values.images:,} images with more than 8 bits, values {values.least:g} to {values.greatest:g}: "
        f"{low:g} is black and {high:g} white"
    )
    if not settable:
        return [line]
    if values.suggested is None:
        return [f"{line}; --set data.range=[LOW,HIGH] changes it"]
    low, high = values.suggested
    return [f"{line}; 99.8% are from {low:g} to {high:g}, which --set 'data.range=[{low:g}, {high:g}]' spreads"]


def clipping(share: float, settings: DataSettings) -> list[str]:
    """Report values outside of the range of the settings, if they are more than a percent of all."""
    if share < _MOST_CLIPPED or not isinstance(settings.range, tuple):
        return []
    low, high = settings.range
    become = f"outside of {low:g} to {high:g} and become black or white"
    return [f"{share:.0%} of the values are {become}; --set data.range=auto chooses another range"]


def non_finite(count: int, total: int) -> list[str]:
    """Report images with NaN or infinite values."""
    if not count:
        return []
    return [f"{count:,} of {count_of(total, 'image')} with NaN or infinite values, which become black or white"]


def of_survey(found: Survey, settings: DataSettings, size: Size, settable: bool = True) -> list[str]:
    """Report what headers tell: images with an alpha channel and images of another aspect ratio."""
    total, other = len(found.good), found.of_other_aspect(size)
    example = other.most_common(1)[0][0] if other else (0, 0)
    name = found.example_of.get(example, "")
    return [
        *transparency(found.alpha, total, settings, "have an alpha channel", found.alpha_example, settable),
        *cropping(other.total(), total, example, settings, size, name, settable),
    ]
