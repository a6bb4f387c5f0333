"""`wgan sample`."""

import os
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from wgan_cli.cli.arguments.completion import complete_checkpoint
from wgan_cli.cli.arguments.open_checkpoint import ImportEntry, ImportRecipe, ImportSettings, open_checkpoint
from wgan_cli.cli.arguments.options import DataRoot, Device, Seed, examples
from wgan_cli.cli.arguments.output_path import Force, check_overwrite, default_path
from wgan_cli.cli.render.terminal_image import show_written
from wgan_cli.errors import WganError

_styles = partial(typer.Option, rich_help_panel="Style-based generators")
_real = partial(typer.Option, rich_help_panel="Models that take images")


@examples(
    "wgan sample runs/digits_dcgan -n 64",
    "wgan sample --ckpt G.pth -n 32 --show",
    "wgan sample --ckpt runs/digits_dcgan --seeds 0-9,42 --out digits/",
    "wgan sample --ckpt G.pth -n 10000 --seed 7 --out fakes.npz",
    "wgan sample --ckpt G.pth -n 8 --interpolate 12 --out walk.png",
    "wgan sample --ckpt G.pth --class 0-9 -n 500 --out more_digits/",
    "wgan sample --ckpt theirs.pth --recipe mnist_mlp",
    "wgan sample --ckpt runs/mnist_style --truncation 0.7",
    "wgan sample --ckpt runs/mnist_style --mix 0-5:6-11:0-1",
    "wgan sample --ckpt runs/mnist_cvae_gan --reconstruct 8 --class 0-9",
    "wgan sample --ckpt runs/mnist_cyclegan --translate digits/ --out there/",
)
def sample(
    context: typer.Context,
    source: Annotated[
        Path | None,
        typer.Argument(metavar="RUN|CKPT", help="Run folder or checkpoint.", autocompletion=complete_checkpoint),
    ] = None,
    ckpt: Annotated[
        Path | None, typer.Option("--ckpt", help="Run or checkpoint, as an option.", autocompletion=complete_checkpoint)
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(
            "-n", "--count", min=1, help=r"Number of images, per class with --class. \[default: 64; 10 per class]"
        ),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            "--out", metavar="PATH", help=r"Grid, folder/ of single images, .npy or .npz. \[default: samples.png]"
        ),
    ] = None,
    force: Force = False,
    seed: Seed = 0,
    seeds: Annotated[
        str | None, typer.Option("--seeds", metavar="LIST", help="One image per seed, such as 0-63,70.")
    ] = None,
    interpolate: Annotated[
        int | None,
        typer.Option("--interpolate", min=2, metavar="K", help="Number of images from each one to the next."),
    ] = None,
    rows: Annotated[
        int | None, typer.Option("--rows", min=1, help=r"Rows of the grid. \[default: near square]")
    ] = None,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Batch size.")] = 64,
    class_: Annotated[
        list[str] | None,
        typer.Option("--class", metavar="LIST", help="Classes to generate, such as 7, 0-9 or cat,dog; repeatable."),
    ] = None,
    device: Device = "auto",
    show: Annotated[bool, typer.Option("--show", help="Show the images in the terminal.")] = False,
    truncation: Annotated[
        float | None,
        _styles(
            "--truncation", min=-2.0, max=2.0, metavar="PSI", help="Truncation of styles: 0 is the mean image, 1 none."
        ),
    ] = None,
    mix: Annotated[
        str | None,
        _styles(
            "--mix", metavar="A:B:LAYERS", help="Images A with some layers' styles of images B, such as 0-3:4-9:2-4."
        ),
    ] = None,
    reconstruct: Annotated[
        str | None,
        _real(
            "--reconstruct",
            metavar="N|FOLDER",
            help="Images to reconstruct: N training images, or a folder's; --class changes their class.",
        ),
    ] = None,
    folder: Annotated[
        Path | None, _real("--translate", metavar="FOLDER", help="Images to translate; names are kept.")
    ] = None,
    to: Annotated[str | None, _real("--to", metavar="a|b", help=r"Target side. \[default: b]")] = None,
    data_root: DataRoot = None,
    recipe: ImportRecipe = None,
    settings: ImportSettings = None,
    entry: ImportEntry = None,
) -> None:
    """Generate images; image i of a seed is always the same."""
    check_overwrite(out, force)
    from wgan_cli.cli.sample_images import reconstruct_images, refuse_with_translate, sample_noise, translate_folder
    from wgan_cli.outputs.sampling import generator_of
    from wgan_cli.outputs.translate import check_translates
    from wgan_cli.runs.environment import resolve_device

    ckpt = _only_one(source, ckpt)
    if to is not None and folder is None:
        raise WganError("--to needs --translate", "add --translate FOLDER")
    if to not in (None, "a", "b"):
        raise WganError(f"--to: unknown side {to[:40]!r}", "use --to a or --to b")
    path = str(default_path(context, Path("samples.png"), force)) if out is None else out
    noise_only = {"--seeds": seeds, "--truncation": truncation, "--mix": mix}
    if reconstruct is not None:
        for option, value in {"--translate": folder, **noise_only, "--recipe": recipe, "--set": settings}.items():
            if value is not None:
                raise WganError(f"{option} cannot be combined with --reconstruct", f"remove {option}")
        written = reconstruct_images(
            ckpt, reconstruct, path, count=count, seed=seed, interpolate=interpolate, rows=rows, batch=batch,
            class_=class_, data_root=data_root, device=device,
        )  # fmt: skip
        return show_written(written) if show else None

    where, checkpoint = resolve_device(device), open_checkpoint(ckpt, recipe, settings, entry)
    generator = generator_of(checkpoint, str(ckpt), where)
    check_translates(checkpoint.recipe, folder is not None)
    if folder is not None:
        refuse_with_translate({"-n": count, "--interpolate": interpolate, "--class": class_, **noise_only})
        written = translate_folder(generator, checkpoint, folder, to or "b", out=path, rows=rows, batch=batch)
    else:
        written = sample_noise(
            generator, checkpoint, path, count=count, seed=seed, seeds=seeds, interpolate=interpolate, rows=rows,
            batch=batch, class_=class_, truncation=truncation, mix=mix,
        )  # fmt: skip
    return show_written(written, checkpoint.image.size) if show else None


def _only_one(source: Path | None, ckpt: Path | None) -> Path:
    """Return the checkpoint, given as an argument or an option."""
    if source is not None and ckpt is not None:
        raise WganError(f"{source} and --ckpt {ckpt} both name a checkpoint", "leave out one of them")
    chosen = source or ckpt
    if chosen is None:
        runs = sorted(Path("runs").glob("*/G.pth"), key=os.path.getmtime)
        example = runs[-1].parent if runs else "runs/digits_dcgan"
        raise WganError("no run or checkpoint given", f"for example: wgan sample {example}")
    return chosen
