"""`wgan sample`."""

import os
from pathlib import Path

import typer

from wgan_cli.cli.arguments.named_generator import locate
from wgan_cli.cli.arguments.open_checkpoint import (
    ImportEntry,
    ImportRecipe,
    ImportSettings,
    chosen_checkpoint,
    open_checkpoint,
)
from wgan_cli.cli.arguments.options import (
    DataRoot,
    Device,
    OptionalRunOrCkpt,
    Seed,
    command_device,
    examples,
    is_given,
    refuse_given,
)
from wgan_cli.cli.arguments.output_path import Force, check_overwrite, default_path
from wgan_cli.cli.arguments.sampling_options import (
    Batch,
    Ckpt,
    Classes,
    Count,
    Depth,
    Interpolate,
    LatentFile,
    Mix,
    Move,
    Out,
    Photos,
    Reconstruct,
    Rows,
    SaveLatents,
    Scale,
    Seeds,
    Show,
    To,
    Truncation,
)
from wgan_cli.cli.render.terminal_image import show_written
from wgan_cli.errors import WganError

_OF_NOISE = ("seeds", "z", "save_z", "truncation", "mix", "move")


@examples(
    "wgan sample digits_dcgan -n 64",
    "wgan sample runs/digits_dcgan -n 64",
    "wgan sample --ckpt G.pth -n 32 --show",
    "wgan sample --ckpt runs/digits_dcgan --seeds 0-9,42 --out digits/",
    "wgan sample --ckpt G.pth -n 10000 --seed 7 --out fakes.npz",
    "wgan sample --ckpt G.pth -n 16 --save-z z.npy --scale 4",
    "wgan sample --ckpt G.pth --from z.npy --out again/",
    "wgan sample runs/mnist_style --from projected.npz --move 1:2.0",
    "wgan sample --ckpt G.pth -n 8 --interpolate 12 --out walk.png",
    "wgan sample --ckpt G.pth --class 0-9 -n 500 --out more_digits/",
    "wgan sample --ckpt theirs.pth --recipe mnist_mlp",
    "wgan sample --ckpt runs/mnist_style --truncation 0.7",
    "wgan sample --ckpt runs/mnist_style --mix 0-5:6-11:0-1",
    "wgan sample --ckpt runs/mnist_cvae_gan --reconstruct 8 --class 0-9",
    "wgan sample --ckpt runs/mnist_cyclegan --translate digits/ --out there/",
    "wgan sample runs/folder_cyclegan --translate photo.jpg --out painting.png",
)
def sample(
    context: typer.Context,
    source: OptionalRunOrCkpt = None,
    ckpt: Ckpt = None,
    count: Count = None,
    out: Out = None,
    force: Force = False,
    seed: Seed = 0,
    seeds: Seeds = None,
    z: LatentFile = None,
    save_z: SaveLatents = None,
    move: Move = None,
    interpolate: Interpolate = None,
    rows: Rows = None,
    scale: Scale = 1,
    depth: Depth = "8",
    batch: Batch = None,
    class_: Classes = None,
    device: Device = "auto",
    show: Show = False,
    truncation: Truncation = None,
    mix: Mix = None,
    reconstruct: Reconstruct = None,
    photos: Photos = None,
    to: To = None,
    data_root: DataRoot = None,
    recipe: ImportRecipe = None,
    settings: ImportSettings = None,
    entry: ImportEntry = None,
) -> None:
    """Generate images; image i of a seed is always the same."""
    check_overwrite(out, force)
    check_overwrite(save_z, force, "--save-z")
    from wgan_cli.cli.sampling.from_noise import sample_noise
    from wgan_cli.cli.sampling.output import Output
    from wgan_cli.cli.sampling.reconstructed import is_number, reconstruct_images
    from wgan_cli.cli.sampling.translated import translate_files
    from wgan_cli.outputs.latent_space.latents import LatentChoice
    from wgan_cli.outputs.sampling import generator_of
    from wgan_cli.outputs.save_images import is_grid
    from wgan_cli.outputs.translate import check_side, check_translates

    ckpt = locate(chosen_checkpoint(source, ckpt, "wgan sample"))
    if to is not None and photos is None:
        raise WganError("--to needs --translate", "add --translate PATH")
    if to is not None:
        check_side(to, "--to")
    path = str(default_path(context, Path("samples.png"), force)) if out is None else out
    if save_z is not None and os.path.abspath(save_z) == os.path.abspath(path):
        raise WganError(f"--save-z and --out are both {path}", "choose another --save-z, such as z.npy")
    output = Output(path, rows, batch, scale, depth)
    if not is_grid(path):
        refuse_given(context, ("rows",), f"arranges a grid, and {path} is none")
    if z is not None and is_given(context, "seed"):
        raise WganError("--seed draws latent vectors, and --from reads them", "remove one of them")
    if seeds is not None and is_given(context, "seed"):
        raise WganError("--seed and --seeds both choose the images", "remove one of them")
    if reconstruct is not None:
        others = ("photos", *_OF_NOISE, "recipe", "settings", "entry")
        refuse_given(context, others, "cannot be combined with --reconstruct")
        if not is_number(reconstruct):
            refuse_given(context, ("seed",), f"chooses held-out images, and {reconstruct} holds others")
        written = reconstruct_images(
            ckpt, reconstruct, output, count=count, seed=seed, interpolate=interpolate, class_=class_,
            data_root=data_root, device=device,
        )  # fmt: skip
        return show_written(written) if show else None

    where, checkpoint = command_device(device), open_checkpoint(ckpt, recipe, settings, entry)
    generator = generator_of(checkpoint, str(ckpt), where)
    check_translates(checkpoint.recipe, photos is not None)
    if photos is not None:
        others = ("count", "interpolate", "class_", "seed", *_OF_NOISE)
        refuse_given(context, others, "does not apply to a model that translates images")
        written = translate_files(generator, checkpoint, photos, to or "b", output)
    else:
        written = sample_noise(
            generator, checkpoint, LatentChoice(seed, count, seeds, z), output, interpolate=interpolate, class_=class_,
            truncation=truncation, mix=mix, save_z=save_z, move=move,
        )  # fmt: skip
    return show_written(written, checkpoint.image.size, scale) if show else None
