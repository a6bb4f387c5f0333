"""Search a recipe's settings for the best images after a time budget, by successive halving.

    python benchmarks/search.py mnist_dcgan --data-root data --minutes 1 --vary 'batch_size=[32, 64, 128]' \\
        --vary 'optim.critic.lr,optim.generator.lr=[0.003, 0.005, 0.01]'
    python benchmarks/search.py candidates.yaml --data-root data --minutes 5 --rungs 1
    python benchmarks/search.py --table         only write benchmarks/results/search.md

A candidate is a recipe with settings; a file contains `recipe: [{dotted.key: value, ...}, ...]`. All candidates train
for a quarter of the budget, the best half again for half of it, and the best half of those for all of it. The budget is
first converted to steps by timing all candidates in turns, because the learning rate decays to zero at the last step;
training then counts steps, so other load changes no result. Loading, evaluation and grids aren't part of the budget.
Existing results are reused.
"""

from __future__ import annotations

import argparse
import json
import sys
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import common
import search_table
import torch
from budget import figures, milliseconds_per_step, trained
from rich.console import Console
from torch import nn

from wgan_cli.data import ImageSet, load_images
from wgan_cli.errors import WganError
from wgan_cli.evaluation.evaluate import Reference, make_reference
from wgan_cli.outputs.grid import grid_tensor, save_picture
from wgan_cli.outputs.sampling import cycled_labels, generate
from wgan_cli.recipe import Recipe, load_recipe, read_recipe_text, recipe_from_dict
from wgan_cli.recipe.yaml import parse_yaml
from wgan_cli.utils.seeds import latent_vectors

#: What says how long, how watched or how carried out, and not what is searched for.
ASIDE = ("name", "data", "steps", "epochs", "engine", "threads", "amp", "tf32", "deterministic")
WATCHING = ("log_every", "sample_every", "sample_grid", "save_every", "eval_every", "eval_count", "best_by", "patience")


@dataclass(frozen=True)
class Candidate:
    """A recipe by name or file with settings, and the time of its steps."""

    origin: str
    settings: tuple[str, ...]
    recipe: Recipe
    ms_here: float = 0.0
    ms_per_step: float = 0.0  # on the machine that the minutes are of

    @property
    def name(self) -> str:
        return Path(self.origin).stem

    def steps(self, minutes: float) -> int:
        return max(1, round(60_000 * minutes / self.ms_per_step))


