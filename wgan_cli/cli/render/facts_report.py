"""`wgan inspect` for runs, checkpoints and recipes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wgan_cli.cli.render.class_counts import list_counts
from wgan_cli.cli.render.terminal_curves import print_curves, wants_curves
from wgan_cli.cli.render.text_table import print_rows, print_table
from wgan_cli.console import data
from wgan_cli.outputs.curves import score_names, series, term_names
from wgan_cli.recipe import recipe_from_dict
from wgan_cli.recipe.scores import BASELINE
from wgan_cli.recipe.yaml import dump_yaml
from wgan_cli.utils.format import clock, count_of, format_rate

if TYPE_CHECKING:
    from wgan_cli.outputs.summary import CheckpointFacts, NetworkFacts, RecipeFacts, RunFacts
    from wgan_cli.runs.pretrained import Card

MAX_CLASSES = 100
SPARKLINE = 40  # most bars


def print_facts(facts: RunFacts | CheckpointFacts | RecipeFacts, curves: bool | None) -> None:
    """Print what `wgan inspect` found; curves: as text, by default in a terminal."""
    printers: dict[str, Any] = {
        "run": partial(_print_run, curves=curves), "checkpoint": _print_checkpoint, "recipe": _print_recipe
    }  # fmt: skip
    printers[facts.kind](facts)


def _print_run(facts: RunFacts, curves: bool | None) -> None:
    best = facts.best
    overhead = f"{facts.overhead_seconds / facts.seconds:.1%}" if facts.seconds else "none"
    evaluations = ", checkpoints and evaluations" if facts.scores else " and checkpoints"
    idle = "none so far" if facts.idle_seconds is None else f"{clock(facts.idle_seconds)} ago"
    print_rows(
        ("run", facts.path),
        ("recipe", _recipe_line(facts.recipe)),
        ("weights", _origin(facts.initialized_from)),
        ("state", facts.state if facts.state == "finished" else f"{facts.state}; last record {idle}"),
        ("classes", list_counts(facts.classes, MAX_CLASSES)),
        ("step", f"{facts.step:,} of {facts.steps:,} ({facts.step / facts.steps:.0%}), {facts.kimg:,.1f} kimg"),
        ("time", f"{clock(facts.seconds)}, {overhead} of it for logs, grids{evaluations}"),
        ("speed", f"{format_rate(facts.images_per_second)} images/s" if facts.images_per_second else "none yet"),
        ("samples", count_of(facts.samples, "grid")),
        ("checkpoints", ", ".join(Path(file).name for file in facts.checkpoints) or "none yet"),
        ("best", f"{Path(best.path).name}, step {best.step:,}: {best.score} of {best.score.measured}" if best else ""),
        ("changed", f"{'; '.join(facts.changed)}: not one exact run" if facts.changed else ""),
        ("rollbacks", f"{facts.rollbacks} after divergence" if facts.rollbacks else ""),
        (
            "threads",
            f"{count_of(facts.thread_changes, 'change')} next to other programs: not one exact run"
            if facts.thread_changes
            else "",
        ),
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


def _origin(weights: dict[str, Any] | None) -> str:
    if weights is None:
        return ""
    checksum = f", checksum {weights['checksum']}" if weights.get("checksum") else ""
    return f"from step {weights['step']} of {weights['recipe']}: {weights['path']}{checksum}"


def _sparkline(values: Sequence[float], encoding: str) -> str:
    """Return values as a row of bars, scaled from their minimum to their maximum, with the first and last value."""
    bars = "▁▂▃▄▅▆▇█" if encoding.lower().startswith("utf") else "_.-=*#"
    low, high = min(values), max(values)
    count = min(SPARKLINE, len(values))
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
        *_card_rows(facts.recipe["name"], facts.pretrained),
    )
    _print_settings(facts.recipe, facts.networks)


def _card_rows(name: str, card: Card | None) -> list[tuple[str, str]]:
    """Return rows about the bundled generator of a recipe; none if there is none."""
    if card is None:
        return []
    best = f", the best of {len(card.by_seed)} seeds" if len(card.by_seed) > 1 else ""
    return [
        ("generator", f"wgan sample {name}: {card.quality}{best}"),
        ("trained by", f"{card.command}; {card.processor_minutes:.1f} minutes of processor time, {card.machine}"),
        ("trained on", f"{card.data}; license: {card.license}"),
    ]


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
