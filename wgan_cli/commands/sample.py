"""`wgan sample`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wgan_cli.commands.options import DataRoot, Device, Seed, example
from wgan_cli.commands.translate import refuse_with_translate, translate_folder
from wgan_cli.errors import WganError

if TYPE_CHECKING:
    from wgan_cli.recipe.model_settings import ModelSettings


def sample(
    ckpt: Annotated[Path, typer.Option("--ckpt", help="A checkpoint, or a run folder.")],
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
    reconstruct: Annotated[
        str | None,
        typer.Option(
            "--reconstruct", metavar="N|FOLDER", help="Copies of real images beside them; --class gives them another."
        ),
    ] = None,
    truncation: Annotated[float | None, typer.Option("--truncation", help="For generators with a style space.")] = None,
    folder: Annotated[
        Path | None, typer.Option("--translate", metavar="FOLDER", help="Translate these images, names kept.")
    ] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="a|b", help=r"The side to get. \[default: b]")] = None,
    data_root: DataRoot = None,
    device: Device = "auto",
) -> None:
    """Draw images from a trained generator: image i of a seed is always the same."""
    if reconstruct is not None:
        from wgan_cli.commands.reconstruct import reconstruct_images

        _refuse_beside_reconstruct(seeds, truncation)
        return reconstruct_images(
            ckpt, reconstruct, out, count, seed, interpolate, rows, batch, class_, data_root, device
        )
    from wgan_cli.console import say
    from wgan_cli.outputs.classes import parse_classes
    from wgan_cli.outputs.export import Classes, save_images
    from wgan_cli.outputs.sampling import (
        check_room,
        for_each_class,
        generate,
        labels_in_turn,
        load_generator,
        parse_seeds,
        sample_latents,
        slerp_path,
    )
    from wgan_cli.outputs.translate import check_translates
    from wgan_cli.runs.environment import resolve_device

    _check_side(folder, to)
    generator, checkpoint = load_generator(ckpt, resolve_device(device))
    check_translates(checkpoint.recipe, folder is not None)
    if folder is not None:
        of_noise = {"-n": count, "--seeds": seeds, "--interpolate": interpolate, "--class": class_}
        refuse_with_translate({**of_noise, "--truncation": truncation})
        return translate_folder(generator, checkpoint, folder, to or "b", out, rows, batch)
    model = checkpoint.recipe.model
    _refuse_unserved(model, class_, truncation)
    if seeds is not None and count is not None:
        raise WganError("-n and --seeds both say how many images", "leave out one of them")
    asked = None if class_ is None else parse_classes(class_, checkpoint.class_names)
    rows_of_classes = asked is not None and len(asked) > 1
    chosen = None if seeds is None else parse_seeds(seeds)
    count = len(chosen) if chosen else count or (10 if rows_of_classes else 64)
    check_room(count * (interpolate or 1) * len(asked or [0]), model.latent_dim)
    z = sample_latents(model.latent_dim, count, seed, chosen)
    if interpolate is not None:
        if len(z) < 2:
            raise WganError("--interpolate walks from image to image, and there is only one", "give -n 2 or more")
        z = slerp_path(z, interpolate, closed=False)

    if asked is None:
        labels = labels_in_turn(checkpoint.recipe, checkpoint.image, len(z), each=interpolate or 1)
    else:
        z, labels = for_each_class(z, asked)
    across = interpolate or (count if rows_of_classes else None)
    columns = across if rows is None else -(-len(z) // rows)
    classes = None if labels is None else Classes(labels, checkpoint.class_names, apart=rows_of_classes)
    written = save_images(generate(generator, z, batch, labels), len(z), out, columns, classes)
    say(f"{len(z):,} images of {checkpoint.image} from {checkpoint.source}: {written}")
    return None


sample.__doc__ += "\n\n" + example(
    "wgan sample --ckpt G.pth -n 64",
    "wgan sample --ckpt runs/digits_dcgan --seeds 0-9,42 --out digits/",
    "wgan sample --ckpt G.pth -n 10000 --seed 7 --out fakes.npz",
    "wgan sample --ckpt G.pth -n 8 --interpolate 12 --out walk.png",
    "wgan sample --ckpt G.pth --class 0-9 -n 500 --out more_digits/",
    "wgan sample --ckpt runs/mnist_cvae_gan --reconstruct 8 --class 0-9 --out other_classes.png",
    "wgan sample --ckpt runs/mnist_cyclegan --translate digits/ --to b --out negatives/",
)


def _refuse_beside_reconstruct(seeds: str | None, truncation: float | None) -> None:
    for option, given in (("--seeds", seeds), ("--truncation", truncation)):
        if given is not None:
            raise WganError(f"{option} is for drawn images, and --reconstruct takes real ones", f"leave out {option}")


def _check_side(folder: Path | None, to: str | None) -> None:
    if to is not None and folder is None:
        raise WganError("--to says to which side --translate leads, and there is none", "add --translate FOLDER")
    if to not in (None, "a", "b"):
        raise WganError(f"--to {to[:40]!r} is no side", "give --to a or --to b")


def _refuse_unserved(model: ModelSettings, class_: str | None, truncation: float | None) -> None:
    if class_ is not None and not model.conditional:
        raise WganError(
            "--class needs a generator trained with classes, and this one knows none",
            "leave out --class, or train with --set model.conditional=true",
        )
    if truncation is not None:
        raise WganError(f"--truncation needs a style space, and {model.name} has none", "leave out --truncation")
