"""The recipe that `wgan train` is asked for: by name, or chosen for images."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wgan_cli.cli.arguments.data_arguments import check_together, is_data, note_namesakes
from wgan_cli.cli.arguments.image_arguments import (
    SKIP,
    described,
    facts_of,
    instead_of_its_images,
    location_settings,
    moved_images,
    other_images,
    own_data,
    two_sides,
)
from wgan_cli.console import print_message
from wgan_cli.errors import WganError, did_you_mean
from wgan_cli.recipe import Recipe, load_recipe, recipe_names
from wgan_cli.recipe.data_settings import NAMED, SIDES, DataSettings, PairSettings
from wgan_cli.recipe.decoding_types import size_text
from wgan_cli.recipe.recipe_files import DATA_RECIPES, DEFAULT_RECIPE
from wgan_cli.recipe.schema import MEMBERS
from wgan_cli.recipe.synonyms import SYNONYMS, plain
from wgan_cli.runs.run_dir import is_run, run_around, similar_run_hint
from wgan_cli.utils.format import Log
from wgan_cli.utils.image_formats import READABLE_SUFFIXES

if TYPE_CHECKING:
    from wgan_cli.data.inspection import DataFacts

CONDITIONAL = "model.conditional=true"
SMALL = 40  # pixels; larger images lose most of their detail at 32
IMAGE_SIZE = "data.image_size"
TRANSLATION = "folder_cyclegan"
GRAY_MODES = {"1", "L", "LA", "I", "I;16", "F"}  # of Pillow


def resolve_target(
    targets: Sequence[str],
    recipe: str | None,
    images: Sequence[str],
    resumed: Path | None = None,
    device: str = "auto",
    initial: Recipe | None = None,
    settings: Sequence[str] = (),
    log: Log = print_message,
) -> tuple[str | None, list[str]]:
    """Return the recipe and the settings that the positional arguments, --recipe and --data ask for.

    Args:
        targets: a recipe, or sets of images to train on together, or both.
        resumed: a run to continue, whose recipe stays; --data is where its images are now.
        initial: the recipe of the weights that the run starts from.
        settings: changes that --set makes afterwards.
        log: receives which recipe is chosen for images.
    Raises: WganError for a name that is both a recipe and a path, or for two recipes.
    """
    if targets and (without := next((each for each in settings if "=" not in each), None)):
        raise WganError(f"--set {without} has no value", f"write --set {shlex.quote(f'{without}={targets[-1]}')}")
    named = []
    for target in targets:
        is_recipe = target in recipe_names()
        if is_recipe and os.path.exists(target) and is_data(target):
            raise WganError(
                f"{target} is a recipe, and also images in this folder",
                f"write --recipe {target} for the recipe, or ./{target} for the images",
            )
        if not is_recipe and is_data(target):
            named.append(target)
            continue
        if recipe is not None:
            raise WganError(f"{recipe} and {target} both name a recipe", "leave out one of them")
        _check_recipe(target)
        recipe = target
    if named and images:
        raise WganError(f"{named[0]} and --data {images[0]} both name images", "leave out one of them")
    images = named or images
    check_together(images)
    note_namesakes(images, log)
    if not images:
        return recipe, []
    if resumed is not None and recipe is None:
        return None, moved_images(resumed, images)
    if initial is not None and recipe is None:
        return None, instead_of_its_images(images, initial, settings, log)
    return _recipe_for(images, device, settings, log) if recipe is None else (recipe, other_images(recipe, images))


def data_to_compare(target: str, settings: Sequence[str] = ()) -> DataSettings:
    """Return the images that `wgan train TARGET` trains on, changed by --set, in their own size if they are files.

    Raises: WganError as `resolve_target`, and if there are two sides of images.
    """
    own_files = target not in NAMED and target not in recipe_names() and is_data(target)
    if own_files:
        recipe, location = resolve_target([], "folder_dcgan", [target])
        location.append("data.image_size=null")
    else:
        recipe, location = resolve_target([target], None, [])
    data = load_recipe(recipe or DEFAULT_RECIPE, [*location, *settings]).data
    if isinstance(data, PairSettings):
        raise WganError(f"{target} has two sides of images", "name one of them, such as its folder")
    return data


def _check_recipe(target: str) -> None:
    """Raise a WganError for what is neither a recipe nor images, with what to type instead."""
    path = Path(target)
    if target in recipe_names() or path.suffix.lower() in (".yaml", ".yml") or is_run(path):
        return
    if not os.path.exists(target):
        if "=" in target:
            raise WganError(f"{target} is a setting, not a recipe or images", f"write --set {shlex.quote(target)}")
        hint = _recipes_of(target) or did_you_mean(target, [*recipe_names(), *NAMED, *os.listdir()])
        raise WganError(
            f"unknown recipe {target!r}, and there are no images of that name",
            hint or "`wgan recipes` lists the recipes; images are given by their path",
        )
    if path.is_dir():
        hint = f"{similar_run_hint(path)}give a folder of images, or an archive or file of them"
        raise WganError(f"{target} contains no images", hint)
    if path.suffix.lower() in (".pth", ".pt", ".safetensors"):
        run = run_around(path)
        hint = f"--resume {shlex.quote(str(run.path))}" if run else "--resume RUN"
        raise WganError(f"{target} is a checkpoint, not a recipe or images", f"continue its run with {hint}")
    if path.suffix.lower().removeprefix(".") in READABLE_SUFFIXES:
        raise WganError(
            f"{target} is one image", f"train on all in its folder: wgan train {shlex.quote(f'{path.parent}/')}"
        )
    if path.suffix or not os.path.dirname(target):  # a recipe may be ./mine
        raise WganError(
            f"{target} is neither a recipe nor images",
            "a recipe ends in .yaml; images are a folder, an archive, or a file such as .npz, .h5 or .parquet",
        )


def _recipes_of(word: str) -> str:
    """Return "recipes of hinge: mnist_hinge" for an objective or network, also by another name, else ""."""
    for setting in ("model.name", "objective.name"):
        section = setting.partition(".")[0]
        ours = next((name for name in MEMBERS[section] if plain(name) == plain(word)), None)
        ours = ours or SYNONYMS[setting].get(plain(word), "`").split("`")[1]
        found = [name for name in recipe_names() if getattr(_loaded(name), section).name == ours]
        if found:
            return f"recipes of {ours}: {', '.join(found[:5])}{', ...' if found[5:] else ''}"
    return ""


def _loaded(recipe: str) -> Recipe:
    """Return a recipe, also one of images that aren't named yet."""
    try:
        return load_recipe(recipe)
    except WganError:
        return load_recipe(recipe, other_images(recipe, ["."]))


