"""`wgan inspect`."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wgan_cli.cli.completion import complete_what
from wgan_cli.cli.options import DataRoot, Json, Settings, example
from wgan_cli.cli.render.data_report import inspect_data, is_data
from wgan_cli.cli.render.tables import print_rows
from wgan_cli.cli.render.terminal_curves import print_curves, wants_curves
from wgan_cli.errors import WganError

if TYPE_CHECKING:
    from wgan_cli.outputs.summary import BestFacts, CheckpointFacts, NetworkFacts, RecipeFacts, RunFacts


def inspect(
    what: Annotated[
        str,
        typer.Argument(
            metavar="RUN|CKPT|RECIPE|FOLDER|SET",
            help="What to look into.",
            autocompletion=complete_what,
        ),
    ],
    as_json: Json = False,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE.png", help="Draw a run's curves, or some of the images.")
    ] = None,
    curves: Annotated[
        bool | None,
        typer.Option("--curves/--no-curves", help=r"Draw a run's curves as letters. \[default: in a terminal]"),
    ] = None,
    settings: Settings = None,
    data_root: DataRoot = None,
) -> None:
    """Show what is inside a run, a checkpoint, a recipe, or a folder, archive or named set of images."""
    from wgan_cli.console import data, print_message

    if is_data(what):
        return inspect_data(what, data_root, as_json, plot)
    facts = _facts(what, settings or [])
    if plot is not None:
        _plot(facts, plot)
        print_message(f"curves: {plot}")
    if as_json:
        data().print(json.dumps(asdict(facts)), soft_wrap=True)
    else:
        shows = {"run": partial(_show_run, curves=curves), "checkpoint": _show_checkpoint, "recipe": _show_recipe}
        shows[facts.kind](facts)
    return None


inspect.__doc__ += "\n\n" + example(
    "wgan inspect runs/digits_dcgan",
    "wgan inspect runs/digits_dcgan/G.pth",
    "wgan inspect cifar10_dcgan",
    "wgan inspect runs/digits_dcgan --json",
    "wgan inspect photos --plot photos.png",
)


def _facts(what: str, settings: list[str]) -> RunFacts | CheckpointFacts | RecipeFacts:
    from wgan_cli.data import native_shape
    from wgan_cli.outputs.summary import inspect_checkpoint, inspect_recipe, inspect_run
    from wgan_cli.recipe import load_recipe, recipe_names
    from wgan_cli.runs.checkpoint import generator_file
    from wgan_cli.runs.run_dir import is_exported

    path = Path(what)
    if os.path.isdir(what):  # unlike Path, it takes names of any length
        return inspect_checkpoint(generator_file(path)) if is_exported(path) else inspect_run(path)
    if path.suffix.lower() in (".yaml", ".yml") or (what in recipe_names() and not os.path.exists(what)):
        recipe = load_recipe(what, settings)
        from wgan_cli.runs.environment import resolve_device
        from wgan_cli.training.memory_estimate import training_memory

        image = native_shape(recipe.data)
        return inspect_recipe(recipe, image, training_memory(recipe, image, resolve_device("auto")))
    if not os.path.exists(what) and path.suffix == "" and len(path.parts) == 1:
        load_recipe(what)  # says which names are near
    return inspect_checkpoint(path)


def _plot(facts: Any, path: Path) -> None:
    from wgan_cli.outputs.curves import draw_curves

    if facts.kind != "run" or not facts.history:
        raise WganError(
            f"--plot draws a run's curves, and this {facts.kind} has none", "give a run that has logged a step"
        )
    if path.suffix.lower() != ".png":
        raise WganError(f"--plot {path} does not end in .png", f"write --plot {path.stem}.png")
    draw_curves(list(facts.history), path, title=facts.recipe["name"])


def _show_run(facts: RunFacts, curves: bool | None) -> None:
    from wgan_cli.cli.render.progress import clock
    from wgan_cli.console import data
    from wgan_cli.outputs.curves import course, score_names, term_names
    from wgan_cli.recipe.scores import BASELINE

    percent = 100 * facts.step / facts.steps
    beside = "logs, grids, checkpoints and evaluations" if facts.scores else "logs, grids and checkpoints"
    print_rows(
        ("run", facts.path),
        ("recipe", _recipe_line(facts.recipe)),
        (
            "state",
            facts.state if facts.state == "finished" else f"{facts.state}; last record {_ago(facts.idle_seconds)}",
        ),
        ("step", f"{facts.step:,} of {facts.steps:,} ({percent:.0f}%), {facts.kimg:,.1f} kimg"),
        ("time", f"{clock(facts.seconds)}, {_share(facts)} of it for {beside}"),
        ("speed", f"{facts.images_per_second:,.0f} images/s" if facts.images_per_second else "none yet"),
        ("samples", f"{facts.samples} grids"),
        ("checkpoints", ", ".join(Path(file).name for file in facts.checkpoints) or "none yet"),
        *((("best", _best_line(facts.best)),) if facts.best else ()),
    )
    if facts.rollbacks:
        print_rows(("diverged", f"{facts.rollbacks} times, and went back to a checkpoint each time"))
    history = list(facts.history)
    if wants_curves(curves) and history:
        print_curves(history)
        return
    lines = {
        name: _curve_line(course(history, name)[1], data().encoding)
        for name in (*term_names(history), *score_names(history))
    }
    if {"fd", BASELINE} <= facts.scores.keys():
        lines["fd"] += f" (real images: {facts.scores[BASELINE]:.4g})"
    print_rows(*lines.items())


def _best_line(best: BestFacts) -> str:
    return f"{Path(best.path).name}, of step {best.step:,}: {best.score} of {best.score.measured}"


def _share(facts: RunFacts) -> str:
    return f"{100 * facts.overhead_seconds / facts.seconds:.1f}%" if facts.seconds else "none"


def _ago(seconds: float | None) -> str:
    from wgan_cli.cli.render.progress import clock

    return "not yet" if seconds is None else f"{clock(seconds)} ago"


def _curve_line(values: Sequence[float], encoding: str, width: int = 40) -> str:
    """A number's course as a row of bars from its least to its greatest value, with first and last value."""
    marks = "▁▂▃▄▅▆▇█" if encoding.lower().startswith("utf") else "_.-=*#"
    low, high = min(values), max(values)
    places = [int(i * len(values) / min(width, len(values))) for i in range(min(width, len(values)))]
    bars = "".join(marks[round((values[p] - low) / ((high - low) or 1.0) * (len(marks) - 1))] for p in places)
    return f"{bars}  {values[0]:.4g} -> {values[-1]:.4g}"


