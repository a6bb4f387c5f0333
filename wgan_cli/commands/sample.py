"""`wgan sample`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wgan_cli.commands.options import Device, Seed, example
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
    truncation: Annotated[
        float | None,
        typer.Option(
            "--truncation",
            min=-2.0,
            max=2.0,
            metavar="PSI",
            help="Styles nearer to their mean: 0 is on it.",
        ),
    ] = None,
    mix: Annotated[
        str | None,
        typer.Option("--mix", metavar="A:B:LAYERS", help="Images A with styles of images B, such as 0-3:4-9:2-4."),
    ] = None,
    device: Device = "auto",
) -> None:
    """Draw images from a trained generator: image i of a seed is always the same."""
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
    )
    from wgan_cli.outputs.styles import Truncated, draw_mix, draw_walks
    from wgan_cli.runs.environment import resolve_device

    generator, checkpoint = load_generator(ckpt, resolve_device(device))
    model = checkpoint.recipe.model
    _refuse_unserved(model, class_, {"--truncation": truncation, "--mix": mix})
    if seeds is not None and count is not None:
        raise WganError("-n and --seeds both say how many images", "leave out one of them")
    if mix is not None and (count, seeds, interpolate) != (None, None, None):
        raise WganError("--mix says itself which images, by their numbers", "leave out -n, --seeds and --interpolate")
    asked = None if class_ is None else parse_classes(class_, checkpoint.class_names)
    if truncation is not None:
        generator = Truncated(generator, truncation)
    rows_of_classes = asked is not None and len(asked) > 1
    if mix is not None:
        generator, z, labels, across = draw_mix(generator, checkpoint, mix, seed, asked)
    else:
        chosen = None if seeds is None else parse_seeds(seeds)
        count = len(chosen) if chosen else count or (10 if rows_of_classes else 64)
        check_room(count * (interpolate or 1) * len(asked or [0]), model.latent_dim)
        z = sample_latents(model.latent_dim, count, seed, chosen)
        across = count if rows_of_classes else None
        if interpolate is not None:
            generator, z, labels, across = draw_walks(generator, checkpoint, z, interpolate, asked)
        elif asked is None:
            labels = labels_in_turn(checkpoint.recipe, checkpoint.image, len(z))
        else:
            z, labels = for_each_class(z, asked)

    columns = across if rows is None else -(-len(z) // rows)
    classes = None if labels is None else Classes(labels, checkpoint.class_names, apart=rows_of_classes)
    written = save_images(generate(generator, z, batch, labels), len(z), out, columns, classes)
    say(f"{len(z):,} images of {checkpoint.image} from {checkpoint.source}: {written}")


sample.__doc__ += "\n\n" + example(
    "wgan sample --ckpt G.pth -n 64",
    "wgan sample --ckpt runs/digits_dcgan --seeds 0-9,42 --out digits/",
    "wgan sample --ckpt G.pth -n 10000 --seed 7 --out fakes.npz",
    "wgan sample --ckpt G.pth -n 8 --interpolate 12 --out walk.png",
    "wgan sample --ckpt G.pth --class 0-9 -n 500 --out more_digits/",
    "wgan sample --ckpt runs/mnist_style --truncation 0.7",
    "wgan sample --ckpt runs/mnist_style --mix 0-5:6-11:0-1",
)


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
