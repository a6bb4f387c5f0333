"""`wgan gif`."""

import glob
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wgan_cli.cli.arguments.completion import complete_checkpoint
from wgan_cli.cli.arguments.named_generator import locate
from wgan_cli.cli.arguments.open_checkpoint import ImportEntry, ImportRecipe, ImportSettings, open_checkpoint
from wgan_cli.cli.arguments.options import Device, Seed, examples
from wgan_cli.cli.arguments.output_path import Force, check_overwrite, default_path
from wgan_cli.console import print_message
from wgan_cli.errors import WganError
from wgan_cli.runs.run_dir import RunDir, is_run, open_run, run_around
from wgan_cli.utils.format import count_of, format_bytes

if TYPE_CHECKING:
    from wgan_cli.outputs.animation import Frame
    from wgan_cli.outputs.frame_files import FrameFile
    from wgan_cli.runs.checkpoint import Checkpoint

LARGE = 20_000_000  # bytes of a .gif that many sites refuse


@examples(
    "wgan gif runs/digits_dcgan",
    "wgan gif runs/digits_dcgan --out digits.webp --scale 2 --fps 12",
    "wgan gif frames --match '*-ema*' --scale 0.5 --colors 64",
    "wgan gif a.png b.png c.png --out abc.gif",
    "wgan gif runs/digits_dcgan/G.pth --out walk.gif",
    "wgan gif runs/mnist_conv --panel 5,25,50 --out panel.png",
)
def gif(
    context: typer.Context,
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN|FOLDER|CKPT|IMAGES",
            help="Run folder, folder of images, checkpoint, or images by name or pattern.",
            autocompletion=complete_checkpoint,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help=r"File: .gif, .webp, .mp4, or .png for a panel. \[default: RUN/NAME.gif, else NAME.gif]"
        ),
    ] = None,
    force: Force = False,
    match: Annotated[
        str | None, typer.Option("--match", metavar="PATTERN", help="Pattern of image names, such as '*-ema*'.")
    ] = None,
    fps: Annotated[float, typer.Option("--fps", min=0.1, max=50.0, help="Frames per second.")] = 8.0,
    hold: Annotated[float, typer.Option("--hold", min=0.0, max=60.0, help="Seconds to show the last frame.")] = 2.0,
    scale: Annotated[float, typer.Option("--scale", min=0.01, max=16, help="Scale factor, such as 2 or 0.5.")] = 1.0,
    colors: Annotated[
        int | None,
        typer.Option(
            "--colors", min=2, max=256, help=r"Colors of a GIF, the same for all frames. \[default: 256 per frame]"
        ),
    ] = None,
    quality: Annotated[
        int | None, typer.Option("--quality", min=0, max=100, help=r"Quality of a lossy WebP. \[default: lossless]")
    ] = None,
    label: Annotated[bool, typer.Option("--label/--no-label", help="Step or name below each frame.")] = True,
    max_frames: Annotated[
        int, typer.Option("--max-frames", min=2, max=10_000, help="Maximum number of frames, evenly spaced.")
    ] = 120,
    panel: Annotated[
        str | None,
        typer.Option(
            "--panel", metavar="LIST", help="Grids of a run side by side, of epochs (5,25,50) or steps (steps:200,400)."
        ),
    ] = None,
    seed: Seed = 0,
    device: Device = "auto",
    recipe: ImportRecipe = None,
    settings: ImportSettings = None,
    entry: ImportEntry = None,
) -> None:
    """Animate a run's samples, images, or a latent walk."""
    check_overwrite(out, force)
    from wgan_cli.outputs.animation import check_format, load_frames, save_animation
    from wgan_cli.outputs.panel import panel_frames, save_panel

    sources = [locate(each) for each in sources]
    source = sources[0]
    if panel is not None:
        frames = panel_frames(open_run(source), panel)
        path = out or default_path(context, _default(source, [], ".png"), force)
        save_panel(frames, path, scale)
        print_message(f"{', '.join(frame.label for frame in frames)}: {path}")
        return
    suffix = ".gif" if quality is None else ".webp"
    check_format(out or Path(f"animation{suffix}"), colors, quality)
    files = _image_files(sources, match)
    if files:
        files = files if label else [file._replace(label="") for file in files]
        frames = load_frames(files, max_frames, print_message)
    else:
        frames = _walk(open_checkpoint(source, recipe, settings, entry), source, seed, device, max_frames)
        hold = 0.0  # a looping walk must not pause
    path = out or default_path(context, _default(source, files, suffix), force)
    save_animation(frames, path, fps, hold, scale, colors=colors, quality=quality)
    _report(frames, path)


def _image_files(sources: list[Path], match: str | None) -> "list[FrameFile]":
    """Return the images of a run, a folder or a pattern, or the listed ones; none if the source is a checkpoint."""
    from wgan_cli.outputs.frame_files import folder_files, is_image_file, listed_files, pattern_files, run_files

    source = sources[0]
    if len(sources) > 1 or is_image_file(source):
        return listed_files(sources, match, print_message)
    if is_run(source):
        return run_files(RunDir(source), match)
    if source.is_dir():
        return folder_files(source, match, print_message)
    if not source.exists() and glob.has_magic(str(source)):
        return pattern_files(source, match, print_message)
    if not source.exists():
        raise WganError(f"{source} does not exist", "give a run folder, a folder of numbered images, or a checkpoint")
    if source.suffix.lower() in (".zip", ".tar", ".npz", ".npy"):
        raise WganError(f"{source} is no folder of images", "unpack it into image files, and give their folder")
    if match is not None:
        raise WganError(f"--match selects images, and {source} is no folder of images", "leave out --match")
    return []


def _walk(checkpoint: "Checkpoint", source: Path, seed: int, device: str, count: int) -> "list[Frame]":
    from wgan_cli.outputs.animation import walk_frames
    from wgan_cli.outputs.sampling import generator_of
    from wgan_cli.runs.environment import resolve_device

    generator = generator_of(checkpoint, str(source), resolve_device(device))
    if checkpoint.recipe.translates:
        raise WganError(
            f"{source} translates images, so there is no latent space to walk through",
            "give the run folder instead: its grids show the same images, translated during training",
        )
    return walk_frames(generator, checkpoint, seed, count)


def _report(frames: "list[Frame]", path: Path) -> None:
    sizes, written = {frame.picture.size for frame in frames}, path.stat().st_size
    if len(sizes) > 1:
        print_message(f"note: frames of {len(sizes)} sizes are padded to the largest")
    if len(frames) == 1:
        print_message("note: there is only one image so far, so nothing moves")
    print_message(f"{count_of(len(frames), 'frame')}, {format_bytes(written)}: {path}")
    if written > LARGE and path.suffix.lower() == ".gif":
        webp = path.with_suffix(".webp").name
        print_message(f"hint: smaller with --scale 0.5, --max-frames 60, --colors 64 or --out {webp} --quality 80")


def _default(source: Path, files: "list[FrameFile]", suffix: str) -> Path:
    """Return a path in the run of `source` or, for other checkpoints, folders and images, in the current one."""
    if source.is_dir():
        name = f"{source.resolve().name}{suffix}"
        return source / name if is_run(source) else Path(name)
    if files:
        return Path(f"{Path(os.path.commonpath([file.path.absolute().parent for file in files])).name}{suffix}")
    run = run_around(source)
    return (run.path if run else Path()) / f"{source.stem}{suffix}"
