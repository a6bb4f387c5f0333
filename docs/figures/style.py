"""Shared style of the figures: light background, 9 point text, colors for color-blind readers."""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

#: Of Okabe and Ito's colours: real is blue, fake vermilion, and green what else there is.
REAL, FAKE, THIRD, DARK, PALE = "#0072B2", "#D55E00", "#009E73", "0.15", "0.6"

SETTINGS = {
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.labelsize": 9,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "lines.linewidth": 1.8,
}


def new_figure(height: float, width: float = 8.0) -> Figure:
    """Return an empty figure of the given size in inches; 8 is the width of a page on GitHub."""
    return Figure(figsize=(width, height), layout="constrained")


def plain(axes: Axes) -> None:
    """Remove grid and ticks."""
    axes.grid(False)
    axes.set_xticks([])
    axes.set_yticks([])


def write(draw: Callable[[bool], Figure], script: str) -> None:
    """Draw and write a PNG next to the script or to --out; --quick trains little, to check that everything runs."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="with as little work as can be, for tests")
    parser.add_argument("--out", type=Path, default=Path(script).with_suffix(".png"), help="default: beside the script")
    arguments = parser.parse_args()
    with matplotlib.rc_context(SETTINGS):
        save(draw(arguments.quick), arguments.out)
    print(arguments.out)


def save(figure: Figure, path: Path) -> None:
    """Write a PNG with a palette of 255 colors, a third of the size."""
    whole = io.BytesIO()
    figure.savefig(whole, format="png", dpi=110)
    with Image.open(whole) as image:
        image.convert("RGB").quantize(255, dither=Image.Dither.NONE).save(path, optimize=True)
