"""Settings of `data` for images that are named on the command line, and what to say about them."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wgan_cli.cli.arguments.data_arguments import is_shards
from wgan_cli.console import print_message
from wgan_cli.errors import WganError
from wgan_cli.recipe import Recipe, load_recipe, read_recipe_text, recipe_path
from wgan_cli.recipe.data_settings import NAMED, SIDES, USER_SOURCES, DataSettings
from wgan_cli.recipe.recipe_files import recipe_title
from wgan_cli.recipe.renamed import is_written_by_run
from wgan_cli.recipe.yaml import parse_yaml
from wgan_cli.utils.format import Log, count_of
from wgan_cli.utils.hub import is_remote

if TYPE_CHECKING:
    from wgan_cli.data.inspection import DataFacts

_CHOICE = ("data.labels", "data.classes", "data.split")  # settings that choose images and their classes
SKIP = "on_bad_file=skip"  # for images that are named: a recipe that is named stops at files that can't be decoded
#: Values of settings before a run resolves them for its images.
_UNRESOLVED = {"range": "auto", "preview_channels": "null"}


def location_settings(images: Sequence[str]) -> list[str]:
    """Return the settings that train a recipe for a user's images on these."""
    path = f"data.path={json.dumps(_one_or_all(images), ensure_ascii=False)}"
    return ["data.source=shards", path] if is_shards(images[0]) else [path]


def moved_images(resumed: Path, images: Sequence[str]) -> list[str]:
    """Return the settings for the place where the images of a resumed run are now.

    Raises: WganError if it was trained on a data set by name, or one is given.
    """
    from wgan_cli.runs.resume import run_to_resume

    data = run_to_resume(resumed).read_recipe().data
    named = data.source if isinstance(data, DataSettings) and data.source not in USER_SOURCES else None
    if list(images) == [named]:
        return []
    if named is not None or images[0] in NAMED:
        new_run = shlex.join(["wgan", "train", *images, "--init-from", str(resumed)])
        raise WganError(
            f"{resumed} was trained on {data.title}, and a resumed run keeps its images",
            f"leave out --data, or start a new run from its weights: {new_run}",
        )
    return two_sides(images) or location_settings(images)


def instead_of_its_images(images: Sequence[str], initial: Recipe, settings: Sequence[str], log: Log) -> list[str]:
    """Return the settings that train the recipe of --init-from on other images.

    Args:
        initial: the recipe.
        settings: changes that --set makes to it.
        log: receives a line that says which recipe is trained.
    """
    sides = two_sides(images)
    facts = None if sides or images[0] in NAMED else facts_of(images, settings, log)
    log(f"{described(images, facts)}: training the recipe of --init-from; another one: --recipe NAME")
    if sides:
        return _as_sides({"source": "folder", "on_bad_file": "skip"}, sides, initial.best_by)
    if facts is None:
        return [f"data={images[0]}"]
    section = {"source": _source_of(images), "path": _one_or_all(images)}
    section |= {"diff_augment": "auto", "on_bad_file": "skip"}
    return [f"data={json.dumps(section, ensure_ascii=False)}"]


def other_images(recipe: str, images: Sequence[str]) -> list[str]:
    """Return the settings that train a recipe on other images; they get the size of its own."""
    from wgan_cli.data import native_shape

    if images[0] in NAMED:
        return [f"data={images[0]}"]
    own = own_data(recipe)
    if own.keys() & set(SIDES):
        return _other_sides(recipe, images)
    if own.get("source") in USER_SOURCES:
        anew = [*_unresolved("data"), "data.diff_augment=auto"] if is_written_by_run({"data": own}) else []
        source = ["data.source=folder"] if (own["source"], _source_of(images)) == ("shards", "folder") else []
        return [*source, *location_settings(images), *anew]
    size = native_shape(load_recipe(recipe).data).size
    section = {"source": _source_of(images), "path": _one_or_all(images), "image_size": size, "diff_augment": "auto"}
    return [f"data={json.dumps(section, ensure_ascii=False)}"]


