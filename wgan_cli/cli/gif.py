"""`wgan gif`."""

from pathlib import Path
from typing import Annotated

import typer

from wgan_cli.cli.arguments.completion import complete_checkpoint
from wgan_cli.cli.arguments.open_checkpoint import ImportEntry, ImportRecipe, ImportSettings, open_checkpoint
from wgan_cli.cli.arguments.options import Device, Seed, examples
from wgan_cli.cli.arguments.output_path import Force, check_overwrite, default_path
from wgan_cli.console import print_message
from wgan_cli.errors import WganError
from wgan_cli.runs.run_dir import RunDir, is_run, open_run, run_around


@examples(
    "wgan gif runs/digits_dcgan",
    "wgan gif runs/digits_dcgan --out digits.webp --scale 2 --fps 12",
    "wgan gif runs/digits_dcgan/G.pth --out walk.gif",
    "wgan gif runs/mnist_conv --panel 5,25,50 --out panel.png",
)
def gif(
    context: typer.Context,
    source: Annotated[
        Path,
        typer.Argument(
            metavar="RUN|FOLDER|CKPT",
            help="Run folder, folder of images, or checkpoint.",
            autocompletion=complete_checkpoint,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", help=r"File: .gif, .webp, .mp4, or .png for a panel. \[default: RUN/NAME.gif]"),
    ] = None,
    force: Force = False,
    fps: Annotated[float, typer.Option("--fps", min=0.1, max=50.0, help="Frames per second.")] = 8.0,
    hold: Annotated[float, typer.Option("--hold", min=0.0, max=60.0, help="Seconds to show the last frame.")] = 2.0,
    scale: Annotated[int, typer.Option("--scale", min=1, max=16, help="Integer scale factor.")] = 1,
    label: Annotated[bool, typer.Option("--label/--no-label", help="Step below each frame.")] = True,
    max_frames: Annotated[
        int, typer.Option("--max-frames", min=2, max=10_000, help="Maximum number of frames, evenly spaced.")
    ] = 120,
    panel: Annotated[
        str | None,
        typer.Option("--panel", metavar="LIST", help="Grids of these epochs side by side: 5,25,50 or steps:200,400."),
    ] = None,
    seed: Seed = 0,
    device: Device = "auto",
    recipe: ImportRecipe = None,
    settings: ImportSettings = None,
    entry: ImportEntry = None,
) -> None:
    """Animate a run's samples, a folder of images, or a latent walk."""
    check_overwrite(out, force)
    from wgan_cli.outputs.animation import Frame, folder_frames, save_animation, walk_frames
    from wgan_cli.outputs.panel import panel_frames, save_panel
    from wgan_cli.outputs.sampling import generator_of
    from wgan_cli.runs.environment import resolve_device

    if panel is not None:
        frames = panel_frames(open_run(source), panel)
        path = out or default_path(context, _default(source, ".png"), force)
        save_panel(frames, path, scale)
        print_message(f"{', '.join(frame.label for frame in frames)}: {path}")
        return
    if not source.exists():
        raise WganError(f"{source} does not exist", "give a run folder, a folder of numbered images, or a checkpoint")
    if source.is_dir():
        frames = folder_frames(RunDir(source).samples if is_run(source) else source, max_frames)
        if not label:
            frames = [Frame(frame.picture) for frame in frames]
        elif is_run(source):
            frames = [Frame(frame.picture, f"step {int(frame.label.split()[0]):,}") for frame in frames]
    else:
        checkpoint = open_checkpoint(source, recipe, settings, entry)
        generator = generator_of(checkpoint, str(source), resolve_device(device))
        if checkpoint.recipe.translates:
            raise WganError(
                f"{source} translates images, so there is no latent space to walk through",
                "give the run folder instead: its grids show the same images, translated during training",
            )
        frames = walk_frames(generator, checkpoint, seed, max_frames)
        hold = 0.0  # a looping walk must not pause
    path = out or default_path(context, _default(source, ".gif"), force)
    save_animation(frames, path, fps, hold, scale)
    if len(frames) == 1:
        print_message(f"note: {source} has only one grid so far, so nothing moves")
    print_message(f"{len(frames)} frame{'s' if len(frames) > 1 else ''}, {path.stat().st_size / 1e6:.1f} MB: {path}")


def _default(source: Path, suffix: str) -> Path:
    """Return a path in the run of `source` or, for other checkpoints and folders, in the current one."""
    if source.is_file():
        run = run_around(source)
        return (run.path if run else Path()) / f"{source.stem}{suffix}"
    name = f"{source.resolve().name}{suffix}"
    return source / name if is_run(source) else Path(name)
