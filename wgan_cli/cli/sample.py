"""`wgan sample`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wgan_cli.cli.completion import complete_checkpoint
from wgan_cli.cli.open_checkpoint import ForeignRecipe, ForeignSettings, open_checkpoint
from wgan_cli.cli.options import DataRoot, Device, Seed, example
from wgan_cli.cli.render.terminal_image import show_written
from wgan_cli.cli.sample_translate import refuse_with_translate, translate_folder
from wgan_cli.errors import WganError

if TYPE_CHECKING:
    from wgan_cli.outputs.styles import Drawing
    from wgan_cli.recipe.registry import ModelSettings
    from wgan_cli.runs.checkpoint import Checkpoint

_STYLES, _REAL = "Styles, of generators that have them", "Real images, for networks that take them"

Truncation = Annotated[
    float | None,
    typer.Option(
        "--truncation", min=-2.0, max=2.0, metavar="PSI", rich_help_panel=_STYLES,
        help="Styles nearer to their mean: 0 is on it.",
    ),
]  # fmt: skip
Mix = Annotated[
    str | None,
    typer.Option(
        "--mix", metavar="A:B:LAYERS", rich_help_panel=_STYLES,
        help="Images A with styles of images B, such as 0-3:4-9:2-4.",
    ),
]  # fmt: skip
Reconstruct = Annotated[
    str | None,
    typer.Option(
        "--reconstruct", metavar="N|FOLDER", rich_help_panel=_REAL,
        help="Their copies beside them; --class gives them another.",
    ),
]  # fmt: skip
Folder = Annotated[
    Path | None,
    typer.Option("--translate", metavar="FOLDER", rich_help_panel=_REAL, help="Translate these images, names kept."),
]
Side = Annotated[
    str | None, typer.Option("--to", metavar="a|b", rich_help_panel=_REAL, help=r"The side to get. \[default: b]")
]


def sample(
    ckpt: Annotated[
        Path, typer.Option("--ckpt", help="A checkpoint, or a run folder.", autocompletion=complete_checkpoint)
    ],
    count: Annotated[
        int | None, typer.Option("-n", "--count", min=1, help=r"How many; of each --class. \[default: 64, 10]")
    ] = None,
    out: Annotated[
        str, typer.Option("--out", help="IMAGE: a grid; FOLDER/: single images; .npy, .npz: an array.")
    ] = "samples.png",
    seed: Seed = 0,
    seeds: Annotated[
        str | None, typer.Option("--seeds", metavar="LIST", help="One image for each seed, such as 0-63,70.")
    ] = None,
    interpolate: Annotated[
        int | None,
        typer.Option("--interpolate", min=2, metavar="K", help="Walk from each image to the next in K images."),
    ] = None,
    rows: Annotated[
        int | None, typer.Option("--rows", min=1, help=r"Rows of the grid. \[default: near square]")
    ] = None,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Images computed at once.")] = 64,
    class_: Annotated[
        str | None, typer.Option("--class", metavar="LIST", help="Of these classes, such as 7, 0-9 or cat,dog.")
    ] = None,
    device: Device = "auto",
    show: Annotated[bool, typer.Option("--show", help="Also show them in the terminal.")] = False,
    truncation: Truncation = None,
    mix: Mix = None,
    reconstruct: Reconstruct = None,
    folder: Folder = None,
    to: Side = None,
    data_root: DataRoot = None,
    recipe: ForeignRecipe = None,
    settings: ForeignSettings = None,
) -> None:
    """Draw images from a trained generator: image i of a seed is always the same."""
    of_noise = {"--seeds": seeds, "--truncation": truncation, "--mix": mix}
    _check_real_images(reconstruct, folder, to, {**of_noise, "--recipe": recipe, "--set": settings})
    if reconstruct is not None:
        from wgan_cli.cli.sample_reconstruct import reconstruct_images

        reconstruct_images(ckpt, reconstruct, out, count, seed, interpolate, rows, batch, class_, data_root, device)
        return show_written(Path(out)) if show else None

    from wgan_cli.console import print_message
    from wgan_cli.outputs.classes import parse_classes
    from wgan_cli.outputs.sampling import generate, generator_of
    from wgan_cli.outputs.save_images import Classes, save_images
    from wgan_cli.outputs.styles import Truncated, draw_mix
    from wgan_cli.outputs.translate import check_translates
    from wgan_cli.runs.environment import resolve_device

    where, checkpoint = resolve_device(device), open_checkpoint(ckpt, recipe, settings)
    generator = generator_of(checkpoint, str(ckpt), where)
    check_translates(checkpoint.recipe, folder is not None)
    if folder is not None:
        refuse_with_translate({"-n": count, "--interpolate": interpolate, "--class": class_, **of_noise})
        translate_folder(generator, checkpoint, folder, to or "b", out, rows, batch)
        return show_written(Path(out), checkpoint.image.size) if show else None

    _refuse_unserved(checkpoint.recipe.model, class_, {"--truncation": truncation, "--mix": mix})
    asked = None if class_ is None else parse_classes(class_, checkpoint.class_names)
    if truncation is not None:
        generator = Truncated(generator, truncation)
    if mix is None:
        drawing = _drawing(generator, checkpoint, count, seed, seeds, interpolate, asked)
    elif (count, seeds, interpolate) == (None, None, None):
        drawing = draw_mix(generator, checkpoint, mix, seed, asked)
    else:
        raise WganError("--mix says itself which images, by their numbers", "leave out -n, --seeds and --interpolate")

    number = len(drawing.inputs)
    columns = drawing.across if rows is None else -(-number // rows)
    apart = asked is not None and len(asked) > 1
    classes = None if drawing.labels is None else Classes(drawing.labels, checkpoint.class_names, apart)
    images = generate(drawing.network, drawing.inputs, batch, drawing.labels)
    written = save_images(images, number, out, columns, classes)
    print_message(f"{number:,} images of {checkpoint.image} from {checkpoint.source}: {written}")
    return show_written(written, checkpoint.image.size) if show else None


sample.__doc__ += "\n\n" + example(
    "wgan sample --ckpt runs/digits_dcgan -n 64",
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


def _drawing(
    generator: Any,
    checkpoint: Checkpoint,
    count: int | None,
    seed: int,
    seeds: str | None,
    interpolate: int | None,
    asked: list[int] | None,
) -> Drawing:
    """Images of latent vectors, each by itself or with walks between them, of the classes asked for or all in turn."""
    from wgan_cli.outputs.sampling import check_room, for_each_class, labels_in_turn, parse_seeds, sample_latents
    from wgan_cli.outputs.styles import Drawing, draw_walks

    if seeds is not None and count is not None:
        raise WganError("-n and --seeds both say how many images", "leave out one of them")
    latent_dim = checkpoint.recipe.model.latent_dim
    rows_of_classes = asked is not None and len(asked) > 1
    chosen = None if seeds is None else parse_seeds(seeds)
    count = len(chosen) if chosen else count or (10 if rows_of_classes else 64)
    check_room(count * (interpolate or 1) * len(asked or [0]), latent_dim)
    z = sample_latents(latent_dim, count, seed, chosen)
    if interpolate is not None:
        return draw_walks(generator, checkpoint, z, interpolate, asked)
    if asked is None:
        return Drawing(generator, z, labels_in_turn(checkpoint.recipe, checkpoint.image, count), across=None)
    return Drawing(generator, *for_each_class(z, asked), across=count if rows_of_classes else None)


def _check_real_images(
    reconstruct: str | None, folder: Path | None, to: str | None, of_noise: dict[str, object]
) -> None:
    """Refuse options that do not go together. Raises: WganError."""
    if to is not None and folder is None:
        raise WganError("--to says to which side --translate leads, and there is none", "add --translate FOLDER")
    if to not in (None, "a", "b"):
        raise WganError(f"--to {to[:40]!r} is no side", "give --to a or --to b")
    if reconstruct is None:
        return
    for option, given in {"--translate": folder, **of_noise}.items():
        if given is not None:
            what = "for another kind of networks" if option == "--translate" else "for drawn images"
            raise WganError(f"{option} is {what}, and --reconstruct copies real ones", f"leave out {option}")


def _refuse_unserved(model: ModelSettings, class_: str | None, of_styles: dict[str, object]) -> None:
    if class_ is not None and not model.conditional:
        raise WganError(
            "--class needs a generator trained with classes, and this one knows none",
            "leave out --class, or train with --set model.conditional=true",
        )
    for option, value in of_styles.items():
        if value is not None and not model.has_style_space:
            raise WganError(
                f"{option} needs a style space, and {model.name} has none",
                f"leave out {option}, or train a recipe of style-based networks such as mnist_style",
            )
