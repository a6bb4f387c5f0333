"""`wgan inspect`."""

from __future__ import annotations

import json
import os
import shlex
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wgan_cli.cli.arguments.completion import complete_what
from wgan_cli.cli.arguments.named_generator import locate
from wgan_cli.cli.arguments.open_checkpoint import ImportEntry, ImportRecipe, check_entry, open_checkpoint
from wgan_cli.cli.arguments.options import DataRoot, Json, Settings, examples
from wgan_cli.cli.arguments.output_path import Force, check_overwrite
from wgan_cli.console import data, print_message
from wgan_cli.errors import WganError, did_you_mean
from wgan_cli.utils.files import check_suffix, make_parent
from wgan_cli.utils.hub import Unavailable, is_remote

if TYPE_CHECKING:
    from wgan_cli.outputs.summary import CheckpointFacts, RecipeFacts, RunFacts


@examples(
    "wgan inspect runs/digits_dcgan",
    "wgan inspect runs/digits_dcgan/G.pth",
    "wgan inspect cifar10_dcgan",
    "wgan inspect runs/digits_dcgan --json",
    "wgan inspect photos --plot photos.png",
)
def inspect(
    whats: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN|CKPT|NAME|RECIPE|DATA...",
            help="Run, checkpoint, bundled generator, recipe, or images: folders, archives, .npz files or a dataset.",
            autocompletion=complete_what,
        ),
    ],
    as_json: Json = False,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="FILE.png", help="Picture of a run's curves, or of some of the images."),
    ] = None,
    force: Force = False,
    curves: Annotated[
        bool | None, typer.Option("--curves/--no-curves", help=r"Curves as text. \[default: in a terminal]")
    ] = None,
    settings: Settings = None,
    data_root: DataRoot = None,
    recipe: ImportRecipe = None,
    entry: ImportEntry = None,
) -> None:
    """Show a run, checkpoint, recipe, or set of images."""
    check_overwrite(plot, force, "--plot")
    check_entry(recipe, entry)
    from wgan_cli.cli.arguments.data_arguments import check_no_images, is_data
    from wgan_cli.cli.render.data_report import inspect_data

    if len(whats) == 1 and is_remote(whats[0]):
        with suppress(Unavailable):  # then it is a data set, or neither
            whats = [str(locate(Path(whats[0])))]
    what = next((each for each in whats if not is_data(each)), whats[0])
    if len(whats) > 1 and not is_data(what):
        raise WganError(f"{what} is not a set of images", f"wgan inspect {shlex.quote(what)}")
    if settings and recipe is None and not _is_recipe(what):
        raise WganError(
            f"--set needs a recipe, and {what} isn't one",
            f"leave out --set; `wgan inspect {shlex.quote(what)}` shows all of it",
        )
    if is_data(what):
        inspect_data(whats, data_root, as_json, plot)
        return
    check_no_images(what)
    facts: Any
    if recipe is not None:
        from wgan_cli.outputs.summary import inspect_checkpoint

        facts = inspect_checkpoint(Path(what), open_checkpoint(Path(what), recipe, settings, entry))
    else:
        facts = _facts(what, settings or [])
    if plot is not None:
        _plot(facts, plot)
    if as_json:
        data().print(json.dumps(asdict(facts)), soft_wrap=True)
    else:
        from wgan_cli.cli.render.facts_report import print_facts

        print_facts(facts, curves)


def _plot(facts: Any, path: Path) -> None:
    """Draw the curves of a run. Raises: WganError for other facts."""
    from wgan_cli.outputs.curves import draw_curves

    if facts.kind != "run" or not facts.history:
        hint = "give a run that has logged a step"
        raise WganError(f"--plot needs curves, and this {facts.kind} has none", hint)
    check_suffix(path, (".png",), "curves.png", "--plot")
    make_parent(path)
    draw_curves(facts.history, path, title=facts.recipe["name"])
    print_message(f"curves: {path}")


def _is_recipe(what: str) -> bool:
    from wgan_cli.recipe import recipe_names

    return Path(what).suffix.lower() in (".yaml", ".yml") or (what in recipe_names() and not os.path.exists(what))


def _facts(what: str, settings: list[str]) -> RunFacts | CheckpointFacts | RecipeFacts:
    from wgan_cli.data import native_shape
    from wgan_cli.outputs.summary import inspect_checkpoint, inspect_recipe, inspect_run
    from wgan_cli.recipe import load_recipe, recipe_names
    from wgan_cli.runs.checkpoint import generator_file
    from wgan_cli.runs.pretrained import pretrained_names, read_card
    from wgan_cli.runs.run_dir import RUNS, is_exported, is_run
    from wgan_cli.training.memory_estimate import estimate_memory

    path = Path(what)
    if os.path.isdir(what):  # unlike Path, it takes names of any length
        return inspect_checkpoint(generator_file(path)) if is_exported(path) else inspect_run(path)
    if _is_recipe(what):
        recipe = load_recipe(what, settings)
        facts = inspect_recipe(recipe, native_shape(recipe.data))
        if is_run(RUNS / what):
            print_message(f"{what}: the recipe; its run is shown by: wgan inspect {RUNS / what}")
        card = read_card(what) if what in pretrained_names() and not settings else None
        return replace(facts, memory=estimate_memory(recipe, facts.networks), pretrained=card)
    if not os.path.exists(what):
        raise WganError(
            f"there is no run, file, folder or recipe {what}",
            did_you_mean(what, [*recipe_names(), *os.listdir(), *map(str, RUNS.glob("*"))])
            or "check the path; `wgan runs` and `wgan recipes` list runs and recipes",
        )
    return inspect_checkpoint(path)
