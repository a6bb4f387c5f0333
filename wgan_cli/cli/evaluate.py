"""`wgan evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wgan_cli.cli.completion import complete_checkpoint
from wgan_cli.cli.evaluate_metrics import Subject, Wishes, measure
from wgan_cli.cli.options import DataRoot, Device, Json, Seed, example
from wgan_cli.cli.render.translation_report import evaluate_translation
from wgan_cli.cli.sample_translate import refuse_with_translate
from wgan_cli.errors import WganError

if TYPE_CHECKING:
    import torch
    from torch import nn

    from wgan_cli.recipe import Recipe
    from wgan_cli.runs.checkpoint import Checkpoint


def evaluate(
    what: Annotated[
        Path,
        typer.Argument(metavar="RUN|CKPT", help="A run folder, or a checkpoint.", autocompletion=complete_checkpoint),
    ],
    metrics: Annotated[
        str | None,
        typer.Option("--metrics", metavar="LIST", help=r"Such as recall, cas or fid,is. \[default: wgan's own]"),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(
            "-n", "--count", min=10, help=r"How many images. \[default: as many as held out, to 10,000; for fid 50,000]"
        ),
    ] = None,
    seed: Seed = 0,
    pairs: Annotated[
        Path | None,
        typer.Option("--pairs", metavar="FILE.png", help="Draw those most like a training image, each beside it."),
    ] = None,
    subset: Annotated[
        int | None, typer.Option("--subset", min=2, metavar="N", help=r"Real images for augmentation. \[default: 500]")
    ] = None,
    feature_weights: Annotated[
        Path | None,
        typer.Option("--feature-weights", metavar="FILE", help="Of Inception, for fid, is, kid; else downloaded."),
    ] = None,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Images computed at once.")] = 64,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="data.path=PATH", help="Where the folder of training images is now."),
    ] = None,
    as_json: Json = False,
    data_root: DataRoot = None,
    device: Device = "auto",
) -> None:
    """Measure how good and how varied a generator's images are, beside real images held out from it."""
    from wgan_cli.data import default_data_root
    from wgan_cli.outputs.sampling import load_generator
    from wgan_cli.runs.environment import resolve_device

    where, root = resolve_device(device), data_root or default_data_root()
    generator, checkpoint = load_generator(what, where)
    if checkpoint.recipe.translates:
        of_noise = {"--metrics": metrics, "--pairs": pairs, "--subset": subset, "--feature-weights": feature_weights}
        refuse_with_translate(of_noise)
        recipe = _with_moved_folder(checkpoint.recipe, settings or [])
        return evaluate_translation(generator, recipe, checkpoint, what, root, where, count, as_json)
    wishes = _checked(metrics, checkpoint, pairs, subset, feature_weights)
    recipe = _with_moved_folder(checkpoint.recipe, settings or [])
    subject = _subject(generator, recipe, checkpoint, what, seed, batch, root, where, count, shown=not as_json)
    measure(subject, wishes, what, seed, batch, as_json)
    return None


evaluate.__doc__ += "\n\n" + example(
    "wgan evaluate runs/digits_dcgan",
    "wgan evaluate runs/digits_dcgan/checkpoints/step_00001000.pth --metrics distance,recall",
    "wgan evaluate runs/digits_dcgan --pairs pairs.png",
    "wgan evaluate G.pth -n 5000 --json",
    "wgan evaluate G.pth --metrics cas,augmentation",
    "wgan evaluate G.pth --metrics fid,is,kid --feature-weights inception.pth",
)


def _checked(
    metrics: str | None, checkpoint: Checkpoint, pairs: Path | None, subset: int | None, weights: Path | None
) -> Wishes:
    """What was asked for, if it fits together and the generator can give it. Raises: WganError."""
    from wgan_cli.evaluation.inception import check_inception
    from wgan_cli.evaluation.metrics import COPIED, INCEPTION, OWN, USEFULNESS, chosen_metrics
    from wgan_cli.outputs.reconstruct import has_encoder

    chosen = chosen_metrics(metrics, checkpoint.recipe.model.conditional, has_encoder(checkpoint))
    kinds = ([name for name in chosen if name in kind] for kind in (OWN, COPIED, USEFULNESS, INCEPTION))
    wishes = Wishes(*kinds, pairs, subset, weights, strict=metrics is not None)
    _check_together(wishes)
    if wishes.inception:
        check_inception(weights)
    return wishes


def _subject(
    generator: nn.Module, recipe: Recipe, checkpoint: Checkpoint, what: Path, seed: int, batch: int,
    data_root: Path, device: torch.device, count: int | None, shown: bool,
) -> Subject:  # fmt: skip
    """A generator of noise, and the real images that it is measured beside."""
    from wgan_cli.console import print_message
    from wgan_cli.evaluation.evaluate import generated_images, images_of, training_images
    from wgan_cli.evaluation.real_images import real_images

    return Subject(
        title=f"{what}: {checkpoint.source}, seed {seed}",
        recipe=recipe,
        step=checkpoint.step,
        make=lambda number: generated_images(generator, recipe, checkpoint.image, number, seed, batch),
        make_of=lambda labels: images_of(generator, recipe, labels, seed, batch),
        real=real_images(
            recipe.data,
            data_root,
            print_message,
            training_images(recipe, checkpoint, str(what), data_root, print_message),
        ),
        data_root=data_root,
        device=device,
        count=count,
        shown=shown,
    )


def _check_together(wishes: Wishes) -> None:
    from wgan_cli.outputs.grid import picture_format

    if wishes.weights is not None and not wishes.inception:
        raise WganError("--feature-weights is only for fid, is and kid", "add --metrics fid,is,kid")
    if wishes.subset is not None and "augmentation" not in wishes.useful:
        raise WganError("--subset is only for augmentation", "add --metrics augmentation")
    if wishes.pairs is not None:
        picture_format(wishes.pairs)
        if not wishes.own:
            raise WganError("--pairs looks for copies in wgan's own features", "add copies to --metrics")


def _with_moved_folder(recipe: Recipe, settings: list[str]) -> Recipe:
    """The recipe with what may be said anew of a trained generator's data: where its folder is, and how it is read."""
    from wgan_cli.recipe import apply_settings
    from wgan_cli.recipe.schema import FREE_ON_RESUME

    free = sorted(name for name in FREE_ON_RESUME if name.startswith("data."))
    for setting in settings:
        name = setting.partition("=")[0].strip()
        if name not in free:
            raise WganError(
                f"--set {setting[:60]!r}: a generator that is trained keeps its recipe's {name[:60]}",
                f"only {', '.join(free)} can be said anew",
            )
    return apply_settings(recipe.as_dict(), settings, "the checkpoint's recipe") if settings else recipe
