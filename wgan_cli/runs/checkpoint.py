"""Checkpoints: self-contained files that open on any machine and never execute code."""

from __future__ import annotations

import math
import re
import shlex
import sys
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from wgan_cli.errors import MAX_LINE, WganError
from wgan_cli.recipe import ImageShape, Recipe, recipe_from_dict
from wgan_cli.recipe.decoding_types import MAX_CHANNELS
from wgan_cli.recipe.schema import MOST_STEPS
from wgan_cli.recipe.scores import RENAMED, SCORES, format_score, title_of
from wgan_cli.runs.checkpoint_file import is_safetensors, read_content, refusals_of
from wgan_cli.runs.checkpoint_zip import Damaged, Refused, write_with_checksum
from wgan_cli.runs.migration import FORMAT, VERSION, migrated
from wgan_cli.runs.pretrained import folder_first, located
from wgan_cli.runs.run_dir import EXPORTED_TENSORS, RunDir, is_exported, is_run, not_a_run, similar_run_hint
from wgan_cli.runs.safetensors_file import write_tensors
from wgan_cli.utils.files import write_atomically

_WEIGHTS = re.compile(r"(?<=-[0-9a-f]{12})-[0-9a-f]{6}\b")  # end of a feature set's name (`evaluation.features`)


@dataclass(frozen=True)
class BestScore:
    """Score of the best generator of a run."""

    by: str  # name of the score
    value: float
    measured: str  # what it was computed with, such as a feature set; only equal ones compare

    def __str__(self) -> str:
        return f"{title_of(self.by)} {format_score(self.by, self.value)}"

    def compares_with(self, other: BestScore) -> bool:
        """Return True if both have the same name and were measured in the same way."""
        return self.by == other.by and self.measured_like(other)

    def measured_like(self, other: BestScore) -> bool:
        """Return True if both were measured in the same way; earlier versions didn't write a classifier's checksum."""
        one, two = self.measured, other.measured
        return one == two or _WEIGHTS.sub("", one) == two or one == _WEIGHTS.sub("", two)

    def beats(self, other: BestScore) -> bool:
        """Return True if this score is better than `other`."""
        lower_is_better = self.by in SCORES and SCORES[self.by].lower_is_better
        return self.value < other.value if lower_is_better else self.value > other.value


@dataclass(frozen=True)
class Checkpoint:
    """Content of a checkpoint file."""

    recipe: Recipe
    image: ImageShape
    class_names: tuple[str, ...]
    step: int
    networks: dict[str, dict[str, torch.Tensor]]  # by role; "generator" is the EMA, if there is one
    training: dict[str, Any] | None = None  # everything else needed to resume; None in a file for sampling only
    versions: dict[str, str] = field(default_factory=dict)
    score: BestScore | None = None  # of this generator, if it is the best of its run
    taken_from: str | None = None  # file of imported weights; None if this program trained them
    checksum: str | None = field(default=None, compare=False)  # verified when the file was read; None if it has none

    @property
    def source(self) -> str:
        """Origin of the generator, such as "step 4,000 of mnist_dcgan, the best by FD"."""
        if self.taken_from is not None:
            return f"{self.taken_from} as {self.recipe.name}"
        best = "" if self.score is None else f", the best by {title_of(self.score.by)}"
        return f"step {self.step:,} of {self.recipe.name}{best}"

    @property
    def facts(self) -> dict[str, Any]:
        """Everything except tensors and training state, as plain values."""
        values = {
            "format": FORMAT,
            "version": VERSION,
            "recipe": self.recipe.as_dict(),
            "image": asdict(self.image),
            "class_names": list(self.class_names),
            "step": self.step,
            "versions": self.versions,
            "score": self.score and asdict(self.score),
            "taken_from": self.taken_from,
        }
        return {name: value for name, value in values.items() if value is not None}

    def save(self, path: Path) -> None:
        """Write the file atomically, in the format of its suffix. The same content gives the same bytes.

        A .safetensors file holds the networks for sampling, without the training state.
        """
        if is_safetensors(path):
            write_atomically(path, lambda file: write_tensors(file, self.networks, self.facts))
            return
        content = {**_interned(self.facts), "networks": self.networks, "training": self.training}
        write_atomically(path, lambda file: write_with_checksum(file, lambda hashing: torch.save(content, hashing)))

    def to_share(self) -> Checkpoint:
        """Return a copy for others: without critic, training state and the paths of image folders."""
        return self._shared({role: weights for role, weights in self.networks.items() if role != "critic"})

    def critic_to_share(self) -> Checkpoint | None:
        """Return a copy for others with the critic alone; None without a critic."""
        critic = self.networks.get("critic")
        return None if critic is None else self._shared({"critic": critic})

    def _shared(self, networks: dict[str, dict[str, torch.Tensor]]) -> Checkpoint:
        recipe = self.recipe.model_copy(update={"data": self.recipe.data.to_share()})
        return replace(self, recipe=recipe, networks=networks, training=None)


