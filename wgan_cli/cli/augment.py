"""`wgan augment`."""

from __future__ import annotations

import json
import os

import typer

from wgan_cli.cli.arguments.augment_options import Ckpt, GeneratorRecipe, Images, Minutes, Out, PerClass
from wgan_cli.cli.arguments.options import DataRoot, Device, Json, Seed, Settings, examples, given_options, is_given
from wgan_cli.console import data, print_message
from wgan_cli.errors import WganError, did_you_mean
from wgan_cli.runs.run_dir import check_free

_WITH_CKPT = ("per_class", "seed", "device", "data_root")  # options that don't concern the training only


@examples(
    "wgan augment photos/ --out filled/",
    "wgan augment photos/ --out filled/ --per-class 500 --minutes 30",
    "wgan augment digits/ --out filled/ --ckpt runs/mnist_cdcgan_gp",
    "wgan train filled/",
)
def augment(
    context: typer.Context,
    images: Images,
    out: Out,
    ckpt: Ckpt = None,
    per_class: PerClass = None,
    recipe: GeneratorRecipe = None,
    settings: Settings = None,
    minutes: Minutes = None,
    seed: Seed = 0,
    device: Device = "auto",
    data_root: DataRoot = None,
    as_json: Json = False,
) -> None:
    """Fill small classes with generated images, and measure whether a classifier improves."""
    check_free(out, resumes=False)  # other images in it would become part of the set
    training = {"--recipe": recipe, "--set": settings, "--minutes": minutes}
    if ckpt is not None and (given := [name for name, value in training.items() if value is not None]):
        raise WganError(
            f"{given[0]} is for a generator to train, and --ckpt is trained", f"remove {given[0]} or --ckpt"
        )
    from wgan_cli.cli.arguments.data_arguments import is_data
    from wgan_cli.cli.augmenting.class_generator import given_generator, trained_generator
    from wgan_cli.cli.augmenting.filled_folder import write_filled
    from wgan_cli.cli.render.augment_report import as_dict, show_filling, show_trials, warn_of_few
    from wgan_cli.data import default_data_root
    from wgan_cli.evaluation.balancing import fill, trials
    from wgan_cli.evaluation.evaluate import Reference
    from wgan_cli.evaluation.features import make_features
    from wgan_cli.recipe.data_settings import NAMED
    from wgan_cli.runs.environment import resolve_device

    if not (os.path.exists(images) or is_data(images)):
        hint = did_you_mean(images, [*NAMED, *os.listdir()])
        raise WganError(f"there are no images {images}", hint or "check the path; relative ones start in this folder")
    root, where = data_root or default_data_root(), resolve_device(device)
    if ckpt is not None:
        source = given_generator(ckpt, images, per_class, seed, root, where)
    else:
        changes = [*(settings or []), *([f"seed={seed}"] if is_given(context, "seed") else [])]
        again = ["wgan", "augment", images, "--out", str(out), *given_options(context, _WITH_CKPT)]
        source = trained_generator(images, again, per_class, recipe, changes, minutes, seed, root, device)
    features = make_features(source.real, source.data.source, root, where, print_message)
    reference = Reference(source.real, features, max_training=len(source.real.training))
    filling = fill(source, source.wanted, reference)
    write_filled(source, filling, out)
    show_filling(source.dataset, filling, out)
    warn_of_few(source.real, filling)
    print_message("training classifiers to compare; each takes up to a minute")
    found = trials(source.real, filling, where)
    if as_json:
        data().print(json.dumps(as_dict(source.dataset, source.real, filling, found)), soft_wrap=True)
    else:
        show_trials(source.real, found)