class Results:
    """All measurements in a JSON file, written after each candidate."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.runs: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))["runs"] if file.exists() else []

    def find(self, candidate: Candidate, minutes: float, images: int) -> dict[str, Any] | None:
        """Return the result of an equal candidate with the same budget."""
        wanted = {"recipe": candidate.name, "minutes": minutes, "images": images, "chosen": chosen(candidate.recipe)}
        return next((run for run in self.runs if equal(run, wanted)), None)

    def add(self, run: dict[str, Any]) -> None:
        """Add a run, replacing an equal one."""
        self.runs = [*(other for other in self.runs if not equal(other, run)), run]
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text(json.dumps({"runs": self.runs}, indent=1) + "\n", encoding="utf-8")


def equal(run: dict[str, Any], other: dict[str, Any]) -> bool:
    """Return True if two runs have the same settings, with defaults for settings added later."""
    if any(run[key] != other[key] for key in ("recipe", "minutes", "images")):
        return False
    mine, theirs = run["chosen"], other["chosen"]
    defaults = _defaults(mine.get("model.name"), mine.get("objective.name"))
    return all(mine.get(key, defaults.get(key)) == theirs.get(key, defaults.get(key)) for key in mine | theirs)


@cache
def _defaults(model: str | None, objective: str | None) -> dict[str, Any]:
    if model is None or objective is None:
        return {}
    return chosen(recipe_from_dict({"model": {"name": model}, "objective": {"name": objective}, "steps": 1}, "none"))


def chosen(recipe: Recipe) -> dict[str, Any]:
    """Return all settings that a search may vary, by dotted name."""
    kept = {key: value for key, value in recipe.as_dict().items() if key not in (*ASIDE, *WATCHING)}
    return dict(_flat(kept))


def _flat(section: dict[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in section.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def candidates_of(what: str, vary: list[str], settings: list[str]) -> list[Candidate]:
    """Return the candidates of a file, or every combination of the varied settings of a recipe.

    Raises: WganError for files, settings or choices that make no valid recipe.
    """
    path = Path(what)
    if path.suffix in (".yaml", ".yml") and path.is_file():
        listed = parse_yaml(read_recipe_text(path), path.name)
        if isinstance(listed, dict) and all(isinstance(each, list) for each in listed.values()):
            pairs = [(name, _as_settings(each)) for name, all_of in listed.items() for each in all_of]
            return [_candidate(name, [*settings, *own]) for name, own in pairs]
    choices = [_choices(text) for text in vary]
    combined = [[setting for part in parts for setting in part] for parts in product(*choices)]
    return [_candidate(what, [*settings, *own]) for own in combined]


def _candidate(name: str, settings: list[str]) -> Candidate:
    return Candidate(name, tuple(settings), load_recipe(name, [*settings, "steps=1"]))


def _as_settings(values: Any) -> list[str]:
    if not isinstance(values, dict):
        raise WganError(
            f"{values!r} is no candidate", "write {batch_size: 32, optim.lr_schedule: none}, or {} for none"
        )
    return [f"{key}={json.dumps(value)}" for key, value in values.items()]


def _choices(text: str) -> list[list[str]]:
    """Parse `A,B=[x, y]` into [[A=x, B=x], [A=y, B=y]]."""
    keys, equals, values = text.partition("=")
    listed = parse_yaml(values, f"--vary {keys}") if equals else None
    if not isinstance(listed, list) or not listed:
        raise WganError(f"--vary {text!r} names no choices", "write for example --vary 'batch_size=[32, 64]'")
    return [[f"{key.strip()}={json.dumps(value)}" for key in keys.split(",")] for value in listed]


def with_times(
    candidates: list[Candidate], dataset: ImageSet, device: torch.device, base_ms: float | None
) -> list[Candidate]:
    """Add the time of a step to each candidate.

    Args:
        base_ms: milliseconds per step of the unchanged recipe on the reference machine, by default this one.
    """
    base = _candidate(candidates[0].origin, [])
    first, *here = milliseconds_per_step([base.recipe, *(each.recipe for each in candidates)], dataset, device)
    factor = base_ms / first if base_ms else 1.0
    return [
        replace(each, ms_here=ms, ms_per_step=common.four_digits(factor * ms))
        for each, ms in zip(candidates, here, strict=True)
    ]


def measure(
    candidate: Candidate,
    minutes: float,
    dataset: ImageSet,
    reference: Reference,
    device: torch.device,
    grids: Path | None = None,
) -> dict[str, Any]:
    """Train a candidate for its steps and return its result; diverged candidates have no FD.

    grids: folder for sample grids, named by recipe, minutes and a hash of the settings.
    """
    steps = candidate.steps(minutes)
    recipe = candidate.recipe.replaced(steps=steps)
    generator = trained(recipe, dataset, device)
    measured = figures(generator, recipe, steps, reference) if generator else {"images": reference.count}
    if generator and grids:
        number = zlib.crc32(" ".join(candidate.settings).encode())
        _draw(generator, recipe, dataset, grids / f"{candidate.name}-{minutes:g}min-{number:08x}.png")
    return {
        "recipe": candidate.name,
        "settings": list(candidate.settings),
        "minutes": minutes,
        "steps": steps,
        "ms_per_step": candidate.ms_per_step,
        "ms_here": candidate.ms_here,
        **measured,
        "chosen": chosen(recipe),
        **{key: value for key, value in common.facts(device).items() if key != "cores_used_by_others"},
    }


def _draw(generator: nn.Module, recipe: Recipe, dataset: ImageSet, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    z, labels = latent_vectors(0, range(100), recipe.model.latent_dim), cycled_labels(recipe, dataset.shape, 100)
    save_picture(grid_tensor(torch.cat(list(generate(generator, z, labels=labels))), columns=10), file)


def halve(
    candidates: list[Candidate], rungs: list[float], keep: float, arguments: argparse.Namespace, results: Results
) -> None:
    """Run the rungs, each with the best candidates of the previous one."""
    console = common.make_console()
    settings, data_root, device = candidates[0].recipe.data, arguments.data_root, arguments.device
    dataset = load_images(settings, data_root, console.print)
    candidates = with_times(candidates, dataset, device, arguments.base_ms)
    reference = make_reference(settings, data_root, device, console.print, count=arguments.images, dataset=dataset)
    for number, minutes in enumerate(rungs):
        found = []
        for candidate in candidates:
            run = None if arguments.again else results.find(candidate, minutes, reference.count)
            if run is None:
                run = measure(candidate, minutes, dataset, reference, device, arguments.grids)
                results.add(run)
            found.append((run.get("fd", float("inf")), candidate))
            _say(run, console)
        found.sort(key=lambda pair: pair[0])
        if number + 1 < len(rungs):
            candidates = [candidate for _, candidate in found[: max(1, round(keep * len(found)))]]


def _say(run: dict[str, Any], console: Console) -> None:
    distance = f"{run['fd']:.3g} (real images: {run['real_baseline']:.3g})" if "fd" in run else "diverged"
    entropy = f", entropy {run['class_entropy']:.3f}" if "class_entropy" in run else ""
    settings = " ".join(run["settings"]) or "as it is"
    console.print(
        f"{run['recipe']} {run['minutes']:g} min, {run['steps']:,} steps: {distance}{entropy}  {settings}",
        markup=False, soft_wrap=True,
    )  # fmt: skip


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", help="a recipe, or a file of candidates")
    parser.add_argument("--minutes", type=float, default=1.0, help="of training in the last rung (default 1)")
    parser.add_argument("--rungs", type=float, nargs="+", help="shares of the minutes (default 0.25 0.5 1)")
    parser.add_argument("--keep", type=float, default=0.5, help="share that goes on to the next rung (default 0.5)")
    parser.add_argument("--vary", action="append", default=[], metavar="KEY[,KEY]=[A, B]", help="choices to combine")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="for all candidates")
    parser.add_argument(
        "--base-ms", type=float, help="of a step of the unchanged recipe on the machine that the minutes are of"
    )
    parser.add_argument("--images", type=int, default=5000, help="generated for each evaluation (default 5000)")
    parser.add_argument("--data-root", type=Path, default=Path("data"))
    parser.add_argument("--grids", type=Path, metavar="DIR", help="draw the samples of each candidate into this folder")
    parser.add_argument("--again", action="store_true", help="also what was measured already")
    parser.add_argument("--table", action="store_true", help="only write benchmarks/results/search.md from the results")
    arguments = common.parse(parser, "search")
    if not (arguments.table or arguments.what):
        parser.error("give a recipe or a file of candidates")
    if arguments.quick:
        arguments.minutes, arguments.images = 0.02, 200
    return arguments


def main() -> None:
    arguments = parse_arguments()
    results = Results(arguments.out)
    if arguments.what:
        rungs = [share * arguments.minutes for share in arguments.rungs or (0.25, 0.5, 1.0)]
        every = candidates_of(arguments.what, arguments.vary, arguments.set)
        try:
            for origin in dict.fromkeys(candidate.origin for candidate in every):
                own = [candidate for candidate in every if candidate.origin == origin]
                halve(own, rungs, arguments.keep, arguments, results)
        except KeyboardInterrupt:
            print(f"stopped; {arguments.out} keeps what was measured", file=sys.stderr)
            raise SystemExit(130) from None
    if arguments.out.parent == common.RESULTS:
        search_table.write(results.runs)


if __name__ == "__main__":
    common.run(main)