def _interned(value: Any) -> Any:
    """Return a copy with interned strings; otherwise the pickle depends on which equal strings are the same object."""
    if isinstance(value, dict):
        return {sys.intern(key): _interned(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_interned(inner) for inner in value]
    return sys.intern(value) if type(value) is str else value


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Load a checkpoint to the CPU, without executing code and within the memory that the file takes.

    Raises: WganError if the file is missing, not a checkpoint, damaged, or of a newer format.
    """
    path = Path(path)
    with refusals_of(path):
        content, checksum = read_content(path)
        version = content.get("version") if isinstance(content, dict) and content.get("format") == FORMAT else None
        if type(version) is not int or version < 1:
            raise Refused
        if version > VERSION:
            raise WganError(
                f"{path} has checkpoint format {version}, and this wgan reads up to {VERSION}",
                "upgrade wgan: `git pull` and `pip install .` in its checkout",
            )
        if version > 1 and checksum is None:
            raise Damaged("its checksum is missing")
        try:
            content = migrated(content, version)
            shape, versions = _items(content["image"]), _items(content["versions"])
            return Checkpoint(
                recipe=recipe_from_dict(content["recipe"], str(path)),
                image=ImageShape(*(_checked_number(shape[name], *span) for name, span in _IMAGE.items())),
                class_names=_checked_names(content["class_names"]),
                step=_checked_number(content["step"], 0, MOST_STEPS),
                networks={role: _checked_weights(weights) for role, weights in _items(content["networks"]).items()},
                training=None if content["training"] is None else _items(content["training"]),
                versions=dict(zip(_checked_names(versions), _checked_names(versions.values()), strict=True)),
                score=None if content.get("score") is None else checked_score(content["score"]),
                taken_from=None if content.get("taken_from") is None else _checked_names((content["taken_from"],))[0],
                checksum=checksum,
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise Refused from error


#: Least and most value by part of the shape of images.
_IMAGE = {"height": (1, 8192), "width": (1, 8192), "channels": (1, MAX_CHANNELS), "num_classes": (0, 1_000_000)}


def _checked_number(value: Any, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{value!r:.60} is not an integer from {least} to {most}")
    return value


def checked_score(values: Any) -> BestScore:
    """Return the score in a checkpoint's content. Raises: KeyError, TypeError, ValueError."""
    value = _items(values)["value"]
    by, measured = _checked_names((values["by"], values["measured"]))
    if type(value) is not float or not math.isfinite(value) or not (by.isidentifier() and len(by) <= 40):
        raise ValueError("not a score")
    return BestScore(RENAMED.get(by, by), value, measured)


def _checked_names(names: Any) -> tuple[str, ...]:
    """Return `names` as a tuple. Any letters are allowed, as in folder names; escape them when printing."""
    if not all(isinstance(name, str) and len(name) <= MAX_LINE for name in names):
        raise TypeError("not names")
    return tuple(names)


def _checked_weights(weights: Any) -> dict[str, torch.Tensor]:
    if not all(isinstance(tensor, torch.Tensor) for tensor in _items(weights).values()):
        raise TypeError("not weights")
    return dict(weights)  # drops the unchecked _metadata attribute of a state dict


def _items(values: Any) -> dict[str, Any]:
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise TypeError("not a dict with names as keys")
    return dict(values)


def generator_file(path: Path) -> Path:
    """Return the file to sample from: `path` itself, a run folder's best generator or its last, or a bundled one."""
    path = located(path)
    if not path.is_dir():
        return path
    run = RunDir(path)
    if is_exported(path):
        return path / EXPORTED_TENSORS
    if not is_run(path):
        raise not_a_run(path, f"{folder_first(path)}{similar_run_hint(path)}give a run folder or a G.pth file")
    if run.best_file.is_file():
        return run.best_file
    if not run.generator_file.is_file():
        raise WganError(
            f"{path} has no G.pth yet",
            f"it is written with the first checkpoint; see the progress with: wgan inspect {shlex.quote(str(path))}",
        )
    return run.generator_file
