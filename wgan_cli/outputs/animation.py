"""Animations of a run's sample grids, of a folder of numbered images, or of a walk through latent space."""

import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import nn

from wgan_cli.errors import ExitStatus, WganError
from wgan_cli.outputs.grid import as_picture, grid_tensor, open_picture, picture_size
from wgan_cli.outputs.sampling import cycled_labels, generate
from wgan_cli.outputs.styles import walk, walker
from wgan_cli.runs.checkpoint import Checkpoint
from wgan_cli.utils.files import make_parent, write_atomically
from wgan_cli.utils.format import thinned
from wgan_cli.utils.image_formats import readable_formats
from wgan_cli.utils.machine import free_memory
from wgan_cli.utils.seeds import latent_vectors

FORMATS = (".gif", ".webp", ".mp4")


@dataclass(frozen=True)
class Frame:
    """An image and the label below it, "" for none."""

    picture: Image.Image
    label: str = ""


def folder_frames(folder: Path, limit: int | None = None) -> list[Frame]:
    """Load at most `limit` evenly spaced images of a folder, by the numbers in their names. Raises: WganError."""
    suffixes = {suffix for suffix, name in Image.registered_extensions().items() if name in readable_formats()}
    numbered = [
        (tuple(map(int, re.findall(r"\d+", path.stem))), path)
        for path in folder.iterdir()
        if path.suffix.lower() in suffixes
        and not path.name.startswith(".")
        and re.search(r"\d", path.stem)
        and path.is_file()  # reading a pipe would block
    ]
    if not numbered:
        raise WganError(f"{folder} holds no numbered images", "give a run folder, or a folder of 1.png, 2.png...")
    chosen = thinned(sorted(numbered), limit)
    _check_memory([picture_size(path) for _, path in chosen])
    return [Frame(open_picture(path), " ".join(map(str, numbers))) for numbers, path in chosen]


def walk_frames(generator: nn.Module, checkpoint: Checkpoint, seed: int, count: int, side: int = 4) -> list[Frame]:
    """Render a looping walk through latent space (style space if there is one) as side x side grids.

    Each image has its own closed path, and keeps its class. `count` is rounded to whole legs of the path.
    """
    latent_dim, cells = checkpoint.recipe.model.latent_dim, side * side
    legs = max(2, min(4, count // 8))
    frames_per_leg = max(1, count // legs)
    ends = latent_vectors(seed, range(cells * legs), latent_dim).reshape(cells, legs, latent_dim)
    labels = cycled_labels(checkpoint.recipe, checkpoint.image, cells)
    leg_labels = [None if labels is None else np.repeat(labels[cell], legs) for cell in range(cells)]
    paths = [
        walk(generator, own_ends, frames_per_leg, closed=True, labels=own_labels)
        for own_ends, own_labels in zip(ends, leg_labels, strict=True)
    ]
    walks = np.stack(paths, axis=1)  # (frames, cells, features)
    all_labels = None if labels is None else np.tile(labels, len(walks))
    images = torch.cat(list(generate(walker(generator), walks.reshape(-1, walks.shape[-1]), labels=all_labels)))
    per_frame = images.unflatten(0, (len(walks), cells))  # (frames, cells, C, H, W)
    return [Frame(as_picture(grid_tensor(grid, side)).convert("RGB")) for grid in per_frame]


def save_animation(frames: list[Frame], path: Path, fps: float, hold: float, scale: int) -> None:
    """Write frames as a looping .gif or .webp, or as .mp4 if the package av is installed. Raises: WganError.

    hold: seconds to show the last frame. scale: factor by which pixels are enlarged.
    """
    import imageio.v3 as imageio

    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise WganError(f"{path} does not end in {', '.join(FORMATS)}", f"use --out {path.stem or 'animation'}.gif")
    _check_memory([frames[0].picture.size] * len(frames), scale)
    rendered = render_frames(frames, scale)
    make_parent(path)
    if suffix == ".mp4":
        content = _video(rendered, fps, hold)
    else:
        durations = [1000 / fps] * (len(rendered) - 1) + [1000 * max(hold, 1 / fps)]
        duration = durations if len(rendered) > 1 else durations[0]
        options: dict[str, Any] = {"lossless": True} if suffix == ".webp" else {}
        content = imageio.imwrite(
            "<bytes>", rendered, extension=suffix, plugin="pillow", duration=duration, loop=0, **options
        )
    write_atomically(path, lambda file: file.write(content))


def _check_memory(sizes: list[tuple[int, int]], scale: int = 1) -> None:
    needed = sum(3 * width * height * scale**2 for width, height in sizes)
    free = free_memory(torch.device("cpu"))
    if free is not None and needed > free:
        raise WganError(
            f"{len(sizes)} frames need {needed / 1e9:,.1f} GB of memory, but {free / 1e9:,.1f} GB are free",
            "use a smaller --max-frames or --scale",
        )


def _video(frames: list[np.ndarray], fps: float, hold: float) -> bytes:
    import imageio.v3 as imageio

    if importlib.util.find_spec("av") is None:
        raise WganError(
            "an .mp4 needs the package av, which is not installed", "pip install 'wgan[video]', or use .gif",
            ExitStatus.FAILED,
        )  # fmt: skip
    # The codec halves the resolution of colors, so it needs even sizes.
    height, width = (-(-side // 2) * 2 for side in frames[0].shape[:2])
    color = [np.asarray(Image.fromarray(frame).convert("RGB")) for frame in frames]
    even = [np.pad(f, ((0, height - f.shape[0]), (0, width - f.shape[1]), (0, 0))) for f in color]
    even += [even[-1]] * round(hold * fps)
    return imageio.imwrite("<bytes>", np.stack(even), extension=".mp4", plugin="pyav", codec="libx264", fps=fps)


def render_frames(frames: list[Frame], scale: int) -> list[np.ndarray]:
    """Bring all frames to one size and mode, with a strip for labels if any frame has one."""
    width, height = (side * scale for side in frames[0].picture.size)
    font = ImageFont.load_default(13)
    widest = max(font.getlength(frame.label) for frame in frames)
    strip = 20 if 0 < widest <= width - 10 else 0  # a truncated number would be wrong
    mode = "L" if all(frame.picture.mode == "L" for frame in frames) else "RGB"
    rendered = []
    for frame in frames:
        canvas = Image.new(mode, (width, height + strip))
        canvas.paste(frame.picture.convert(mode).resize((width, height), Image.Resampling.NEAREST), (0, 0))
        if strip:
            ImageDraw.Draw(canvas).text((5, height + 2), frame.label, fill="white", font=font)
        rendered.append(np.asarray(canvas))
    return rendered
