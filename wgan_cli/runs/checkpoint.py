"""Checkpoints: one file that holds everything, opened anywhere, and that can run no code."""

from __future__ import annotations

import pickle
import warnings
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from wgan_cli.errors import WganError, why_file_failed
from wgan_cli.recipe import ImageShape, Recipe, recipe_from_dict
from wgan_cli.runs.atomic import write_atomically
from wgan_cli.runs.run_dir import RunDir, is_run

FORMAT = "wgan"
VERSION = 1  # raised when an older program could not read the file rightly


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint file holds.

    networks: state dicts by role; "generator" is the one to sample from (the average, where there is one).
    training: what else it takes to continue, or None in a file that only samples.
    """

    recipe: Recipe
    image: ImageShape
    class_names: tuple[str, ...]
    step: int
    networks: dict[str, dict[str, torch.Tensor]]
    training: dict[str, Any] | None = None
    versions: dict[str, str] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Write the file in one step. The same content gives the same bytes."""
        content = {
            "format": FORMAT,
            "version": VERSION,
            "recipe": self.recipe.as_dict(),
            "image": asdict(self.image),
            "class_names": list(self.class_names),
            "step": self.step,
            "networks": self.networks,
            "training": self.training,
            "versions": self.versions,
        }
        write_atomically(path, lambda file: torch.save(content, file))


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint to the CPU; nothing in the file can run code.

    Raises: WganError for a file that is missing, no checkpoint, damaged, or of a newer format.
    """
    content = _read(path)
    if not isinstance(content, dict) or content.get("format") != FORMAT or not isinstance(content.get("version"), int):
        raise _no_checkpoint(path)
    if content["version"] > VERSION:
        raise WganError(
            f"{path} has checkpoint format {content['version']}, and this wgan reads up to {VERSION}",
            "pip install --upgrade the program that opens it",
        )
    try:
        return Checkpoint(
            recipe=recipe_from_dict(content["recipe"], str(path)),
            image=ImageShape(**content["image"]),
            class_names=tuple(content["class_names"]),
            step=content["step"],
            networks=content["networks"],
            training=content["training"],
            versions=content["versions"],
        )
    except (KeyError, TypeError) as error:
        raise _no_checkpoint(path) from error


def _read(path: Path) -> Any:
    """The plain content of a file that torch.save wrote."""
    try:
        with open(path, "rb") as file:
            starts_as_archive = file.read(2) == b"PK"
            if starts_as_archive and not zipfile.is_zipfile(file):
                raise _damaged(path)
    except FileNotFoundError:
        raise WganError(f"there is no file {path}", "check the path; a run keeps its generator in G.pth") from None
    except OSError as error:
        raise WganError(f"cannot read {path}: {why_file_failed(error)}", "check the path and its permissions") from None
    try:
        with zipfile.ZipFile(path) as archive:
            if not any(name.endswith("/data.pkl") for name in archive.namelist()):
                raise _no_checkpoint(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch wonders aloud at bytes that it then refuses
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:  # it would run code
        raise _no_checkpoint(path) from error
    except (RuntimeError, OSError, zipfile.BadZipFile) as error:
        raise (_damaged(path) if starts_as_archive else _no_checkpoint(path)) from error
    except (EOFError, ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
        raise _no_checkpoint(path) from error


def _no_checkpoint(path: Path) -> WganError:
    return WganError(
        f"{path} is not a checkpoint of wgan", "give a run folder, its G.pth, or a file of its checkpoints/ folder"
    )


def _damaged(path: Path) -> WganError:
    return WganError(
        f"{path} is cut off or damaged", "use another one; without this file a run continues from the one before"
    )


def newest_checkpoint(run: RunDir) -> Path | None:
    """The checkpoint to continue a run from, or None where it was stopped before its first."""
    files = run.checkpoint_files()
    return files[-1] if files else None


def generator_file(path: Path) -> Path:
    """The file to sample from: a checkpoint as it is, or a run folder's generator."""
    if not path.is_dir():
        return path
    run = RunDir(path)
    if not is_run(path):
        raise WganError(f"{path} is no run folder: it holds no recipe.yaml", "give a run folder or a G.pth file")
    if not run.generator_file.is_file():
        raise WganError(
            f"{path} has no G.pth yet",
            f"the first checkpoint writes it; `wgan inspect {path}` shows how far the run is",
        )
    return run.generator_file
