"""`wgan project`."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from wgan_cli.cli.arguments.completion import complete_checkpoint
from wgan_cli.cli.arguments.named_generator import locate
from wgan_cli.cli.arguments.open_checkpoint import (
    ImportEntry,
    ImportRecipe,
    ImportSettings,
    import_options,
    open_checkpoint,
)
from wgan_cli.cli.arguments.options import Device, Seed, command_device, examples
from wgan_cli.cli.arguments.output_path import Force, check_overwrite, default_path
from wgan_cli.cli.arguments.sampling_options import Scale, Show
from wgan_cli.console import print_message
from wgan_cli.errors import WganError
from wgan_cli.recipe.recipe_files import DEFAULT_RECIPE
from wgan_cli.runs.pretrained import pretrained_names
from wgan_cli.runs.run_dir import is_run
from wgan_cli.utils.files import check_suffix


@examples(
    "wgan project photo.png --ckpt digits_dcgan",
    "wgan project photo.png --ckpt runs/mnist_style",
    "wgan project photos/ --ckpt runs/digits_dcgan --out mine.npz",
    "wgan project 'scans/*.png' --ckpt runs/mnist_cdcgan_gp --class 7 --starts 16",
    "wgan sample runs/mnist_style --from projected.npz --move 1:2.0",
)
def project(
    context: typer.Context,
    photos: Annotated[
        list[Path], typer.Argument(metavar="IMAGE...", help="Images: files, a pattern, a folder or an archive.")
    ],
    ckpt: Annotated[
        Path | None,
        typer.Option(
            "--ckpt",
            help=r"Run, checkpoint or name of a bundled generator. \[required]",
            autocompletion=complete_checkpoint,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE.npz", help=r"Latent vectors, and a .png. \[default: projected.npz]"),
    ] = None,
    force: Force = False,
    steps: Annotated[int, typer.Option("--steps", min=10, max=100_000, help="Optimization steps per image.")] = 200,
    starts: Annotated[int, typer.Option("--starts", min=1, max=256, help="Points to start from; the best counts.")] = 8,
    class_: Annotated[
        list[str] | None,
        typer.Option("--class", metavar="LIST", help=r"Classes to choose from, such as 7. \[default: all]"),
    ] = None,
    per_layer: Annotated[
        bool, typer.Option("--per-layer", help="One w per layer (W+): closer to the image, less editable.")
    ] = False,
    seed: Seed = 0,
    scale: Scale = 1,
    device: Device = "auto",
    show: Show = False,
    recipe: ImportRecipe = None,
    settings: ImportSettings = None,
    entry: ImportEntry = None,
) -> None:
    """Find the latent vectors of images, to sample from and edit."""
    given = ckpt or _missing_checkpoint(photos)
    if out is not None:
        check_suffix(out, (".npz",), "projected.npz", "--out")
    check_overwrite(out, force)
    check_overwrite(out and out.with_suffix(".png"), force)

    from wgan_cli.cli.render.terminal_image import show_written
    from wgan_cli.cli.sampling.projected import project_files
    from wgan_cli.cli.sampling.requirements import chosen_classes
    from wgan_cli.outputs.latent_space.projection import Projector
    from wgan_cli.outputs.sampling import generator_of

    source = locate(given)
    checkpoint = open_checkpoint(source, recipe, settings, entry)
    generator = generator_of(checkpoint, str(source), command_device(device))
    if checkpoint.recipe.translates:
        hint = f"translate with it: wgan sample {shlex.quote(str(given))} --translate PATH"
        raise WganError(f"{given} translates images: it has no latent space", hint)
    classes = chosen_classes(class_, checkpoint)
    projector = Projector(
        generator, checkpoint, steps=steps, starts=starts, classes=classes, per_layer=per_layer, seed=seed
    )
    latents = out or default_path(context, Path("projected.npz"), force)
    picture = out.with_suffix(".png") if out else default_path(context, latents.with_suffix(".png"), force)
    project_files(projector, checkpoint, photos, latents, picture, scale)
    words = [str(given), "--from", str(latents), "--move", "1:2.0", *import_options(recipe, settings, entry)]
    print_message(f"next: wgan sample {shlex.join(words)}")
    if show:
        show_written(picture, checkpoint.image.size, scale)


def _missing_checkpoint(photos: Sequence[Path]) -> NoReturn:
    """Raise a WganError with the command that is meant, if the generator is among the images."""
    bundled = pretrained_names()
    generators = [each for each in photos if str(each) in bundled or is_run(each) or each.suffix == ".pth"]
    generator = generators[0] if generators else Path(DEFAULT_RECIPE)
    images = [str(each) for each in photos if each != generator] or ["photo.png"]
    example = f"wgan project {shlex.join(images)} --ckpt {shlex.quote(str(generator))}"
    raise WganError("--ckpt is missing: a run, checkpoint or name of a bundled generator", f"for example: {example}")
