"""Checkpoints: one file that holds everything, opened anywhere, and that can run no code."""

from __future__ import annotations

import math
import pickle
import sys
import warnings
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import torch

from wgan_cli.errors import MOST_LETTERS, WganError, why_file_failed
from wgan_cli.memory import free_memory
from wgan_cli.reading import open_plain
from wgan_cli.recipe import ImageShape, Recipe, recipe_from_dict
from wgan_cli.recipe.schema import MOST_STEPS
from wgan_cli.runs.archive import Damaged, Refused, read_parts, verified_checksum, write_summed
from wgan_cli.runs.atomic import write_atomically
from wgan_cli.runs.outline import check_outline
from wgan_cli.runs.run_dir import RunDir, is_run

FORMAT = "wgan"
VERSION = 2  # raised when an older program could not read the file rightly; from 2 on a file carries its checksum


LESS_IS_BETTER = frozenset({"distance", "answer_error"})  # of the scores; of all others more


@dataclass(frozen=True)
class Score:
    """What made a generator the best of its run. by: the score's name. measured: in what, such as a set of features."""

    by: str
    value: float
    measured: str

    def __str__(self) -> str:
        return f"{self.by} {self.value:.3g}"

    def compares_with(self, other: Score) -> bool:
        """Whether the two are of one name, and measured in the same."""
        return (self.by, self.measured) == (other.by, other.measured)

    def beats(self, other: Score) -> bool:
        """Whether it is the better one."""
        return self.value < other.value if self.by in LESS_IS_BETTER else self.value > other.value


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint file holds.

    networks: state dicts by role; "generator" is the one to sample from (the average, where there is one).
    training: what else it takes to continue, or None in a file that only samples.
    score: why this generator is the best of its run, or None in a file that does not say so.
    checksum: of the file that it was read from, computed anew and found right; None where the file carries none.
    """

    recipe: Recipe
    image: ImageShape
    class_names: tuple[str, ...]
    step: int
    networks: dict[str, dict[str, torch.Tensor]]
    training: dict[str, Any] | None = None
    versions: dict[str, str] = field(default_factory=dict)
    score: Score | None = None
    checksum: str | None = field(default=None, compare=False)

    @property
    def source(self) -> str:
        """Where the generator comes from: "step 4,000 of mnist_dcgan, the best by distance"."""
        best = "" if self.score is None else f", the best by {self.score.by}"
        return f"step {self.step:,} of {self.recipe.name}{best}"

    def save(self, path: Path) -> None:
        """Write the file in one step. The same content gives the same bytes."""
        facts = {
            "format": FORMAT,
            "version": VERSION,
            "recipe": self.recipe.as_dict(),
            "image": asdict(self.image),
            "class_names": list(self.class_names),
            "step": self.step,
            "versions": self.versions,
            **({} if self.score is None else {"score": asdict(self.score)}),
        }
        content = {**_interned(facts), "networks": self.networks, "training": self.training}
        write_atomically(path, lambda file: write_summed(file, lambda summed: torch.save(content, summed)))


def _interned(value: Any) -> Any:
    """The same with one object for equal strings: a pickle tells one that comes twice from two that are equal."""
    if isinstance(value, dict):
        return {sys.intern(key): _interned(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_interned(inner) for inner in value]
    return sys.intern(value) if type(value) is str else value


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint to the CPU; nothing in the file can run code, or take more memory than the file is long.

    Raises: WganError for a file that is missing, no checkpoint, damaged, or of a newer format.
    """
    content, checksum = _read(path)
    version = content.get("version") if isinstance(content, dict) and content.get("format") == FORMAT else None
    if type(version) is not int:
        raise _no_checkpoint(path)
    if version > VERSION:
        raise WganError(
            f"{path} has checkpoint format {version}, and this wgan reads up to {VERSION}",
            "pip install --upgrade the program that opens it",
        )
    if version > 1 and checksum is None:
        raise _damaged(path, "its checksum is missing")
    try:
        return Checkpoint(
            recipe=recipe_from_dict(content["recipe"], str(path)),
            image=_checked_image(content["image"]),
            class_names=_checked_names(content["class_names"]),
            step=_checked_number(content["step"], 0, MOST_STEPS),
            networks={role: _checked_weights(weights) for role, weights in _items(content["networks"])},
            training=None if content["training"] is None else dict(_items(content["training"])),
            versions={name: text for name, text in _items(content["versions"]) if _checked_names((name, text))},
            score=None if content.get("score") is None else checked_score(content["score"]),
            checksum=checksum,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _no_checkpoint(path) from error


def _checked_number(value: Any, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{value!r:.60} is no number from {least} to {most}")
    return value


def _checked_image(values: Any) -> ImageShape:
    size, channels, classes = (dict(_items(values))[name] for name in ("size", "channels", "num_classes"))
    return ImageShape(
        _checked_number(size, 1, 8192), _checked_number(channels, 1, 4), _checked_number(classes, 0, 1_000_000)
    )


def checked_score(values: Any) -> Score:
    """The score of a checkpoint's content. Raises: KeyError, TypeError, ValueError."""
    by, value, measured = (dict(_items(values))[name] for name in ("by", "value", "measured"))
    (by,) = _checked_names((by,))
    if type(value) is not float or not math.isfinite(value) or not (by.isidentifier() and len(by) <= 40):
        raise ValueError("no score")
    return Score(by, value, *_checked_names((measured,)))


def _checked_names(names: Any) -> tuple[str, ...]:
    """Names of any letters, since folders of images may have them; whoever prints one takes care."""
    if not all(isinstance(name, str) and len(name) <= MOST_LETTERS for name in names):
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


def _read(path: Path) -> tuple[Any, str | None]:
    """The plain content of a file that torch.save wrote, and its checksum."""
    try:
        with open_plain(path) as file:
            return _read_opened(path, file)
    except FileNotFoundError:
        raise WganError(f"there is no file {path}", "check the path; a run keeps its generator in G.pth") from None
    except OSError as error:
        raise WganError(f"cannot read {path}: {why_file_failed(error)}", "check the path and its permissions") from None


def _read_opened(path: Path, file: BinaryIO) -> tuple[Any, str | None]:
    if file.read(2) != b"PK":
        raise _no_checkpoint(path)
    _check_memory(path, file)
    try:
        checksum = verified_checksum(file)
        pickled, parts = read_parts(file, summed=checksum is not None)
        check_outline(pickled, parts)
        file.seek(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch wonders aloud at bytes that it then refuses
            return torch.load(file, map_location="cpu", weights_only=True), checksum
    except Refused as why:
        raise _no_checkpoint(path, str(why)) from why
    except pickle.UnpicklingError as error:  # it would run code
        raise _no_checkpoint(path) from error
    except Damaged as why:
        raise _damaged(path, str(why)) from why
    except (RuntimeError, EOFError, ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
        raise _damaged(path) from error


def _check_memory(path: Path, file: BinaryIO) -> None:
    """Refuse a file that does not fit, before it is read: a sparse one can be of any length without taking room."""
    size, free = file.seek(0, 2), free_memory(torch.device("cpu"))
    if free is not None and size > free:
        raise WganError(
            f"{path} takes {size / 1e9:,.1f} GB, and {free / 1e9:,.1f} GB of memory are free",
            "check that it is the right file; close other programs, or open it on a machine with more memory",
        )


def _no_checkpoint(path: Path, why: str = "") -> WganError:
    return WganError(
        f"{path} is not a checkpoint of wgan{why and ': '}{why}",
        "give a run folder, its G.pth, or a file of its checkpoints/ folder",
    )


def _damaged(path: Path, why: str = "") -> WganError:
    return WganError(
        f"{path} is cut off or damaged{why and ': '}{why}",
        "use another one; without this file a run continues from the one before",
    )


def newest_checkpoint(run: RunDir) -> Path | None:
    """The checkpoint to continue a run from, or None where it was stopped before its first."""
    files = run.checkpoint_files()
    return files[-1] if files else None


def generator_file(path: Path) -> Path:
    """The file to sample from: a checkpoint as it is, or a run folder's best generator, where there is one."""
    if not path.is_dir():
        return path
    run = RunDir(path)
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
