"""`wgan export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wgan_cli.cli.open_checkpoint import ForeignRecipe, ForeignSettings, open_checkpoint
from wgan_cli.cli.options import example
from wgan_cli.errors import WganError

if TYPE_CHECKING:
    from wgan_cli.exports.onnx_model import OnnxFacts


def export(
    ckpt: Annotated[Path, typer.Argument(metavar="RUN|CKPT", help="A run folder, or a checkpoint.")],
    out: Annotated[str, typer.Option("--out", metavar="PATH", help="FILE.onnx, FILE.safetensors, or FOLDER/ for all.")],
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="a|b", help=r"The side to which a translator's .onnx leads. \[default: b]"),
    ] = None,
    recipe: ForeignRecipe = None,
    settings: ForeignSettings = None,
) -> None:
    """Write a generator for other programs: as ONNX, as safetensors, or as a folder with both and a model card."""
    form = _form(out, to)

    import torch

    from wgan_cli.console import print_message
    from wgan_cli.outputs.sampling import generator_of

    path, needs_onnx = Path(out), form != ".safetensors"
    if needs_onnx:
        from wgan_cli.exports.onnx_model import check_can_export

        check_can_export(f"--out {out}")
    checkpoint = open_checkpoint(ckpt, recipe, settings).to_share()
    if to is not None and not checkpoint.recipe.translates:
        raise WganError(f"--to is for generators that translate, and {ckpt} makes images from noise", "leave out --to")
    generator_of(checkpoint, str(ckpt), torch.device("cpu"))  # whose errors name the file that was given
    if form == "folder":
        from wgan_cli.exports.model_folder import export_folder

        models = export_folder(checkpoint, ckpt, path)
    elif form == ".onnx":
        from wgan_cli.exports.onnx_model import export_onnx

        models = {path.name: export_onnx(checkpoint, path, to or "b")}
    else:
        from wgan_cli.utils.files import make_parent

        make_parent(path)
        checkpoint.save(path)
        models = {}
    for name, facts in models.items():
        _tell(name, facts)
    print_message(f"the generator of {checkpoint.source}: {out}")


export.__doc__ += "\n\n" + example(
    "wgan export runs/digits_dcgan --out digits.onnx",
    "wgan export runs/mnist_style --out style.safetensors",
    "wgan export runs/mnist_cdcgan_gp --out share/",
    "wgan export runs/mnist_cyclegan --to a --out to_a.onnx",
    "wgan export theirs.pth --recipe mnist_mlp --set model.generator.norm=none --out G.safetensors",
)


def _form(out: str, to: str | None) -> str:
    """What to write: ".onnx", ".safetensors" or "folder". Raises: WganError."""
    if to not in (None, "a", "b"):
        raise WganError(f"--to {to[:40]!r} is no side", "give --to a or --to b")
    path, suffix = Path(out), Path(out).suffix.lower()
    if out.endswith("/") or path.is_dir():
        form = "folder"
    elif suffix in (".onnx", ".safetensors"):
        form = suffix
    else:
        raise WganError(
            f"--out {out} ends in {suffix or 'nothing'}, no form to export",
            f"end it in .onnx or .safetensors, or in / for a folder with both: --out {path.stem or 'share'}/",
        )
    if to is not None and form != ".onnx":
        raise WganError("--to is for .onnx files; the other forms hold both sides", "leave out --to")
    return form


def _tell(name: str, facts: OnnxFacts) -> None:
    from wgan_cli.console import print_message
    from wgan_cli.exports.onnx_model import OPSET

    for each, meaning in facts.inputs.items():
        print_message(f"{name}: input {each}, {meaning}")
    print_message(f"{name}: opset {OPSET}; run by onnxruntime, at most {facts.difference:.1e} away from torch")
