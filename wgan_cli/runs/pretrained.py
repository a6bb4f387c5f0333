"""Trained generators by name: those of the package, a .safetensors file and a card each, and those of the Hub."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from wgan_cli.errors import WganError, did_you_mean
from wgan_cli.recipe.recipe_files import recipe_names
from wgan_cli.recipe.scores import BASELINE, format_score, title_of
from wgan_cli.runs.hub_generator import hub_generator
from wgan_cli.runs.run_dir import RUNS, RunDir
from wgan_cli.utils.format import Log, no_log
from wgan_cli.utils.hub import is_remote

FOLDER = Path(__file__).resolve().parents[1] / "pretrained"
_TENSORS = ".safetensors"


@dataclass(frozen=True)
class Card:
    """Origin and quality of a bundled generator; benchmarks/pretrained.py writes it.

    Attributes:
        command: it was trained by this one. data: title of its images. license: sentence about theirs.
        score: name of the score that chose the seed. by_seed: its values. scores: all scores of the kept generator.
        processor_minutes: time of the training on all threads together. machine: processor, versions and date.
        gray_levels: largest difference of a pixel (0-255) from the images of the weights before rounding.
        images: number generated for the scores, if they depend on it. real_images: number held out; None if unknown.
        seen: the generator was trained on those too; None if unknown.
    """

    command: str
    data: str
    license: str
    score: str
    by_seed: dict[str, float]
    scores: dict[str, float]
    processor_minutes: float
    machine: str
    gray_levels: int
    images: int | None = None
    real_images: int | None = None
    seen: bool | None = None

    @property
    def value(self) -> float:
        """Score of the kept generator."""
        return self.scores[self.score]

    @property
    def quality(self) -> str:
        """The score that chose the seed, such as "FD 1.27 (10,000 images; 1,000 real images: 1.62)"."""
        about = [f"{self.images:,} images"] if self.images else []
        if BASELINE in self.scores:
            fewer = f"{self.real_images:,} " if self.real_images not in (None, self.images) else ""
            about.append(f"{fewer}real images: {self.scores[BASELINE]:.3g}")
        score = f"{title_of(self.score)} {format_score(self.score, self.value)}"
        return f"{score} ({'; '.join(about)})" if about else score


def pretrained_names() -> list[str]:
    """Return the names of the bundled generators, which are those of their recipes, sorted."""
    return sorted(path.stem for path in FOLDER.glob(f"*{_TENSORS}"))


def pretrained_file(name: str) -> Path:
    """Return the file of a bundled generator."""
    return FOLDER / f"{name}{_TENSORS}"


def card_file(name: str) -> Path:
    """Return the file of a card."""
    return FOLDER / f"{name}.json"


def read_card(name: str) -> Card:
    """Return the card of a bundled generator."""
    return Card(**json.loads(card_file(name).read_text(encoding="utf-8")))


def located(path: Path, log: Log = no_log) -> Path:
    """Return what a path stands for: the name of a bundled generator for a run in runs/, or else for its file.

    hf:OWNER/NAME stands for the folder that it is downloaded to. A path that exists, and any other one, stands for
    itself. Runs without a generator so far don't count. Raises: WganError for a generator that the Hub doesn't have.
    """
    if is_remote(path) and not os.path.lexists(path):
        return hub_generator(path.as_posix(), log)
    if os.path.lexists(path) or str(path) not in pretrained_names():
        return path
    run = RunDir(RUNS / path)
    return run.path if run.generator_file.is_file() else pretrained_file(path.name)


def folder_first(path: Path) -> str:
    """Return the start of a hint for a folder with the name of a bundled generator; "" for any other folder."""
    taken = str(path) in pretrained_names()
    return "rename the folder, which comes before the generator of that name in wgan, or " if taken else ""


def source_title(path: Path) -> str:
    """Return the name of a bundled generator for its file; any other path as text."""
    return path.stem if path.parent == FOLDER else str(path)


def missing_generator(path: Path, fix: str = "check the path") -> WganError:
    """Return the error for a path or name that stands for no generator, with similar names or else a fix."""
    name, bundled, recipes = str(path), pretrained_names(), recipe_names()
    runs = [str(file.parent) for file in RUNS.glob("*/recipe.yaml")]
    comes = f"wgan comes with {', '.join(bundled)}" if bundled else "`wgan runs` lists the runs in runs/"
    if name in recipes:
        own = f"did you mean `{RUNS / path}`? " if str(RUNS / path) in runs else ""
        message = f"{name} is a recipe, and no generator of it comes with wgan"
        return WganError(message, f"{own}train one: wgan train {name}; {comes}")
    near = f"did you mean `{path.name}`? " if path.name in bundled else did_you_mean(name, [*recipes, *runs])
    hint = f"{near or f'{fix}; '}{comes}; `wgan train` creates a run, whose generator is in G.pth"
    return WganError(f"there is no file or folder {name}", hint)
