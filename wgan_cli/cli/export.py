"""`wgan export`."""

from __future__ import annotations

import shlex
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wgan_cli.cli.arguments.named_generator import locate
from wgan_cli.cli.arguments.open_checkpoint import ImportEntry, ImportRecipe, ImportSettings, open_checkpoint
from wgan_cli.cli.arguments.options import RunOrCkpt, examples
from wgan_cli.cli.arguments.output_path import Force, check_overwrite
from wgan_cli.console import print_message
from wgan_cli.errors import WganError
from wgan_cli.runs.hub_generator import hub_model
from wgan_cli.runs.run_dir import EXPORTED_CRITIC, EXPORTED_TENSORS
from wgan_cli.utils.extras import import_extra
from wgan_cli.utils.files import make_parent, sha256_of
from wgan_cli.utils.hub import Repository, upload

if TYPE_CHECKING:
    from wgan_cli.runs.checkpoint import Checkpoint


@examples(
    "wgan export runs/digits_dcgan --out digits.onnx",
    "wgan export runs/mnist_style --out style.safetensors",
    "wgan export runs/mnist_cdcgan_gp --out share/",
    "wgan export runs/mnist_style --push hf:me/mnist-style",
    "wgan export runs/mnist_cyclegan --to a --out to_a.onnx",
    "wgan export theirs.pth --recipe mnist_mlp --set model.generator.norm=none --out G.safetensors",
)
def export(
    ckpt: RunOrCkpt,
    out: Annotated[
        str | None, typer.Option("--out", metavar="PATH", help="FILE.onnx, FILE.safetensors, or FOLDER/.")
    ] = None,
    push: Annotated[
        str | None,
        typer.Option("--push", metavar="hf:OWNER/NAME", help="Repository of the Hugging Face Hub to upload to."),
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="Create the repository as a private one.")] = False,
    force: Force = False,
    to: Annotated[
        str | None, typer.Option("--to", metavar="a|b", help=r"Target side of a translator's .onnx. \[default: b]")
    ] = None,
    recipe: ImportRecipe = None,
    settings: ImportSettings = None,
    entry: ImportEntry = None,
) -> None:
    """Export a generator as ONNX, as safetensors, as a model folder, or to the Hugging Face Hub."""
    if out is not None and push is not None:
        raise WganError("--out and --push cannot be combined", "leave out one of them, or export twice")
    if out is None and push is None:
        example = f"for example: wgan export {shlex.quote(str(ckpt))} --out share/"
        raise WganError("an export needs either --out or --push", example)
    if private and push is None:
        raise WganError("--private needs --push", "add --push hf:OWNER/NAME, or remove --private")
    repository = None if push is None else _checked_repository(push)
    form = "repository" if out is None else _form(out, to)
    if to is not None and form != ".onnx":
        raise WganError("--to is only for .onnx files; other formats hold both sides", "remove --to")
    check_overwrite(out, force)

    import torch

    from wgan_cli.exports.model_folder import export_folder
    from wgan_cli.exports.onnx_model import OPSET, check_can_export, export_onnx
    from wgan_cli.outputs.sampling import generator_of
    from wgan_cli.runs.with_critic import load_with_critic

    if form in (".onnx", "folder"):
        check_can_export(f"--out {out}")
    path, models, ckpt = Path(out or ""), {}, locate(ckpt)
    checkpoint = open_checkpoint(ckpt, recipe, settings, entry).to_share()
    if to is not None and not checkpoint.recipe.translates:
        raise WganError(f"--to needs a translator, but {ckpt} samples from noise", "remove --to")
    generator_of(checkpoint, str(ckpt), torch.device("cpu"))  # checks the weights; errors name the given file
    critic = None
    if form in ("folder", "repository") and recipe is None:
        critic = load_with_critic(ckpt)[0].critic_to_share()
    if repository is not None:
        _push(checkpoint, ckpt, critic, repository, private)
        return
    if form == "folder":
        models = export_folder(checkpoint, ckpt, path, critic)
        if critic is not None:
            again = shlex.quote(str(out))
            print_message(f"{EXPORTED_CRITIC}: the critic of step {critic.step:,}, for wgan train --init-from {again}")
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
    if to is not None:
        from wgan_cli.outputs.translate import check_side

        check_side(to, "--to")
    path, suffix = Path(out), Path(out).suffix.lower()
    if out.endswith("/") or path.is_dir():
        form = "folder"
    elif suffix in (".onnx", ".safetensors"):
        form = suffix
    else:
        raise WganError(
            f"--out {out}: cannot export to {suffix or 'a file without suffix'}",
            "use .onnx, .safetensors, or a trailing / for a folder with both: --out "
            + shlex.quote(f"{path.stem or 'share'}/"),
        )
    return form


def _checked_repository(name: str) -> Repository:
    """Return the repository to upload to. Raises: WganError if it can't be one, or the Hub's library is missing."""
    repository = hub_model(name)
    if repository.revision:
        raise WganError(f"--push {name} names a revision, and an upload adds one", f"write hf:{repository.name}")
    import_extra("huggingface_hub", repository.extra, f"--push {name}")
    return repository


def _push(
    checkpoint: Checkpoint, source: Path, critic: Checkpoint | None, repository: Repository, private: bool
) -> None:
    from wgan_cli.exports.model_folder import export_folder

    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "repository"
        export_folder(checkpoint, source, made, critic, repository.text)
        address = upload(repository, made, private)
        print_message(f"{EXPORTED_TENSORS} with sha256 {sha256_of(made / EXPORTED_TENSORS)}")
    print_message(f"the generator of {checkpoint.source}: {address}")
    if not checkpoint.recipe.translates:
        print_message(f"next: wgan sample {repository.text} -n 64")