def _recipe_for(images: Sequence[str], device: str, changes: Sequence[str], log: Log) -> tuple[str, list[str]]:
    """Choose a recipe by the images' size, channels and classes and the device, and say which."""
    if recipe := DATA_RECIPES.get(images[0]):
        if own_data(recipe).get("source") == images[0]:
            return recipe, []
        log(f"{images[0]}: training {recipe}; another one: --recipe NAME --data {images[0]}")
        return recipe, other_images(recipe, images)
    from wgan_cli.runs.environment import resolve_device

    again = " ".join(f"--data {shlex.quote(each)}" for each in images)
    if sides := two_sides(images):
        log(
            f"{described(images)}: two sides to translate between, trainA and trainB: training {TRANSLATION}; another "
            f"recipe: --recipe NAME {again}"
        )
        return TRANSLATION, [*sides, *(f"data.{side}.{SKIP}" for side in SIDES)]
    facts = facts_of(images, changes, log)
    recipe, settings = suggested_recipe(images, facts, resolve_device(device).type == "cuda")
    counts = {name: count for name, count in facts.classes.items() if count}
    classes = f", {len(counts)} {'classes' if len(counts) > 1 else 'class'}" if counts else ""
    if CONDITIONAL in settings:
        classes += ", which it learns (not with --set model.conditional=false)"
    elif len(counts) > 1:
        fewest = min(counts, key=counts.__getitem__)
        classes += f", not learned since {fewest} has {counts[fewest]} (--set {CONDITIONAL} learns them)"
    at = "".join(f" with {setting}" for setting in settings if setting.startswith(f"{IMAGE_SIZE}="))
    log(f"{described(images, facts)}{classes}: training {recipe}{at}; another one: --recipe NAME {again}")
    return recipe, settings


def suggested_recipe(images: Sequence[str], facts: DataFacts, on_gpu: bool) -> tuple[str, list[str]]:
    """Return the recipe for a user's images, and the settings that it needs for them."""
    from wgan_cli.evaluation.features import MIN_PER_CLASS

    size = next(iter(facts.sizes))  # the most frequent one
    is_small = max(map(int, size.split("x"))) <= SMALL
    if size == "28x28" and facts.modes.keys() <= GRAY_MODES:
        recipe, settings = "mnist_dcgan", other_images("mnist_dcgan", images)
    else:
        recipe = "folder32_dcgan" if is_small else "folder_dcgan_wide" if on_gpu else "folder_dcgan"
        settings = location_settings(images)
        settings += _rectangle(load_recipe(recipe, settings), facts)
    settings.append(f"data.{SKIP}")
    counts = [count for count in facts.classes.values() if count]
    if len(counts) > 1 and min(counts) >= MIN_PER_CLASS:
        settings.append(CONDITIONAL)
    return recipe, settings


def _rectangle(recipe: Recipe, facts: DataFacts) -> list[str]:
    """Return the setting that keeps the shape of images if all have one size: at most the longer side of the recipe."""
    if len(facts.sizes) > 1 or not isinstance(recipe.data, DataSettings) or recipe.data.image_size is None:
        return []
    width, height = map(int, next(iter(facts.sizes)).split("x"))
    scale = min(1.0, max(recipe.data.image_size) / max(width, height))
    size = recipe.model.nearest_size((round(scale * height), round(scale * width)))
    return [f"{IMAGE_SIZE}={size_text(size)}"] if width != height and size[0] != size[1] else []
