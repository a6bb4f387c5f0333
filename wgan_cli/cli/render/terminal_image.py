"""Pictures in a terminal: two pixels in each letter's place, or real ones where the terminal can."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image
    from rich.console import Console
    from rich.segment import Segments
    from torch import Tensor

LEAST = 14  # pixels of an image's side, below which a digit is no longer one
GAP = 1  # pixels between images
MOST = 64  # images of a folder or an array that are shown
_UPPER_HALF = "▀"


def can_show(console: Console) -> bool:
    """Whether a console is a terminal with colours enough for a picture, and letters for half a place."""
    colours = console.color_system in ("256", "truecolor", "windows") and not console.no_color
    return console.is_terminal and not console.is_dumb_terminal and colours and console.encoding.startswith("utf")


def half_blocks(picture: Image) -> Segments:
    """A picture as letters: a place of the terminal shows two pixels, one above the other.

    Made of styled segments, which a live display draws again in no time.
    """
    from rich.color import Color
    from rich.segment import Segment, Segments
    from rich.style import Style

    @cache
    def style(upper: tuple[int, int, int], lower: tuple[int, int, int] | None) -> Style:
        return Style(color=Color.from_rgb(*upper), bgcolor=None if lower is None else Color.from_rgb(*lower))

    pixels, segments = picture.convert("RGB").load(), []
    for y in range(0, picture.height, 2):
        last = y + 1 == picture.height
        line = [
            Segment(_UPPER_HALF, style(pixels[x, y], None if last else pixels[x, y + 1])) for x in range(picture.width)
        ]
        segments += [*Segment.simplify(line), Segment.line()]
    return Segments(segments)


def fitting(images: Tensor, columns: int, width: int, height: int) -> Image:
    """As many images as are still to be recognised in so many pixels, from the upper left corner of their grid.

    Args:
        images: (N, C, H, W) uint8, row by row. columns: of the grid.
    """
    from PIL import Image

    from wgan_cli.outputs.grid import as_picture

    size = images.shape[-1]
    least = min(size, LEAST)
    across = max(1, min(columns, len(images), (width - GAP) // (least + GAP)))
    side = max(1, min(size, (width - GAP) // across - GAP, height - GAP))
    rows = max(1, min(-(-len(images) // columns), (height - GAP) // (side + GAP)))
    picture = Image.new("RGB", (across * (side + GAP) + GAP, rows * (side + GAP) + GAP))
    for row in range(rows):
        for column in range(min(across, len(images) - row * columns)):
            one = as_picture(images[row * columns + column]).convert("RGB").resize((side, side), Image.Resampling.BOX)
            picture.paste(one, (GAP + column * (side + GAP), GAP + row * (side + GAP)))
    return picture


def live_picture(images: Tensor, columns: int, console: Console) -> Segments:
    """A small one for above a running bar: half of the terminal at most, and 16 levels of each colour, for it is
    written again and again.
    """
    places = min(17, console.height // 2 - 2)
    picture = fitting(images, columns, min(console.width, 120), max(2, 2 * places))
    return half_blocks(picture.point(lambda value: value & 0xF0 | value >> 4))


def show_written(path: Path, size: int | None = None) -> None:
    """Show on the terminal what `wgan sample` has written; in a pipe only say that nothing can be shown.

    Args:
        size: of each image in a grid, so that none is cut in two.
    """
    from wgan_cli.console import data, print_message

    console = data()
    if not can_show(console):
        print_message("not shown: the output is no terminal with colours")
        return
    picture = _written(path)
    real = _as_real_picture(picture, console)
    if real is not None:
        console.print(real)
        return
    width, height = console.width, 2 * max(4, console.height - 3)
    factor = max(1, min(2, picture.width // width + 1))  # a smaller digit is none
    cell = (size + 2) if size else 1
    across, down = (max(1, (limit * factor - 2) // cell) * cell + 2 for limit in (width, height))
    part = picture.crop((0, 0, min(across, picture.width), min(down, picture.height)))
    if factor > 1 or part.width > width:
        part.thumbnail((min(width, part.width // factor), part.height))
    console.print(half_blocks(part))
    if part.size != picture.size and (across < picture.width or down < picture.height):
        print_message("the upper left corner; the whole is in the file")


def _as_real_picture(picture: Image, console: Console) -> object | None:
    """What a terminal shows as real pixels, by textual-image; None where it cannot, or the package is missing."""
    try:
        from textual_image.renderable import HalfcellImage, Image, UnicodeImage
    except ImportError:
        return None
    if Image in (HalfcellImage, UnicodeImage):  # it found no way to show pixels
        return None
    return Image(picture, width=min(console.width, max(20, picture.width // 8)), height="auto")


def _written(path: Path) -> Image:
    """The grid that was written, or a grid of the first images of a folder or an array."""
    from wgan_cli.outputs.animation import open_picture

    if path.is_file() and path.suffix.lower() not in (".npy", ".npz"):
        return open_picture(path)
    import numpy as np
    import torch

    from wgan_cli.outputs.grid import as_picture, grid_tensor, near_square
    from wgan_cli.utils.image_formats import WRITABLE

    if path.is_dir():
        files = [file for file in sorted(path.rglob("*")) if file.suffix.lower() in WRITABLE][:MOST]
        pictures = [open_picture(file).convert("RGB") for file in files]  # others may have lain there already
        images = np.stack([np.asarray(picture.resize(pictures[0].size)) for picture in pictures])
    else:
        loaded = np.load(path, mmap_mode="r")
        images = np.array((loaded if path.suffix.lower() == ".npy" else loaded["images"])[:MOST])
    grid = grid_tensor(torch.from_numpy(images).permute(0, 3, 1, 2), near_square(len(images)))
    return as_picture(grid)
