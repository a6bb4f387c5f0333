"""`wgan gif` of a checkpoint: a walk through latent space, by its options."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wgan_cli.cli.arguments.options import command_device
from wgan_cli.cli.sampling.requirements import check_style_options, chosen_classes
from wgan_cli.errors import WganError
from wgan_cli.networks.style_space import StyleSpace
from wgan_cli.outputs.animation import Frame
from wgan_cli.outputs.grid import near_square
from wgan_cli.outputs.latent_space.styles import Truncated
from wgan_cli.outputs.latent_space.walk import ends_of_seeds, random_ends, walk_frames
from wgan_cli.outputs.sampling import generator_of, parse_seeds
from wgan_cli.runs.checkpoint import Checkpoint
from wgan_cli.runs.pretrained import source_title
from wgan_cli.runs.run_dir import RunDir, is_run, run_around
from wgan_cli.utils.format import count_of

GRID = "4x4"
MOST_CELLS = 400


@dataclass(frozen=True)
class LatentWalk:
    """Options of a walk: `seeds` is a list such as 3,8,2, `grid` columns x rows, `count` the number of frames."""

    seed: int
    seeds: str | None
    classes: Sequence[str] | None
    truncation: float | None
    grid: str | None
    count: int


def walk_of(checkpoint: Checkpoint, source: Path, options: LatentWalk, device: str) -> list[Frame]:
    """Render the walk of a checkpoint's generator. Raises: WganError."""
    generator = generator_of(checkpoint, str(source), command_device(device))
    if checkpoint.recipe.translates:
        run = RunDir(source) if is_run(source) else run_around(source)
        name = shlex.quote(source_title(source) if run is None else str(run.path))
        raise WganError(
            f"{source_title(source)} translates images, so there is no latent space to walk through",
            f"translate images with it: wgan sample {name} --translate PATH"
            if run is None
            else f"its grids show the same images, translated during training: wgan gif {name}",
        )
    check_style_options({"--truncation": options.truncation}, checkpoint)
    classes = chosen_classes(options.classes, checkpoint)
    columns, rows = _grid(options.grid or GRID)
    latent_dim, cells = checkpoint.recipe.model.latent_dim, columns * rows
    if classes is not None and len(classes) > cells:
        raise _too_many(len(classes), cells)
    if options.seeds is None:
        ends = random_ends(latent_dim, options.seed, cells, options.count)
    elif len(seeds := parse_seeds(options.seeds)) > 1:
        ends = ends_of_seeds(latent_dim, seeds, cells)
    else:
        raise WganError(f"--seeds {options.seeds} is one seed, and a walk needs two", "add another: --seeds 3,8,2")
    if options.truncation is not None and isinstance(generator, StyleSpace):
        generator = Truncated(generator, options.truncation)
    return walk_frames(generator, checkpoint, ends, options.count, columns, classes)


def _too_many(classes: int, cells: int) -> WganError:
    """Return the error for more classes than a grid has cells."""
    columns = near_square(classes)
    larger = f"use --grid {columns}x{-(-classes // columns)}, or " if classes <= MOST_CELLS else ""
    return WganError(f"--class lists {classes} classes for {count_of(cells, 'cell')}", f"{larger}list fewer classes")


def _grid(text: str) -> tuple[int, int]:
    """Parse COLUMNSxROWS."""
    found = re.fullmatch(r"([1-9]\d{0,2})x([1-9]\d{0,2})", text.strip())
    if found is None:
        raise WganError(f"--grid {text[:40]!r} is not of the form COLUMNSxROWS", "for example: --grid 4x3")
    columns, rows = int(found[1]), int(found[2])
    if columns * rows > MOST_CELLS:
        raise WganError(f"--grid {text} has {columns * rows:,} cells", f"use at most {MOST_CELLS}, such as --grid 4x3")
    return columns, rows
