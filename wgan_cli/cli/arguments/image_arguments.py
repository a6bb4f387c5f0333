"""Settings of `data` for images that are named on the command line, and what to say about them."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wgan_cli.cli.render.data_report import is_shards
from wgan_cli.console import print_message
from wgan_cli.errors import WganError
from wgan_cli.recipe import load_recipe, read_recipe_text, recipe_path
from wgan_cli.recipe.data_settings import NAMED, USER_SOURCES, DataSettings
from wgan_cli.recipe.recipe_files import recipe_title
from wgan_cli.recipe.yaml import parse_yaml
from wgan_cli.utils.format import Log, count_of

if TYPE_CHECKING:
    from wgan_cli.data.inspection import DataFacts


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


def instead_of_its_images(images: Sequence[str], log: Log) -> list[str]:
    """Return the settings that train the recipe of --init-from on other images; `log` receives that it is used."""
    sides = two_sides(images)
    facts = None if sides or images[0] in NAMED else facts_of(images, log)
    log(f"{described(images, facts)}: training the recipe of --init-from; another one: --recipe NAME")
    if sides:
        return ['data={"a": {"source": "folder"}, "b": {"source": "folder"}}', *sides]
    if facts is None:
        return [f"data={images[0]}"]
    section = {"source": "shards" if is_shards(images[0]) else "folder", "path": _one_or_all(images)}
    section |= {"diff_augment": "auto", "on_bad_file": "skip" if facts.bad_count else "stop"}
    return [f"data={json.dumps(section, ensure_ascii=False)}"]


def other_images(recipe: str, images: Sequence[str]) -> list[str]:
    """Return the settings that train a recipe on other images; they get the size of its own."""
    from wgan_cli.data import native_shape

    if images[0] in NAMED:
        return [f"data={images[0]}"]
    own = own_data(recipe)
    if {"a", "b"} & own.keys():
        if sides := two_sides(images):
            return sides
        raise WganError(
            f"--data is one set of images, and {recipe} needs two",
            "set data.a.path and data.b.path, or give one folder with trainA and trainB in it",
        )
    if own.get("source") in USER_SOURCES:
        return location_settings(images)
    size = native_shape(load_recipe(recipe).data).size
    source = "shards" if is_shards(images[0]) else "folder"
    section = {"source": source, "path": _one_or_all(images), "image_size": size, "diff_augment": "auto"}
    return [f"data={json.dumps(section, ensure_ascii=False)}"]


def own_data(recipe: str) -> dict[str, Any]:
    """Return the `data` of a recipe as written, perhaps without the path that it needs."""
    path = recipe_path(recipe)
    data = parse_yaml(read_recipe_text(path), recipe_title(path)).get("data", {})
    return data if isinstance(data, dict) else {}


def two_sides(images: Sequence[str]) -> list[str]:
    """Return the settings for a folder or archive with trainA, trainB and perhaps testA, testB; empty for others."""
    from wgan_cli.data.containers.folders import open_container
    from wgan_cli.data.files.labelling import translation_sides

    path = images[0]
    if len(images) > 1 or path in NAMED or is_shards(path):
        return []
    with open_container(Path(path)) as container:
        folders = translation_sides(container.folders())
    settings = {"trainA": "a.path", "trainB": "b.path", "testA": "a.test_path", "testB": "b.test_path"}
    return [f"data.{settings[name]}={json.dumps(os.path.join(path, folder))}" for name, folder in folders.items()]


def _one_or_all(images: Sequence[str]) -> str | list[str]:
    return images[0] if len(images) == 1 else list(images)


def facts_of(images: Sequence[str], log: Log = print_message) -> DataFacts:
    """Inspect a user's images. Raises: WganError if there are none."""
    from wgan_cli.data.inspection import inspect_folder, inspect_shards

    found = inspect_shards(*images) if is_shards(images[0]) else inspect_folder(*map(Path, images), log=log)
    if not found.facts.count:
        message = f"{described(images)} contains no images"
        raise WganError(message, "give a folder of images, or an archive or file of them")
    return found.facts


def described(images: Sequence[str], facts: DataFacts | None = None) -> str:
    """Return the names of images, with their number and size if facts are given."""
    counts = f": {count_of(facts.count, 'image')}, mostly {next(iter(facts.sizes))}" if facts else ""
    return " and ".join(images) + counts
