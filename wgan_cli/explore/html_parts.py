"""HTML parts of the page, rendered from templates/parts.html.j2."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from markupsafe import Markup
from torch import Tensor

from wgan_cli.explore.live import Snapshot
from wgan_cli.explore.session import FRAMES_PER_LEG, View, save_grid, save_walk
from wgan_cli.explore.source import Source
from wgan_cli.explore.translation_session import Translated
from wgan_cli.outputs.grid import as_picture, near_square
from wgan_cli.report.panels import loss_panels, score_panels
from wgan_cli.report.pictures import data_uri
from wgan_cli.report.templating import TEMPLATES

MAX_PIXELATED = 64  # pixels of a side; larger images are shown smoothed
_NUM_STILLS = 9  # of a walk


def head(source: Source) -> str:
    """Render the title: recipe, file, training step and image shape."""
    return _render("head", source.generator.recipe, source.file, source.description, source.generator.image)


def grid(images: Tensor, view: View, class_names: Sequence[str], labels: Sequence[int] | np.ndarray | None) -> str:
    """Render images as buttons, in the rows of the saved grid; labels: their classes, or None."""
    classes = ["" if labels is None else f", {class_names[labels[number]]}" for number in range(len(images))]
    buttons = [(png_uri(image), f"image {number}{classes[number]}") for number, image in enumerate(images)]
    side = images.shape[-1]
    save = _file_uri("image/png", lambda path: save_grid(images, path), "grid.png")
    return _render("grid", buttons, view.seed, near_square(len(images)), shown_side(side), sharpness(side), save)


def walk(images: Tensor, first: int, second: int, keeps_class: bool) -> str:
    """Render an animated walk, some of its frames, and a link to save it; keeps_class: all have the first class."""
    animation = _file_uri("image/gif", lambda path: save_walk(images, path), "walk.gif")
    places = [round(number * FRAMES_PER_LEG / (_NUM_STILLS - 1)) for number in range(_NUM_STILLS)]
    stills = [png_uri(images[place]) for place in places]
    return _render("walk", animation, stills, first, second, keeps_class, sharpness(images.shape[-1]))


def placeholder(text: str) -> str:
    """Render the text where images will appear."""
    return _render("empty", text)


def translations(translated: Translated) -> str:
    """Render each image next to its translation."""
    side = translated.images.shape[-1]
    pairs = [
        (name, png_uri(before), png_uri(after))
        for name, (before, after) in zip(translated.names, translated.images.unflatten(0, (-1, 2)), strict=True)
    ]
    return _render("translations", pairs, shown_side(side), sharpness(side), translated.skipped)


def training(snapshot: Snapshot) -> str:
    """Render a run's state, its last grid, and its curves with their meanings."""
    runs = [snapshot.report]
    return _render("training", snapshot.report, snapshot.frame, score_panels(runs), loss_panels(runs))


def notice(message: str, hint: str = "", kind: str = "error") -> str:
    """Render a message. kind: "error" or "note"."""
    return _render("notice", message, hint, kind)


def _render(macro: str, *values: Any) -> str:
    return str(getattr(TEMPLATES.get_template("explore/templates/parts.html.j2").module, macro)(*values))


def shown_side(size: int) -> int:
    """Return the width of an image on the page in pixels: a multiple of its size, about 112."""
    return size * max(1, round(112 / size))


def sharpness(size: int) -> str:
    """Return the CSS class that shows pixels as squares, or smooths them."""
    return "sharp" if size <= MAX_PIXELATED else "smooth"


def png_uri(image: Tensor) -> Markup:
    """Return an image (C, H, W) uint8 losslessly as a data URI."""
    file = io.BytesIO()
    as_picture(image).save(file, format="PNG", compress_level=1)
    return data_uri("image/png", file.getvalue())


def _file_uri(mime_type: str, write: Callable[[Path], None], name: str) -> Markup:
    with TemporaryDirectory() as folder:
        write(Path(folder) / name)
        return data_uri(mime_type, (Path(folder) / name).read_bytes())
