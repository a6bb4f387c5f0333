"""Pictures inside a page: small, few, and read again whatever lies there."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, features

from wgan_cli.errors import WganError
from wgan_cli.outputs.animation import open_picture
from wgan_cli.runs.run_dir import step_of
from wgan_cli.utils.format import thinned

MOST_FRAMES = 60  # of a run's grids; more nobody moves a slider through
MOST_BYTES = 3_000_000  # of all of them, before they are written as letters
WIDEST = 1024  # pixels of a side
QUALITY = 80


@dataclass(frozen=True)
class Picture:
    """An encoded picture and its size in pixels."""

    encoded: bytes
    kind: str
    width: int
    height: int

    @property
    def uri(self) -> str:
        """The picture itself, as an address."""
        return f"data:image/{self.kind};base64,{base64.b64encode(self.encoded).decode('ascii')}"


@dataclass(frozen=True)
class Frame:
    """The sample grid of a step."""

    step: int
    picture: Picture


@dataclass(frozen=True)
class Nearest:
    """Samples beside the training images that are most like them, and in words what they are."""

    picture: Picture
    words: str


def encoded(picture: Image.Image, quality: int = QUALITY) -> Picture:
    """A picture as WebP, or as JPEG where Pillow knows no WebP; one that is very large becomes smaller."""
    picture = picture.convert("RGB")
    picture.thumbnail((WIDEST, WIDEST), Image.Resampling.LANCZOS)
    kind = "webp" if features.check("webp") else "jpeg"
    file = io.BytesIO()
    picture.save(file, format=kind, quality=quality)
    return Picture(file.getvalue(), kind, *picture.size)


def read_frames(files: Sequence[Path], note: Callable[[str], None]) -> tuple[Frame, ...]:
    """Sample grids, oldest first: at most MOST_FRAMES of MOST_BYTES in all, evenly spread, the last among them.

    Args:
        note: told of files that are no pictures, which are left out.
    """
    frames, broken = [], []
    for file in thinned(files, MOST_FRAMES):
        try:
            frames.append(Frame(step_of(file), encoded(open_picture(file))))
        except WganError:
            broken.append(file.name)
    if broken:
        count = f"{len(broken)} sample grids are" if len(broken) > 1 else "a sample grid is"
        note(f"{count} no image that can be read: {', '.join(broken[:3])}{', ...' if len(broken) > 3 else ''}")
    while len(frames) > 1 and sum(len(frame.picture.encoded) for frame in frames) > MOST_BYTES:
        frames = frames[::-2][::-1]
    return tuple(frames)