def _other_sides(recipe: str, images: Sequence[str]) -> list[str]:
    """Return the settings that train a recipe for two sides on others. Raises: WganError if there is one set."""
    from wgan_cli.data import native_shape

    paths, own = two_sides(images), own_data(recipe)
    if not paths:
        raise WganError(
            f"--data is one set of images, and {recipe} needs two",
            "set data.a.path and data.b.path, or give one folder with trainA and trainB in it",
        )
    best_by = _written(recipe).get("best_by")
    if any(not isinstance(own.get(side), dict) or own[side].get("source") != "folder" for side in SIDES):
        size = native_shape(load_recipe(recipe).data).size
        return _as_sides({"source": "folder", "image_size": size}, paths, best_by)
    anew = [line for side in SIDES for line in _unresolved(f"data.{side}")] if is_written_by_run({"data": own}) else []
    return [*paths, *_measurable(best_by), *anew]


def _as_sides(section: dict[str, Any], paths: list[str], best_by: str | None) -> list[str]:
    """Return the settings of two sides that are folders."""
    return [f"data={json.dumps(dict.fromkeys(SIDES, section))}", *paths, *_measurable(best_by)]


def _measurable(best_by: str | None) -> list[str]:
    """Return the setting of a score that doesn't need known translations, if a recipe has one that does."""
    return ["best_by=fd"] if best_by == "paired_l1" else []


def _unresolved(section: str) -> list[str]:
    """Return the settings that let a section resolve its settings anew, for other images."""
    return [f"{section}.{key}={value}" for key, value in _UNRESOLVED.items()]


def own_data(recipe: str) -> dict[str, Any]:
    """Return the `data` of a recipe as written, perhaps without the path that it needs."""
    data = _written(recipe).get("data", {})
    return data if isinstance(data, dict) else {}


def _written(recipe: str) -> dict[str, Any]:
    path = recipe_path(recipe)
    values = parse_yaml(read_recipe_text(path), recipe_title(path))
    return values if isinstance(values, dict) else {}


def two_sides(images: Sequence[str]) -> list[str]:
    """Return the settings for a folder or archive with trainA, trainB and perhaps testA, testB; empty for others."""
    from wgan_cli.data.containers.array_file import ArrayContainer
    from wgan_cli.data.containers.folders import open_container
    from wgan_cli.data.files.labelling import translation_sides

    path = images[0]
    if len(images) > 1 or path in NAMED or is_shards(path) or is_remote(path):
        return []
    with open_container(Path(path)) as container:
        if container.has_columns or isinstance(container, ArrayContainer):  # these would be read as a whole
            return []
        folders = translation_sides(container.folders())
    settings = {"trainA": "a.path", "trainB": "b.path", "testA": "a.test_path", "testB": "b.test_path"}
    return [f"data.{settings[name]}={json.dumps(os.path.join(path, folder))}" for name, folder in folders.items()]


def _one_or_all(images: Sequence[str]) -> str | list[str]:
    return images[0] if len(images) == 1 else list(images)


def _source_of(images: Sequence[str]) -> str:
    return "shards" if is_shards(images[0]) else "folder"


def facts_of(images: Sequence[str], settings: Sequence[str] = (), log: Log = print_message) -> DataFacts:
    """Inspect a user's images, those that the settings choose, by a sample of shards.

    Raises: WganError if there are none, or for an invalid setting.
    """
    from wgan_cli.data.inspection import inspect_folder, inspect_shards

    choice = [setting for setting in settings if setting.partition("=")[0].strip() in _CHOICE]
    chosen = load_recipe("folder_dcgan", [*location_settings(images), *choice]).data
    assert isinstance(chosen, DataSettings)
    if is_shards(images[0]):
        found = inspect_shards(*images, chosen=chosen, log=log)
    else:
        found = inspect_folder(*map(Path, images), chosen=chosen, log=log)
    if not found.facts.count:
        message = f"{described(images)} contains no images"
        raise WganError(message, "give a folder of images, or an archive or file of them")
    return found.facts


def described(images: Sequence[str], facts: DataFacts | None = None) -> str:
    """Return the names of images, with their number and size if facts are given."""
    counts = f": {count_of(facts.count, 'image')}, mostly {next(iter(facts.sizes))}" if facts else ""
    return " and ".join(images) + counts
