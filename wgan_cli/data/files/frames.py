"""Images of a multi-frame file: pages of a TIFF, frames of an animation."""

from collections.abc import Iterator, Sequence

from PIL import Image

#: Formats whose frames are images of their own. A camera's JPEG may hold a preview or a depth map instead.
_FORMATS = {"TIFF", "GIF", "WEBP", "PNG", "AVIF"}
_SUBFILE_TYPE = 254  # TIFF tag
_REDUCED, _MASK = 1, 4  # its bits: a smaller copy of another page; a transparency mask


def frame_numbers(image: Image.Image) -> Sequence[int]:
    """Return the numbers of the frames that count as images, at least one, reading headers where possible.

    Leaves out thumbnails and masks in a TIFF, and the still picture that precedes the frames of some animated PNGs.
    """
    count = getattr(image, "n_frames", 1) if image.format in _FORMATS else 1
    if count == 1:
        return [0]
    if image.format == "TIFF":
        return [number for number, page in enumerate(seek_each(image, range(count))) if _is_page(page)] or [0]
    return range(1 if image.info.get("default_image") else 0, count)


def seek_each(image: Image.Image, numbers: Sequence[int]) -> Iterator[Image.Image]:
    """Yield the image at each of the frames; it ends at its first one."""
    for number in numbers:
        image.seek(number)
        yield image
    image.seek(0)


def _is_page(page: Image.Image) -> bool:
    tags = getattr(page, "tag_v2", {})
    return not int(tags.get(_SUBFILE_TYPE, 0)) & (_REDUCED | _MASK)
