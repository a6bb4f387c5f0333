"""`wgan sample`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wgan_cli.commands.options import Device, Seed, example
from wgan_cli.errors import WganError


def sample(
    ckpt: Annotated[Path, typer.Option("--ckpt", help="A checkpoint, or a run folder.")],
    count: Annotated[int | None, typer.Option("-n", "--count", min=1, help=r"How many images. \[default: 64]")] = None,
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
    class_: Annotated[str | None, typer.Option("--class", help="For generators trained with classes.")] = None,
    truncation: Annotated[float | None, typer.Option("--truncation", help="For generators with a style space.")] = None,
    device: Device = "auto",
) -> None:
    """Draw images from a trained generator: image i of a seed is always the same."""
    from wgan_cli.console import say
    from wgan_cli.outputs.export import save_images
    from wgan_cli.outputs.sampling import (
        check_room,
        generate,
        load_generator,
        parse_seeds,
        sample_latents,
        slerp_path,
    )
    from wgan_cli.runs.environment import resolve_device

    generator, checkpoint = load_generator(ckpt, resolve_device(device))
    _refuse_unserved(checkpoint.recipe.model.name, class_, truncation)
    if seeds is not None and count is not None:
        raise WganError("-n and --seeds both say how many images", "leave out one of them")
    chosen = None if seeds is None else parse_seeds(seeds)
    check_room((len(chosen) if chosen else count or 64) * (interpolate or 1), checkpoint.recipe.model.latent_dim)
    z = sample_latents(checkpoint.recipe.model.latent_dim, count or 64, seed, chosen)
    if interpolate is not None:
        if len(z) < 2:
            raise WganError("--interpolate walks from image to image, and there is only one", "give -n 2 or more")
        z = slerp_path(z, interpolate, closed=False)
    columns = interpolate if rows is None else -(-len(z) // rows)
    written = save_images(generate(generator, z, batch), len(z), out, columns)
    say(f"{len(z):,} images of {checkpoint.image} from {checkpoint.source}: {written}")


sample.__doc__ += "\n\n" + example(
    "wgan sample --ckpt G.pth -n 64",
    "wgan sample --ckpt runs/digits_dcgan --seeds 0-9,42 --out digits/",
    "wgan sample --ckpt G.pth -n 10000 --seed 7 --out fakes.npz",
    "wgan sample --ckpt G.pth -n 8 --interpolate 12 --out walk.png",
)


def _refuse_unserved(model: str, class_: str | None, truncation: float | None) -> None:
    if class_ is not None:
        raise WganError("--class needs a generator trained with classes, and this one knows none", "leave out --class")
    if truncation is not None:
        raise WganError(f"--truncation needs a style space, and {model} has none", "leave out --truncation")
