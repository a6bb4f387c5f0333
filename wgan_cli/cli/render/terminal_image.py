"""Images in the terminal, drawn by textual-image: pixels where the terminal supports them, else half blocks."""

from __future__ import annotations

import logging
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.segment import Segment, Segments

from wgan_cli.console import data, print_message

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from wgan_cli.recipe.decoding_types import Size

MIN_SIDE = 14  # pixels; smaller digits are unrecognizable
GAP = 1  # pixels between images
MAX_IMAGES = 64  # of a folder or an array


def can_show(console: Console) -> bool:
    """Return True for a terminal with enough colors and the block character."""
    colors = console.color_system in ("256", "truecolor", "windows") and not console.no_color
    capable = console.is_terminal and not console.is_dumb_terminal and sys.__stdout__ is not None
    return capable and colors and console.encoding.startswith("utf")


def half_blocks(image: Image, console: Console) -> Segments:
    """Render an image with two pixels in each character cell, as segments that redraw quickly."""
    from PIL import ImageOps

    logging.getLogger("textual_image").setLevel(logging.ERROR)  # it reports terminals that hide their cell size
    from textual_image.renderable import HalfcellImage

    rows = (image.height + 1) // 2
    even = ImageOps.pad(image.convert("RGB"), (image.width, 2 * rows), centering=(0, 0))
    rendered = console.render(HalfcellImage(even, width=image.width, height=rows))
    return Segments(list(Segment.simplify(rendered)))


def thumbnail_grid(images: Tensor, columns: int, width: int, height: int) -> Image:
    """Scale down and crop a grid so that its upper left images remain recognizable.

    The images are (N, C, H, W) uint8, row by row; width and height are the available pixels.
    """
    from torch.nn.functional import adaptive_avg_pool2d

    from wgan_cli.outputs.grid import as_picture, grid_tensor
    from wgan_cli.utils.transparency import composited

    full_height, full_width = images.shape[2:]
    least = min(1.0, MIN_SIDE / min(full_height, full_width))  # of the scale
    across = max(1, min(columns, len(images), (width - GAP) // (math.ceil(least * full_width) + GAP)))
    scale = min(1.0, ((width - GAP) // across - GAP) / full_width, (height - GAP) / full_height)
    high, wide = (max(1, math.floor(scale * side + 1e-6)) for side in (full_height, full_width))
    rows = max(1, min(-(-len(images) // columns), (height - GAP) // (high + GAP)))
    shown = [index for index in range(min(len(images), rows * columns)) if index % columns < across]
    small = adaptive_avg_pool2d(images[shown].float(), (high, wide)).round().byte()  # (N, C, high, wide)
    return composited(as_picture(grid_tensor(small, across, GAP)))


def live_image(images: Tensor, columns: int, console: Console) -> Segments:
    """Render samples above a progress bar: at most half the terminal, in 4,096 colors because it is redrawn often."""
    rows = min(17, console.height // 2 - 2)
    grid = thumbnail_grid(images, columns, min(console.width, 120), max(2, 2 * rows))
    few_colors = [value & 0xF0 | value >> 4 for value in range(256)] * 3
    return half_blocks(grid.point(few_colors), console)


def show_written(path: Path, size: Size | None = None, enlarged: int = 1) -> None:
    """Show what `wgan sample` wrote: of a grid of images of a size (height, width), enlarged, only whole ones."""
    console = data()
    if not can_show(console):
        print_message("not shown: the output is not a color terminal")
        return
    image = _read_written(path)
    logging.getLogger("textual_image").setLevel(logging.ERROR)
    from textual_image.renderable import HalfcellImage, UnicodeImage
    from textual_image.renderable import Image as TerminalImage

    if TerminalImage not in (HalfcellImage, UnicodeImage):  # the terminal shows pixels
        console.print(TerminalImage(image, width=min(console.width, max(20, image.width // 8)), height="auto"))
        return
    scale = 2 if image.width > console.width else 1
    gap = 2 * enlarged
    cells = (enlarged * size[1] + gap, enlarged * size[0] + gap) if size else (1, 1)
    limits = (console.width, 2 * max(4, console.height - 3))
    right, lower = (
        min(full, max(1, (limit * scale - gap) // cell) * cell + gap)
        for full, limit, cell in zip(image.size, limits, cells, strict=True)
    )
    part = image.crop((0, 0, right, lower))
    part.thumbnail((min(console.width, part.width // scale), part.height))
    console.print(half_blocks(part, console))
    if (right, lower) != image.size:
        print_message("this is the upper left corner; the file holds all images")


def _open(path: Path) -> Image:
    """Open a picture of any depth and bands; values of more than 8 bits are spread from black to white."""
    import torch

    from wgan_cli.data.files.decoding import decode_first, deep_values, read_header
    from wgan_cli.outputs.grid import as_picture, open_picture
    from wgan_cli.recipe.data_settings import DataSettings
    from wgan_cli.utils.pixels import preview

    content = path.read_bytes()
    header = read_header(content)
    if not header.deep and not header.bands:
        return open_picture(path)
    settings = DataSettings.model_validate({"frames": "first"})
    for values in deep_values(content, settings):
        low = float(values.min())
        settings = settings.with_range((low, max(low + 1e-6, float(values.max()))))
    width, height = header.size
    decoded = decode_first(content, (height, width), header.channels, settings, path.name)
    return as_picture(preview(torch.from_numpy(decoded.pixels[0])))


def _read_written(path: Path) -> Image:
    """Return the written grid, or a grid of the first images of a folder or an array."""
    import numpy as np
    import torch

    from wgan_cli.outputs.grid import as_picture, grid_tensor, near_square
    from wgan_cli.utils.image_formats import WRITABLE
    from wgan_cli.utils.pixels import preview

    if path.is_file() and path.suffix.lower() not in (".npy", ".npz"):
        return _open(path)
    if path.is_dir():
        files = [file for file in sorted(path.rglob("*")) if file.suffix.lower() in WRITABLE][:MAX_IMAGES]
        pictures = [_open(file).convert("RGB") for file in files]
        images = np.stack([np.asarray(each.resize(pictures[0].size)) for each in pictures])  # others may differ
    else:
        loaded = np.load(path, mmap_mode="r")
        images = np.array((loaded if path.suffix.lower() == ".npy" else loaded["images"])[:MAX_IMAGES])
    if images.dtype != np.uint8:
        images = images.astype(np.float32)  # 255 times a value doesn't fit into 16 bits
        images = (255 * (images - images.min()) / max(1e-6, np.ptp(images))).astype(np.uint8)
    shown = preview(torch.from_numpy(images).permute(0, 3, 1, 2))
    return as_picture(grid_tensor(shown, near_square(len(images))))