def _show_checkpoint(facts: CheckpointFacts) -> None:
    print_rows(
        ("checkpoint", f"{facts.path}, {facts.bytes / 1e6:.1f} MB"),
        ("recipe", _recipe_line(facts.recipe)),
        ("checksum", f"right: {facts.checksum}" if facts.checksum else "none, so damage could go unseen"),
        ("step", f"{facts.step:,} of {facts.recipe.get('steps', facts.step):,}"),
        ("holds", "everything to continue" if facts.continues else "the generator to sample from"),
        *((("best", f"of its run, by {facts.score} of {facts.score.measured}"),) if facts.score else ()),
        ("images", f"{facts.image}, classes: {', '.join(facts.class_names) or 'none'}"),
        ("made with", ", ".join(f"{name} {version}" for name, version in facts.versions.items())),
    )
    _settings(facts.recipe)
    _layers(facts.networks)


def _show_recipe(facts: RecipeFacts) -> None:
    total = sum(facts.memory.values())
    parts = ", ".join(f"{_megabytes(count)} {purpose}" for purpose, count in facts.memory.items())
    print_rows(
        ("recipe", _recipe_line(facts.recipe)),
        ("images", f"{facts.image}, {facts.image.pixels:,} bytes each while training"),
        ("memory", f"about {_megabytes(total)} beside the images: {parts}"),
    )
    _settings(facts.recipe)
    _layers(facts.networks)


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f} MB" if count >= 1e6 else f"{count / 1e6:.1f} MB"


def _recipe_line(recipe: dict[str, Any]) -> str:
    from wgan_cli.recipe import recipe_from_dict

    images = recipe_from_dict(recipe, "the recipe").data.title
    return f"{recipe['name']}: {recipe['objective']['name']}, {recipe['model']['name']} on {images}"


def _settings(recipe: dict[str, Any]) -> None:
    from wgan_cli.console import data
    from wgan_cli.recipe.yaml import dump_yaml

    data().print(dump_yaml(recipe).rstrip(), style="dim", soft_wrap=True)


def _layers(networks: tuple[NetworkFacts, ...]) -> None:
    from rich.table import Table

    from wgan_cli.console import data

    for network in networks:
        table = Table(title=f"{network.role}: {network.parameters:,} parameters", title_justify="left", box=None)
        for heading in ("layer", "kind", "output"):
            table.add_column(heading, overflow="fold")
        table.add_column("parameters", justify="right")
        for layer in network.layers:
            shape = "x".join(map(str, layer.output)) or "1"
            table.add_row(layer.name, layer.kind, shape, f"{layer.parameters:,}" if layer.parameters else "")
        data().print(table)
