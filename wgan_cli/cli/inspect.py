"""`wgan inspect`."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wgan_cli.cli.arguments.completion import complete_what
from wgan_cli.cli.arguments.open_checkpoint import ImportEntry, ImportRecipe, open_checkpoint
from wgan_cli.cli.arguments.options import DataRoot, Json, Settings, examples
from wgan_cli.cli.render.data_report import inspect_data, is_data
from wgan_cli.cli.render.tables import print_rows, print_table
from wgan_cli.cli.render.terminal_curves import print_curves, wants_curves
from wgan_cli.console import data, print_message
from wgan_cli.errors import WganError
from wgan_cli.recipe import load_recipe, recipe_from_dict, recipe_names
from wgan_cli.recipe.scores import BASELINE
from wgan_cli.recipe.yaml import dump_yaml
from wgan_cli.utils.format import clock

if TYPE_CHECKING:
    from wgan_cli.outputs.summary import CheckpointFacts, NetworkFacts, RecipeFacts, RunFacts


@examples(
    "wgan inspect runs/digits_dcgan",
    "wgan inspect runs/digits_dcgan/G.pth",
    "wgan inspect cifar10_dcgan",
    "wgan inspect runs/digits_dcgan --json",
    "wgan inspect photos --plot photos.png",
)
def inspect(
    what: Annotated[
        str,
        typer.Argument(
            metavar="RUN|CKPT|RECIPE|FOLDER|SET",
            help="Run, checkpoint, recipe, image folder or archive, or data set.",
            autocompletion=complete_what,
        ),
    ],
    as_json: Json = False,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE.png", help="Image of a run's curves, or of some data.")
    ] = None,
    curves: Annotated[
        bool | None, typer.Option("--curves/--no-curves", help=r"Curves as text. \[default: in a terminal]")
    ] = None,
    settings: Settings = None,
    data_root: DataRoot = None,
    recipe: ImportRecipe = None,
    entry: ImportEntry = None,
) -> None:
    """Show a run, checkpoint, recipe, or set of images."""
    if is_data(what):
        inspect_data(what, data_root, as_json, plot)
        return
    facts: Any
    if recipe is not None:
        from wgan_cli.outputs.summary import inspect_checkpoint

        facts = inspect_checkpoint(Path(what), open_checkpoint(Path(what), recipe, settings, entry))
    else:
        facts = _facts(what, settings or [])
    if plot is not None:
        from wgan_cli.outputs.curves import draw_curves

        if facts.kind != "run" or not facts.history:
            hint = "give a run that has logged a step"
            raise WganError(f"--plot needs curves, and this {facts.kind} has none", hint)
        if plot.suffix.lower() != ".png":
            raise WganError(f"--plot {plot} does not end in .png", f"use --plot {plot.stem}.png")
        draw_curves(facts.history, plot, title=facts.recipe["name"])
        print_message(f"curves: {plot}")
    if as_json:
        data().print(json.dumps(asdict(facts)), soft_wrap=True)
    else:
        printers = {"run": partial(_print_run, curves=curves), "checkpoint": _print_checkpoint, "recipe": _print_recipe}
        printers[facts.kind](facts)


def _facts(what: str, settings: list[str]) -> RunFacts | CheckpointFacts | RecipeFacts:
    from wgan_cli.data import native_shape
    from wgan_cli.outputs.summary import inspect_checkpoint, inspect_recipe, inspect_run
    from wgan_cli.runs.checkpoint import generator_file
    from wgan_cli.runs.run_dir import is_exported
    from wgan_cli.training.memory_estimate import estimate_memory

    path = Path(what)
    if os.path.isdir(what):  # unlike Path, it takes names of any length
        return inspect_checkpoint(generator_file(path)) if is_exported(path) else inspect_run(path)
    if path.suffix.lower() in (".yaml", ".yml") or (what in recipe_names() and not os.path.exists(what)):
        recipe = load_recipe(what, settings)
        facts = inspect_recipe(recipe, native_shape(recipe.data))
        return replace(facts, memory=estimate_memory(recipe, facts.networks))
    if not os.path.exists(what) and path.suffix == "" and len(path.parts) == 1:
        load_recipe(what)  # raises with the closest names
    return inspect_checkpoint(path)


def _print_run(facts: RunFacts, curves: bool | None) -> None:
    from wgan_cli.outputs.curves import score_names, series, term_names

    best = facts.best
    overhead = f"{facts.overhead_seconds / facts.seconds:.1%}" if facts.seconds else "none"
    evaluations = ", checkpoints and evaluations" if facts.scores else " and checkpoints"
    idle = "none so far" if facts.idle_seconds is None else f"{clock(facts.idle_seconds)} ago"
    print_rows(
        ("run", facts.path),
        ("recipe", _recipe_line(facts.recipe)),
        ("state", facts.state if facts.state == "finished" else f"{facts.state}; last record {idle}"),
        ("step", f"{facts.step:,} of {facts.steps:,} ({facts.step / facts.steps:.0%}), {facts.kimg:,.1f} kimg"),
        ("time", f"{clock(facts.seconds)}, {overhead} of it for logs, grids{evaluations}"),
        ("speed", f"{facts.images_per_second:,.0f} images/s" if facts.images_per_second else "none yet"),
        ("samples", f"{facts.samples} grids"),
        ("checkpoints", ", ".join(Path(file).name for file in facts.checkpoints) or "none yet"),
        ("best", f"{Path(best.path).name}, step {best.step:,}: {best.score} of {best.score.measured}" if best else ""),
        ("rollbacks", f"{facts.rollbacks} after divergence" if facts.rollbacks else ""),
    )
    history = facts.history
    if wants_curves(curves) and history:
        print_curves(history)
        return
    names = (*term_names(history), *score_names(history))
    lines = {name: _sparkline(series(history, name)[1], data().encoding) for name in names}
    if {"fd", BASELINE} <= facts.scores.keys():
        lines["fd"] += f" (real images: {facts.scores[BASELINE]:.4g})"
    print_rows(*lines.items())


def _sparkline(values: Sequence[float], encoding: str, width: int = 40) -> str:
    """Return values as a row of bars, scaled from their minimum to their maximum, with the first and last value."""
    bars = "▁▂▃▄▅▆▇█" if encoding.lower().startswith("utf") else "_.-=*#"
    low, high = min(values), max(values)
    count = min(width, len(values))
    places = [int(i * len(values) / count) for i in range(count)]
    line = "".join(bars[round((values[p] - low) / ((high - low) or 1.0) * (len(bars) - 1))] for p in places)
    return f"{line}  {values[0]:.4g} -> {values[-1]:.4g}"


def _print_checkpoint(facts: CheckpointFacts) -> None:
    print_rows(
        ("checkpoint", f"{facts.path}, {facts.bytes / 1e6:.1f} MB"),
        ("recipe", _recipe_line(facts.recipe)),
        ("checksum", f"valid: {facts.checksum}" if facts.checksum else "none, so damage may go unnoticed"),
        ("step", f"{facts.step:,} of {facts.recipe.get('steps', facts.step):,}"),
        ("contents", "full training state" if facts.continues else "generator for sampling"),
        ("best", f"of its run, by {facts.score} of {facts.score.measured}" if facts.score else ""),
        ("images", f"{facts.image}, classes: {', '.join(facts.class_names) or 'none'}"),
        ("versions", ", ".join(f"{name} {version}" for name, version in facts.versions.items())),
    )
    _print_settings(facts.recipe, facts.networks)


def _print_recipe(facts: RecipeFacts) -> None:
    parts = ", ".join(f"{_megabytes(count)} {purpose}" for purpose, count in facts.memory.items())
    print_rows(
        ("recipe", _recipe_line(facts.recipe)),
        ("images", f"{facts.image}, {facts.image.pixels:,} bytes each in training"),
        ("memory", f"about {_megabytes(sum(facts.memory.values()))} plus the images and PyTorch: {parts}"),
    )
    _print_settings(facts.recipe, facts.networks)


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f} MB" if count >= 1e6 else f"{count / 1e6:.1f} MB"


def _recipe_line(recipe: dict[str, Any]) -> str:
    images = recipe_from_dict(recipe, "the recipe").data.title
    return f"{recipe['name']}: {recipe['objective']['name']}, {recipe['model']['name']} on {images}"


def _print_settings(recipe: dict[str, Any], networks: tuple[NetworkFacts, ...]) -> None:
    data().print(dump_yaml(recipe).rstrip(), style="dim", soft_wrap=True)
    for network in networks:
        rows = []
        for layer in network.layers:
            output, parameters = "x".join(map(str, layer.output)), f"{layer.parameters:,}" if layer.parameters else ""
            rows.append((layer.name, layer.kind, output or "1", parameters))
        title = f"{network.role}: {network.parameters:,} parameters"
        print_table(("layer", "kind", "output", "parameters"), rows, right=(3,), title=title)
