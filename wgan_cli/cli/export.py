"""`wgan export`."""

from pathlib import Path
from typing import Annotated

import typer

from wgan_cli.cli.arguments.named_generator import locate
from wgan_cli.cli.arguments.open_checkpoint import ImportEntry, ImportRecipe, ImportSettings, open_checkpoint
from wgan_cli.cli.arguments.options import RunOrCkpt, examples
from wgan_cli.cli.arguments.output_path import Force, check_overwrite
from wgan_cli.console import print_message
from wgan_cli.errors import WganError
from wgan_cli.runs.run_dir import EXPORTED_CRITIC
from wgan_cli.utils.files import make_parent


@examples(
    "wgan export runs/digits_dcgan --out digits.onnx",
    "wgan export runs/mnist_style --out style.safetensors",
    "wgan export runs/mnist_cdcgan_gp --out share/",
    "wgan export runs/mnist_cyclegan --to a --out to_a.onnx",
    "wgan export theirs.pth --recipe mnist_mlp --set model.generator.norm=none --out G.safetensors",
)
def export(
    ckpt: RunOrCkpt,
    out: Annotated[str, typer.Option("--out", metavar="PATH", help="FILE.onnx, FILE.safetensors, or FOLDER/.")],
    force: Force = False,
    to: Annotated[
        str | None, typer.Option("--to", metavar="a|b", help=r"Target side of a translator's .onnx. \[default: b]")
    ] = None,
    recipe: ImportRecipe = None,
    settings: ImportSettings = None,
    entry: ImportEntry = None,
) -> None:
    """Export a generator as ONNX, as safetensors, or as a model folder."""
    form = _form(out, to)
    check_overwrite(out, force)

    import torch

    from wgan_cli.exports.model_folder import export_folder
    from wgan_cli.exports.onnx_model import OPSET, check_can_export, export_onnx
    from wgan_cli.outputs.sampling import generator_of
    from wgan_cli.runs.with_critic import load_with_critic

    if form != ".safetensors":
        check_can_export(f"--out {out}")
    path, models, ckpt = Path(out), {}, locate(ckpt)
    checkpoint = open_checkpoint(ckpt, recipe, settings, entry).to_share()
    if to is not None and not checkpoint.recipe.translates:
        raise WganError(f"--to needs a translator, but {ckpt} samples from noise", "remove --to")
    generator_of(checkpoint, str(ckpt), torch.device("cpu"))  # checks the weights; errors name the given file
    if form == "folder":
        critic = None if recipe else load_with_critic(ckpt)[0].critic_to_share()
        models = export_folder(checkpoint, ckpt, path, critic)
        if critic is not None:
            print_message(f"{EXPORTED_CRITIC}: the critic of step {critic.step:,}, for wgan train --init-from {out}")
    elif form == ".onnx":
        models = {path.name: export_onnx(checkpoint, path, to or "b")}
    else:
        make_parent(path)
        checkpoint.save(path)
    for name, facts in models.items():
        for each, meaning in facts.inputs.items():
            print_message(f"{name}: input {each}, {meaning}")
        if facts.background is not None:
            print_message(f"{name}: output rgb shows transparent images on {facts.background}; images holds the alpha")
        if facts.bands is not None:
            print_message(f"{name}: output rgb shows bands {facts.bands}; images holds all")
        print_message(f"{name}: opset {OPSET}; differs from PyTorch by at most {facts.difference:.1e} (onnxruntime)")
    print_message(f"the generator of {checkpoint.source}: {out}")


def _form(out: str, to: str | None) -> str:
    """Return ".onnx", ".safetensors" or "folder". Raises: WganError."""
    if to not in (None, "a", "b"):
        raise WganError(f"--to: unknown side {to[:40]!r}", "use --to a or --to b")
    path, suffix = Path(out), Path(out).suffix.lower()
    if out.endswith("/") or path.is_dir():
        form = "folder"
    elif suffix in (".onnx", ".safetensors"):
        form = suffix
    else:
        raise WganError(
            f"--out {out}: cannot export to {suffix or 'a file without suffix'}",
            f"use .onnx, .safetensors, or a trailing / for a folder with both: --out {path.stem or 'share'}/",
        )
    if to is not None and form != ".onnx":
        raise WganError("--to is only for .onnx files; other formats hold both sides", "remove --to")
    return form
