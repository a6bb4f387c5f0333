"""Animations: a run's sample grids in order, any folder of numbered images, or a walk through the latent space."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont, UnidentifiedImageError
from torch import nn

from wgan_cli.errors import ExitStatus, WganError
from wgan_cli.outputs.grid import as_picture, grid_tensor
from wgan_cli.outputs.sampling import generate, labels_in_turn
from wgan_cli.outputs.styles import walk, walker
from wgan_cli.runs.checkpoint import Checkpoint
from wgan_cli.utils.files import make_parent, write_atomically
from wgan_cli.utils.format import thinned
from wgan_cli.utils.image_formats import readable_formats
from wgan_cli.utils.memory import free_memory
from wgan_cli.utils.seeds import latent_vectors

FORMS = (".gif", ".webp", ".mp4")


@dataclass(frozen=True)
class Frame:
    """A picture and the words to write below it, "" for none."""

    picture: Image.Image
    label: str = ""


def folder_frames(folder: Path, most: int | None = None) -> list[Frame]:
    """The numbered images of a folder, sorted by all numbers in their names: 9.png before 10.png, 2_50 before 10_0.

    Args:
        most: take only so many, evenly spread, the first and the last among them.
    Raises: WganError for a folder without numbered images, or a file that is no image.
    """
    endings = {ending for ending, form in Image.registered_extensions().items() if form in readable_formats()}
    numbered = [
        (tuple(map(int, re.findall(r"\d+", path.stem))), path)
        for path in folder.iterdir()
        if path.suffix.lower() in endings
        and not path.name.startswith(".")
        and re.search(r"\d", path.stem)
        and path.is_file()  # reading a pipe would wait for ever
    ]
    if not numbered:
        raise WganError(f"{folder} holds no numbered images", "give a run folder, or a folder of 1.png, 2.png...")
    chosen = thinned(sorted(numbered), most)
    _check_room([_size(path) for _, path in chosen])
    return [Frame(open_picture(path), " ".join(map(str, numbers))) for numbers, path in chosen]


def open_picture(path: Path) -> Image.Image:
    """Read an image from somewhere as grey or RGB. Raises: WganError where it is none."""
    with _readable(path), Image.open(path, formats=readable_formats()) as picture:
        if picture.mode.startswith("I"):  # 16 bits
            return picture.convert("I").point(lambda value: value * (1 / 257)).convert("L")
        return picture.convert("L" if picture.mode in ("1", "L") else "RGB")


def _size(path: Path) -> tuple[int, int]:
    with _readable(path), Image.open(path, formats=readable_formats()) as picture:  # reads the header alone
        return picture.size


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn all that Pillow raises inside the block into an error that names the file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of many pixels, which are counted here
            yield
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError) as error:
        raise WganError(f"{path} is not an image that can be read", "delete it, or give another folder") from error


def _check_room(sizes: list[tuple[int, int]], scale: int = 1) -> None:
    """Refuse frames that take more memory than is free, before one is decoded. Raises: WganError."""
    needed = sum(3 * width * height * scale**2 for width, height in sizes)
    free = free_memory(torch.device("cpu"))
    if free is not None and needed > free:
        raise WganError(
            f"{len(sizes)} frames take {needed / 1e9:,.1f} GB of memory, and {free / 1e9:,.1f} GB are free",
            "give a smaller --max-frames or --scale",
        )


def walk_frames(generator: nn.Module, checkpoint: Checkpoint, seed: int, count: int, side: int = 4) -> list[Frame]:
    """A grid of side x side images, each on a closed walk of its own through the latent space, so that it loops.

    With a style space the walk is through that. An image stays in its class, if the generator knows classes.

    Args:
        checkpoint: of the generator.
        count: frames in all, at least 2, rounded to whole legs of the walk.
    """
    latent_dim = checkpoint.recipe.model.latent_dim
    legs = max(2, min(4, count // 8))
    a_leg = max(1, count // legs)
    ends = latent_vectors(seed, range(side * side * legs), latent_dim).reshape(side * side, legs, latent_dim)
    labels = labels_in_turn(checkpoint.recipe, checkpoint.image, side * side)
    of_legs = [None if labels is None else np.repeat(labels[place], legs) for place in range(side * side)]
    walks = np.stack(
        [walk(generator, own, a_leg, closed=True, labels=each) for own, each in zip(ends, of_legs, strict=True)], axis=1
    )  # (frames, side*side, features)
    every_frames = None if labels is None else np.tile(labels, len(walks))
    images = torch.cat(list(generate(walker(generator), walks.reshape(-1, walks.shape[-1]), labels=every_frames)))
    per_frame = images.unflatten(0, (len(walks), side * side))  # (frames, side*side, C, H, W)
    return [Frame(as_picture(grid_tensor(grid, side)).convert("RGB")) for grid in per_frame]


def save_animation(frames: list[Frame], path: Path, fps: float, hold: float, scale: int) -> None:
    """Write frames as .gif or .webp that loop, or as .mp4.

    Args:
        hold: seconds that the last frame stays. scale: whole factor by which each pixel grows.
    Raises: WganError for another ending, or .mp4 without its extra package.
    """
    form = path.suffix.lower()
    if form not in FORMS:
        raise WganError(f"{path} does not end in {', '.join(FORMS)}", f"write --out {path.stem or 'animation'}.gif")
    _check_room([frames[0].picture.size] * len(frames), scale)
    on_samples = _drawn(frames, scale)
    make_parent(path)
    if form == ".mp4":
        write_atomically(path, lambda file: _write_video(file, on_samples, fps, hold))
    else:
        durations = [1000 / fps] * (len(on_samples) - 1) + [1000 * max(hold, 1 / fps)]
        write_atomically(path, lambda file: _write_looping(file, form, on_samples, durations))


def _write_looping(file, form: str, frames: list[np.ndarray], durations: list[float]) -> None:
    import imageio.v3 as imageio

    options = {"lossless": True} if form == ".webp" else {}
    duration = durations if len(frames) > 1 else durations[0]
    file.write(
        imageio.imwrite("<bytes>", frames, extension=form, plugin="pillow", duration=duration, loop=0, **options)
    )


def _write_video(file, frames: list[np.ndarray], fps: float, hold: float) -> None:
    import imageio.v3 as imageio

    try:
        import av  # noqa: F401
    except ImportError:
        raise WganError(
            "an .mp4 needs the package av, which is not installed", "pip install 'wgan[video]', or write a .gif",
            ExitStatus.FAILED,
        ) from None  # fmt: skip
    # The codec halves the colours' resolution, so it takes only even sizes.
    height, width = (-(-side // 2) * 2 for side in frames[0].shape[:2])
    colour = [np.asarray(Image.fromarray(frame).convert("RGB")) for frame in frames]
    even = [np.pad(f, ((0, height - f.shape[0]), (0, width - f.shape[1]), (0, 0))) for f in colour]
    even += [even[-1]] * round(hold * fps)
    file.write(imageio.imwrite("<bytes>", np.stack(even), extension=".mp4", plugin="pyav", codec="libx264", fps=fps))


def _drawn(frames: list[Frame], scale: int) -> list[np.ndarray]:
    """All frames in one size and mode: scaled, and with a strip for the label where any frame has one."""
    width, height = (side * scale for side in frames[0].picture.size)
    font = ImageFont.load_default(13)
    widest = max(font.getlength(frame.label) for frame in frames)
    strip = 20 if 0 < widest <= width - 10 else 0  # half a number would say something else
    mode = "L" if all(frame.picture.mode == "L" for frame in frames) else "RGB"
    on_samples = []
    for frame in frames:
        canvas = Image.new(mode, (width, height + strip))
        canvas.paste(frame.picture.convert(mode).resize((width, height), Image.Resampling.NEAREST), (0, 0))
        if strip:
            ImageDraw.Draw(canvas).text((5, height + 2), frame.label, fill="white", font=font)
        on_samples.append(np.asarray(canvas))
    return on_samples
