"""`wgan gif`."""

import glob
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from wgan_cli.cli.arguments.animation_options import (
    Classes,
    Colors,
    Fps,
    Grid,
    Hold,
    Label,
    Match,
    MaxFrames,
    Out,
    Panel,
    Quality,
    Scale,
    Seconds,
    Seeds,
    Sources,
    Truncation,
)
from wgan_cli.cli.arguments.named_generator import locate
from wgan_cli.cli.arguments.open_checkpoint import ImportEntry, ImportRecipe, ImportSettings, open_checkpoint
from wgan_cli.cli.arguments.options import Device, Seed, examples, is_given, refuse_given
from wgan_cli.cli.arguments.output_path import Force, check_overwrite, default_path
from wgan_cli.console import print_message
from wgan_cli.errors import WganError
from wgan_cli.runs.pretrained import missing_generator
from wgan_cli.runs.run_dir import RunDir, is_exported, is_run, open_run, run_around
from wgan_cli.utils.format import count_of, format_bytes
from wgan_cli.utils.hub import is_remote

if TYPE_CHECKING:
    from wgan_cli.outputs.animation import Frame
    from wgan_cli.outputs.frame_files import FrameFile

LARGE = 20_000_000  # bytes of a .gif that many sites refuse
_OF_FRAMES = ("match", "fps", "hold", "colors", "quality", "label", "max_frames")
_OF_WALKS = ("seeds", "class_", "truncation", "grid", "seconds")


@examples(
    "wgan gif runs/digits_dcgan",
    "wgan gif runs/digits_dcgan --out digits.webp --scale 2 --fps 12",
    "wgan gif frames --match '*-ema*' --scale 0.5 --colors 64",
    "wgan gif a.png b.png c.png --out abc.gif",
    "wgan gif runs/digits_dcgan/G.pth --out walk.gif",
    "wgan gif runs/mnist_style/G.pth --seeds 3,8,2 --truncation 0.7 --grid 4x3 --seconds 10",
    "wgan gif runs/mnist_cdcgan_gp --seeds 0-3 --class 7 --grid 1x1 --fps 16",
    "wgan gif runs/mnist_conv --panel 5,25,50 --out panel.png",
)
def gif(
    context: typer.Context,
    sources: Sources,
    out: Out = None,
    force: Force = False,
    match: Match = None,
    fps: Fps = 8.0,
    hold: Hold = 2.0,
    scale: Scale = 1.0,
    colors: Colors = None,
    quality: Quality = None,
    label: Label = True,
    max_frames: MaxFrames = 120,
    panel: Panel = None,
    seed: Seed = 0,
    seeds: Seeds = None,
    class_: Classes = None,
    truncation: Truncation = None,
    grid: Grid = None,
    seconds: Seconds = None,
    device: Device = "auto",
    recipe: ImportRecipe = None,
    settings: ImportSettings = None,
    entry: ImportEntry = None,
) -> None:
    """Animate a run's samples, images, or a latent walk."""
    check_overwrite(out, force)
    from wgan_cli.cli.sampling.latent_walk import LatentWalk, walk_of
    from wgan_cli.outputs.animation import check_format, load_frames, save_animation
    from wgan_cli.outputs.panel import panel_frames, save_panel

    given, sources = sources[0], [locate(each) for each in sources]
    source = sources[0]
    if panel is not None:
        refuse_given(context, (*_OF_FRAMES, "seed", *_OF_WALKS), "does not apply to --panel")
        _check_one(sources, "--panel")
        frames = panel_frames(open_run(source), panel, print_message)
        path = out or default_path(context, _default(source, [], ".png"), force)
        save_panel(frames, path, scale)
        print_message(f"{', '.join(frame.label for frame in frames)}: {path}")
        return
    suffix = ".gif" if quality is None else ".webp"
    check_format(out or Path(f"animation{suffix}"), colors, quality)
    asks_for_walk = any(is_given(context, name) for name in _OF_WALKS)
    files = [] if asks_for_walk and is_run(source) else _image_files(sources, match)
    if files:
        names = ("seed", *_OF_WALKS)
        refuse_given(context, names, f"is for walks, and {source} holds images", ", or give a checkpoint")
        files = files if label else [file._replace(label="") for file in files]
        frames = load_frames(files, max_frames, print_message)
    else:
        refuse_given(context, ("match", "hold"), "is for images, and a walk is computed")
        _check_one(sources, "a walk")
        for name, other in (("seed", seeds), ("max_frames", seconds)):
            if other is not None and is_given(context, name):
                option, both = f"--{name.replace('_', '-')}", "--seeds" if name == "seed" else "--seconds"
                raise WganError(f"{option} and {both} cannot be combined", f"remove {option}")
        checkpoint = open_checkpoint(source, recipe, settings, entry)
        walk = LatentWalk(seed, seeds, class_, truncation, grid, round(seconds * fps) if seconds else max_frames)
        frames = walk_of(checkpoint, source, walk, device)
        fps = len(frames) / seconds if seconds else fps  # whole legs may have fewer frames
        hold = 0.0  # a looping walk must not pause
    path = out or default_path(context, _default(given if is_remote(given) else source, files, suffix), force)
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
    if source.is_dir() and not is_exported(source):
        return folder_files(source, match, print_message)
    if not source.exists() and glob.has_magic(str(source)):
        return pattern_files(source, match, print_message)
    if not source.exists():
        raise missing_generator(source, "give a run folder, a folder of numbered images, or a checkpoint")
    if source.suffix.lower() in (".zip", ".tar", ".npz", ".npy"):
        raise WganError(f"{source} isn't a folder of images", "unpack it into image files, and give their folder")
    if match is not None:
        raise WganError(f"--match selects images, and {source} isn't a folder of images", "leave out --match")
    return []


def _check_one(sources: list[Path], what: str) -> None:
    """Raise a WganError for several runs or checkpoints."""
    if len(sources) > 1:
        names, first = " and ".join(map(str, sources[:2])), shlex.quote(str(sources[0]))
        raise WganError(f"{what} shows one run, and there are {names}", f"give one of them: wgan gif {first}")


def _report(frames: "list[Frame]", path: Path) -> None:
    sizes, written = {frame.picture.size for frame in frames}, path.stat().st_size
    if len(sizes) > 1:
        print_message(f"note: frames of {len(sizes)} sizes are padded to the largest")
    if len(frames) == 1:
        print_message("note: there is only one image so far, so nothing moves")
    print_message(f"{count_of(len(frames), 'frame')}, {format_bytes(written)}: {path}")
    if written > LARGE and path.suffix.lower() == ".gif":
        webp = shlex.quote(str(path.with_suffix(".webp")))
        print_message(f"hint: smaller with --scale 0.5, --max-frames 60, --colors 64 or --out {webp} --quality 80")


def _default(source: Path, files: "list[FrameFile]", suffix: str) -> Path:
    """Return a path in the run of `source` or, for other checkpoints, folders and images, in the current one."""
    if is_remote(source):
        return Path(f"{source.name.partition('@')[0]}{suffix}")
    if source.is_dir():
        name = f"{source.resolve().name}{suffix}"
        return source / name if is_run(source) else Path(name)
    if files:
        return Path(f"{Path(os.path.commonpath([file.path.absolute().parent for file in files])).name}{suffix}")
    run = run_around(source)
    return (run.path if run else Path()) / f"{source.stem}{suffix}"
