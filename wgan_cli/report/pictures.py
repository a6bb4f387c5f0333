"""Images for embedding in HTML pages."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup
from PIL import Image, features

from wgan_cli.errors import WganError
from wgan_cli.outputs.curves import Panel
from wgan_cli.outputs.grid import open_picture
from wgan_cli.runs.run_dir import step_of
from wgan_cli.utils.format import Log, thinned
from wgan_cli.utils.transparency import composited

MAX_FRAMES = 60  # sample grids of a run
MAX_LENGTH = 4_000_000  # of all frames, as data URIs
MAX_SIDE = 1024  # pixels
QUALITY = 80


@dataclass(frozen=True)
class Picture:
    """An image as a data URI, and its size in pixels."""

    uri: Markup
    width: int
    height: int


@dataclass(frozen=True)
class Frame:
    """The sample grid of a step."""

    step: int
    picture: Picture


@dataclass(frozen=True)
class RealComparison:
    """Samples next to real images: pairs with the nearest training images, and power spectra."""

    pairs: Picture
    pairs_caption: str
    spectra: Panel
    spectra_caption: str


def data_uri(mime_type: str, content: bytes) -> Markup:
    """Return a file's content as a data URI, ready for HTML."""
    return Markup(f"data:{mime_type};base64,{base64.b64encode(content).decode('ascii')}")


def encode_picture(image: Image.Image, quality: int = QUALITY) -> Picture:
    """Encode an image as WebP, or as JPEG if Pillow lacks WebP, scaled down to MAX_SIDE."""
    image = composited(image)
    image.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    kind = "webp" if features.check("webp") else "jpeg"
    file = io.BytesIO()
    image.save(file, format=kind, quality=quality)
    return Picture(data_uri(f"image/{kind}", file.getvalue()), *image.size)


def read_frames(files: Sequence[Path], log: Log) -> tuple[Frame, ...]:
    """Read sample grids, oldest first: evenly thinned to MAX_FRAMES and MAX_LENGTH, always with the last one.

    Unreadable files are skipped, and `log` receives a phrase about them.
    """
    frames, broken = [], []
    for file in thinned(files, MAX_FRAMES):
        try:
            frames.append(Frame(step_of(file), encode_picture(open_picture(file))))
        except WganError:
            broken.append(file.name)
    if broken:
        names = ", ".join(broken[:3]) + (", ..." if len(broken) > 3 else "")
        log(f"{len(broken)} sample grid{'s' if len(broken) > 1 else ''} cannot be read: {names}")
    while len(frames) > 1 and sum(len(frame.picture.uri) for frame in frames) > MAX_LENGTH:
        frames = frames[::-2][::-1]
    return tuple(frames)
