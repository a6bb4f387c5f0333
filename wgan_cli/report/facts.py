"""All that a page tells of a run; what cannot be read is named, and the rest is told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from wgan_cli.objectives import build_objective
from wgan_cli.outputs.summary import RunFacts
from wgan_cli.recipe import ImageShape, recipe_from_dict
from wgan_cli.recipe.scores import LOGGED
from wgan_cli.report.comparison import Comparison, beside_each_other
from wgan_cli.report.pictures import Frame, Nearest, read_frames
from wgan_cli.runs.run_dir import RunDir
from wgan_cli.utils.files import open_plain

MOST_IN_A_FILE = 1_000_000  # bytes; an environment.json has one thousand
#: Objectives that remember images want to know their shape, which their terms' meanings do not depend on.
_ANY_SHAPE = ImageShape(32, 3)


@dataclass(frozen=True)
class Told:
    """A run as a page tells it.

    name: what no other run on the page is called. scores: of the best generator's step, or of the last evaluation.
    meanings: of the losses' terms. nearest: samples beside their nearest training images, or None. missing: what
    could not be read, a phrase each.
    """

    name: str
    facts: RunFacts
    scores: dict[str, float]
    meanings: dict[str, str]
    environment: dict[str, Any] = field(default_factory=dict)
    frames: tuple[Frame, ...] = field(default=(), repr=False)
    nearest: Nearest | None = field(default=None, repr=False)
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """Runs as a page tells them, and in what they differ."""

    runs: tuple[Told, ...]
    compared: Comparison


def gather(paths: Sequence[Path], nearest: Sequence[Nearest | None] = ()) -> Report:
    """Read runs, also while they train.

    Args:
        nearest: of each run, samples beside their nearest training images, where these were looked for.
    Raises: WganError where a folder is no run, is given twice, or they are too many.
    """
    compared = beside_each_other(paths)
    found = [*nearest, *[None] * (len(paths) - len(nearest))]
    return Report(tuple(map(_told, compared.names, compared.runs, found)), compared)


def _told(name: str, facts: RunFacts, nearest: Nearest | None) -> Told:
    run, missing = RunDir(Path(facts.path)), []
    frames = read_frames(run.sample_files(), missing.append)
    if not frames and not missing:
        missing.append("there is no sample grid yet")
    if not facts.history:
        missing.append("no losses have been logged yet")
    environment = _environment(run.environment_file)
    if not environment:
        missing.append(f"{run.environment_file.name} cannot be read")
    told = told_by_records(name, facts)
    return replace(told, environment=environment, frames=frames, nearest=nearest, missing=tuple(missing))


def told_by_records(name: str, facts: RunFacts) -> Told:
    """What a run's records alone tell, without its pictures and its machine."""
    recipe = recipe_from_dict(facts.recipe, name)
    meanings = build_objective(recipe, _ANY_SHAPE).meanings
    return Told(name, facts, _scores(facts), meanings)


def _scores(facts: RunFacts) -> dict[str, float]:
    """Those of the best generator's step, and of the last evaluation where its record is gone."""
    best = None if facts.best is None else facts.best.step
    for record in facts.history:
        if record["step"] == best:
            return {name: value for name, value in record.items() if name in LOGGED} or facts.scores
    return facts.scores


def _environment(path: Path) -> dict[str, Any]:
    """What environment.json holds, as far as it is what the program writes; {} where nothing of it can be read."""
    try:
        with open_plain(path) as file:
            values = json.loads(file.read(MOST_IN_A_FILE))
    except (OSError, ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}
