"""Checkpoints: one file that holds everything, opened anywhere, and that can run no code."""

from __future__ import annotations

import math
import sys
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from wgan_cli.errors import MAX_LINE, WganError
from wgan_cli.recipe import ImageShape, Recipe, recipe_from_dict
from wgan_cli.recipe.schema import MOST_STEPS
from wgan_cli.recipe.scores import RENAMED, SCORES, format_score, title_of
from wgan_cli.runs.checkpoint_file import damaged, is_tensors_file, no_checkpoint, read_content
from wgan_cli.runs.checkpoint_zip import write_summed
from wgan_cli.runs.migration import FORMAT, VERSION, migrated
from wgan_cli.runs.run_dir import EXPORTED_TENSORS, RunDir, is_exported, is_run
from wgan_cli.runs.safetensors_file import write_tensors
from wgan_cli.utils.files import write_atomically


@dataclass(frozen=True)
class BestScore:
    """What made a generator the best of its run. by: the score's name. measured: in what, such as a set of features."""

    by: str
    value: float
    measured: str

    def __str__(self) -> str:
        return f"{title_of(self.by)} {format_score(self.by, self.value)}"

    def compares_with(self, other: BestScore) -> bool:
        """Whether the two are of one name, and measured in the same."""
        return (self.by, self.measured) == (other.by, other.measured)

    def beats(self, other: BestScore) -> bool:
        """Return True if it is the better one."""
        lower_is_better = self.by in SCORES and SCORES[self.by].lower_is_better
        return self.value < other.value if lower_is_better else self.value > other.value


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint file holds.

    networks: state dicts by role; "generator" is the one to sample from (the average, where there is one).
    training: what else it takes to continue, or None in a file that only samples.
    score: why this generator is the best of its run, or None in a file that does not say so.
    taken_from: the file of weights that another program trained, or None where this one did.
    checksum: of the file that it was read from, computed anew and found right; None where the file carries none.
    """

    recipe: Recipe
    image: ImageShape
    class_names: tuple[str, ...]
    step: int
    networks: dict[str, dict[str, torch.Tensor]]
    training: dict[str, Any] | None = None
    versions: dict[str, str] = field(default_factory=dict)
    score: BestScore | None = None
    taken_from: str | None = None
    checksum: str | None = field(default=None, compare=False)

    @property
    def source(self) -> str:
        """Where the generator comes from: "step 4,000 of mnist_dcgan, the best by FD"."""
        if self.taken_from is not None:
            return f"{self.taken_from} as {self.recipe.name}"
        best = "" if self.score is None else f", the best by {title_of(self.score.by)}"
        return f"step {self.step:,} of {self.recipe.name}{best}"

    @property
    def facts(self) -> dict[str, Any]:
        """All but tensors and what it takes to continue, as plain values."""
        more = {"score": None if self.score is None else asdict(self.score), "taken_from": self.taken_from}
        return {
            "format": FORMAT,
            "version": VERSION,
            "recipe": self.recipe.as_dict(),
            "image": asdict(self.image),
            "class_names": list(self.class_names),
            "step": self.step,
            "versions": self.versions,
            **{name: value for name, value in more.items() if value is not None},
        }

    def save(self, path: Path) -> None:
        """Write the file in one step, in the form of its ending. The same content gives the same bytes.

        A .safetensors file has the networks to sample with, and nothing to continue from.
        """
        if is_tensors_file(path):
            write_atomically(path, lambda file: write_tensors(file, self.networks, self.facts))
            return
        content = {**_interned(self.facts), "networks": self.networks, "training": self.training}
        write_atomically(path, lambda file: write_summed(file, lambda summed: torch.save(content, summed)))

    def to_share(self) -> Checkpoint:
        """The same without what only training takes, and without the way to folders of images on this machine."""
        networks = {role: weights for role, weights in self.networks.items() if role != "critic"}
        data = self.recipe.data.with_paths(lambda path: Path(path).name or "images")
        recipe = self.recipe.model_copy(update={"data": data})
        return replace(self, recipe=recipe, networks=networks, training=None)


def _interned(value: Any) -> Any:
    """The same with one object for equal strings: a pickle tells one that comes twice from two that are equal."""
    if isinstance(value, dict):
        return {sys.intern(key): _interned(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_interned(inner) for inner in value]
    return sys.intern(value) if type(value) is str else value


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Read a checkpoint to the CPU; nothing in the file can run code, or take more memory than the file is long.

    Raises: WganError for a file that is missing, no checkpoint, damaged, or of a newer format.
    """
    path = Path(path)
    content, checksum = read_content(path)
    version = content.get("version") if isinstance(content, dict) and content.get("format") == FORMAT else None
    if type(version) is not int or version < 1:
        raise no_checkpoint(path)
    if version > VERSION:
        raise WganError(
            f"{path} has checkpoint format {version}, and this wgan reads up to {VERSION}",
            "pip install --upgrade the program that opens it",
        )
    if version > 1 and checksum is None:
        raise damaged(path, "its checksum is missing")
    try:
        content = migrated(content, version)
        return Checkpoint(
            recipe=recipe_from_dict(content["recipe"], str(path)),
            image=_checked_image(content["image"]),
            class_names=_checked_names(content["class_names"]),
            step=_checked_number(content["step"], 0, MOST_STEPS),
            networks={role: _checked_weights(weights) for role, weights in _items(content["networks"])},
            training=None if content["training"] is None else dict(_items(content["training"])),
            versions={name: text for name, text in _items(content["versions"]) if _checked_names((name, text))},
            score=None if content.get("score") is None else checked_score(content["score"]),
            taken_from=None if content.get("taken_from") is None else _checked_names((content["taken_from"],))[0],
            checksum=checksum,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise no_checkpoint(path) from error


def _checked_number(value: Any, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{value!r:.60} is no number from {least} to {most}")
    return value


def _checked_image(values: Any) -> ImageShape:
    size, channels, classes = (dict(_items(values))[name] for name in ("size", "channels", "num_classes"))
    return ImageShape(
        _checked_number(size, 1, 8192), _checked_number(channels, 1, 4), _checked_number(classes, 0, 1_000_000)
    )


def checked_score(values: Any) -> BestScore:
    """The score of a checkpoint's content. Raises: KeyError, TypeError, ValueError."""
    by, value, measured = (dict(_items(values))[name] for name in ("by", "value", "measured"))
    (by,) = _checked_names((by,))
    if type(value) is not float or not math.isfinite(value) or not (by.isidentifier() and len(by) <= 40):
        raise ValueError("no score")
    return BestScore(RENAMED.get(by, by), value, *_checked_names((measured,)))


def _checked_names(names: Any) -> tuple[str, ...]:
    """Names of any letters, since folders of images may have them; whoever prints one takes care."""
    if not all(isinstance(name, str) and len(name) <= MAX_LINE for name in names):
        raise TypeError("no names")
    return tuple(names)


def _checked_weights(weights: Any) -> dict[str, torch.Tensor]:
    if not all(isinstance(tensor, torch.Tensor) for _, tensor in _items(weights)):
        raise TypeError("no weights")
    return dict(weights)  # without what torch notes beside it, of which a file could say anything


def _items(values: Any) -> list[tuple[str, Any]]:
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise TypeError("no names with values")
    return list(values.items())


def newest_checkpoint(run: RunDir) -> Path | None:
    """The checkpoint to continue a run from, or None where it was stopped before its first."""
    files = run.checkpoint_files()
    return files[-1] if files else None


def generator_file(path: Path) -> Path:
    """The file to sample from: a checkpoint as it is, or a folder's, where a run's best goes before its last."""
    if not path.is_dir():
        return path
    run = RunDir(path)
    if is_exported(path):
        return path / EXPORTED_TENSORS
    if not is_run(path):
        raise WganError(f"{path} is no run folder: it holds no recipe.yaml", "give a run folder or a G.pth file")
    if run.best_file.is_file():
        return run.best_file
    if not run.generator_file.is_file():
        raise WganError(
            f"{path} has no G.pth yet",
            f"the first checkpoint writes it; `wgan inspect {path}` shows how far the run is",
        )
    return run.generator_file
