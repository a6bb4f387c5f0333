"""Animations of image files, such as a run's sample grids, or of other frames."""

import importlib.util
import io
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from wgan_cli.errors import ExitStatus, WganError
from wgan_cli.outputs.frame_files import FrameFile
from wgan_cli.outputs.grid import deep_limits, open_picture, picture_facts, scaled
from wgan_cli.utils.files import check_suffix, make_parent, write_atomically
from wgan_cli.utils.format import Log, count_of, no_log, thinned
from wgan_cli.utils.machine import check_memory

FORMATS = (".gif", ".webp", ".mp4")
_PALETTE_FRAMES, _PALETTE_SIDE = 16, 512  # evenly spaced frames, and pixels of each side, that a palette is chosen from


@dataclass(frozen=True)
class Frame:
    """An image and the label below it, "" for none."""

    picture: Image.Image
    label: str = ""


def load_frames(files: Sequence[FrameFile], limit: int | None = None, log: Log = no_log) -> list[Frame]:
    """Load at most `limit` evenly spaced images, the first frame of each; `log` receives a line if there are more.

    Raises: WganError.
    """
    chosen = thinned(files, limit)
    if len(chosen) < len(files):
        log(f"note: {len(chosen):,} of {len(files):,} images, evenly spaced; --max-frames sets the number")
    sizes, counts = zip(*(picture_facts(file.path) for file in chosen), strict=True)
    if animated := sum(count > 1 for count in counts):
        log(f"note: the first frame of {count_of(animated, 'animated image')}")
    _check_memory(sizes)
    limits = deep_limits([file.path for file in chosen])  # common ones: brightness doesn't flicker
    return [Frame(open_picture(file.path, limits), file.label) for file in chosen]


def save_animation(
    frames: list[Frame],
    path: Path,
    fps: float,
    hold: float,
    scale: float,
    *,
    colors: int | None = None,
    quality: int | None = None,
) -> None:
    """Write frames as a looping .gif or .webp, or as .mp4 if the package av is installed. Raises: WganError.

    Args:
        hold: seconds to show the last frame.
        scale: factor of the size.
        colors: size of a palette that all frames of a .gif share; None for one of 256 colors per frame.
        quality: 0 to 100 of a lossy .webp; None for a lossless one.
    """
    check_format(path, colors, quality)
    width, height = largest_size(frames)
    _check_memory([(width, height)] * len(frames), scale)
    rendered = render_frames(frames, scale)
    make_parent(path)
    suffix = path.suffix.lower()
    if suffix == ".mp4":
        content = _video(rendered, fps, hold)
    else:
        tick = 10 if suffix == ".gif" else 1  # milliseconds; rounding the starts keeps the length of the whole
        starts = [tick * round(number * 1000 / fps / tick) for number in range(len(rendered))]
        durations = [end - start for start, end in pairwise(starts)] + [1000 * max(hold, 1 / fps)]
        pictures = [Image.fromarray(frame) for frame in rendered]
        if colors is not None:
            pictures = _with_shared_palette(pictures, colors)
        lossy = {"lossless": False, "quality": quality} if quality is not None else {"lossless": True}
        options: dict[str, Any] = lossy if suffix == ".webp" else {}
        encoded = io.BytesIO()
        duration = durations if len(pictures) > 1 else durations[0]
        pictures[0].save(
            encoded, suffix[1:], save_all=True, append_images=pictures[1:], duration=duration, loop=0, **options
        )
        content = encoded.getvalue()
    write_atomically(path, lambda file: file.write(content))


def check_format(path: Path, colors: int | None, quality: int | None) -> None:
    """Raise a WganError for a suffix that is no animation, a missing package, or an option of another format."""
    check_suffix(path, FORMATS, "animation.gif", "--out")
    suffix = path.suffix.lower()
    for option, value, needed in (("--colors", colors, ".gif"), ("--quality", quality, ".webp")):
        if value is not None and suffix != needed:
            raise WganError(
                f"{option} works only for {needed}, not {path}",
                f"leave it out, or use --out {shlex.quote(str(path.with_suffix(needed)))}",
            )
    if suffix == ".mp4" and importlib.util.find_spec("av") is None:
        raise WganError(
            "an .mp4 needs the package av, which is not installed", "pip install 'wgan[video]', or use .gif",
            ExitStatus.FAILED,
        )  # fmt: skip


def _with_shared_palette(pictures: list[Image.Image], colors: int) -> list[Image.Image]:
    """Return paletted pictures with the `colors` that suit some of them best; without dithering, which grows files."""
    every = -(-max(pictures[0].size) // _PALETTE_SIDE)
    chosen = [np.asarray(each.convert("RGB"))[::every, ::every] for each in thinned(pictures, _PALETTE_FRAMES)]
    strip = Image.fromarray(np.concatenate(chosen))
    palette = strip.quantize(colors, Image.Quantize.MEDIANCUT)
    return [each.convert("RGB").quantize(palette=palette, dither=Image.Dither.NONE) for each in pictures]


def _check_memory(sizes: Sequence[tuple[int, int]], scale: float = 1) -> None:
    needed = sum(3 * width * height * scale**2 for width, height in sizes)
    check_memory(f"{len(sizes)} frames", needed, "use a smaller --max-frames or --scale")


def _video(frames: list[np.ndarray], fps: float, hold: float) -> bytes:
    import imageio.v3 as imageio

    # The codec halves the resolution of colors, so it needs even sizes.
    height, width = (-(-side // 2) * 2 for side in frames[0].shape[:2])
    color = [np.asarray(Image.fromarray(frame).convert("RGB")) for frame in frames]
    even = [np.pad(f, ((0, height - f.shape[0]), (0, width - f.shape[1]), (0, 0))) for f in color]
    even += [even[-1]] * round(hold * fps)
    return imageio.imwrite("<bytes>", np.stack(even), extension=".mp4", plugin="pyav", codec="libx264", fps=fps)


def largest_size(frames: Sequence[Frame]) -> tuple[int, int]:
    """Return the greatest width and the greatest height."""
    widths, heights = zip(*(frame.picture.size for frame in frames), strict=True)
    return max(widths), max(heights)


def render_frames(frames: list[Frame], scale: float) -> list[np.ndarray]:
    """Bring all frames to one size and mode, with a strip for labels if any frame has one.

    Smaller frames are enlarged by the greatest whole factor that fits, and padded with black to the largest.
    """
    within = largest_size(frames)
    width, height = (max(1, round(side * scale)) for side in within)
    font = ImageFont.load_default(13)
    widest = max(font.getlength(frame.label) for frame in frames)
    strip = 20 if 0 < widest <= width - 10 else 0  # a truncated number would be wrong
    mode = "L" if all(frame.picture.mode == "L" for frame in frames) else "RGB"
    rendered = []
    for frame in frames:
        canvas = Image.new(mode, (width, height + strip))
        canvas.paste(scaled(_padded(frame.picture.convert(mode), within), scale))
        if strip:
            ImageDraw.Draw(canvas).text((5, height + 2), frame.label, fill="white", font=font)
        rendered.append(np.asarray(canvas))
    return rendered


def _padded(picture: Image.Image, within: tuple[int, int]) -> Image.Image:
    """Center a picture, enlarged by a whole factor, on black."""
    factor = min(whole // side for whole, side in zip(within, picture.size, strict=True))
    enlarged = scaled(picture, factor)
    canvas = Image.new(picture.mode, within)
    canvas.paste(enlarged, ((within[0] - enlarged.width) // 2, (within[1] - enlarged.height) // 2))
    return canvas
