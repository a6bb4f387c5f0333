"""Measure translators on images that they have not seen: against the right answer where it is known, and on the way
there and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from wgan_cli.data.pairs import said_of_side
from wgan_cli.evaluation.evaluate import Reference
from wgan_cli.evaluation.features import BATCH, Features, make_features
from wgan_cli.evaluation.frechet import Moments, frechet_distance, moments
from wgan_cli.evaluation.real_images import RealImages, Selection, real_images
from wgan_cli.outputs.translate import translate, translator_to
from wgan_cli.recipe import Recipe
from wgan_cli.recipe.data_settings import SIDES, DataSettings, PairSettings
from wgan_cli.runs.checkpoint import BestScore

MOST_IMAGES = 2000  # of each side, unless asked for more
MOST_TRAINING = 10_000  # real images of a side that translations are held against
BATCH_SIZE = 64
OTHER = dict(zip(SIDES, reversed(SIDES), strict=True))


@dataclass(frozen=True)
class TranslationScores:
    """What is measured of translations to one side; errors are mean absolute differences in grey levels of 255.

    paired_l1: from the right answer; identity_l1: of leaving images as they are; None where none is known.
    cycle_l1: of what comes back, from what it was. fd and real_baseline: Frechet's, from real training images
    of that side, of translations and of held-out real images; None where the right answer is known and says more.
    """

    count: int
    cycle_l1: float
    paired_l1: float | None = None
    identity_l1: float | None = None
    fd: float | None = None
    real_baseline: float | None = None


@dataclass(frozen=True)
class TranslationEvaluation:
    """The scores of both directions, by the side that they lead to. held_out: what was translated, by its side."""

    step: int
    features: str
    held_out: dict[str, str]
    seen: bool
    to: dict[str, TranslationScores]

    def mean(self, name: str) -> float | None:
        """A score of both directions together; None where it was not measured."""
        values = [getattr(scores, name) for scores in self.to.values()]
        return None if None in values else sum(values) / len(values)

    def line(self) -> str:
        """The whole in plain words."""
        cycle = f"cycle L1 {self.mean('cycle_l1'):.3g} gray levels"
        if (paired := self.mean("paired_l1")) is not None:
            return f"step {self.step:,}: paired L1 {paired:.3g} (untranslated: {self.mean('identity_l1'):.3g}), {cycle}"
        fd, real = self.mean("fd"), self.mean("real_baseline")
        kind = "random features" if "random-" in self.features else "classifier features"
        return f"step {self.step:,}: FD {fd:.3g} ({kind}; real images: {real:.3g}), {cycle}"

    def score(self, by: str) -> BestScore:
        """One of the numbers, as a checkpoint keeps it."""
        count = sum(scores.count for scores in self.to.values())
        return BestScore(
            by, self.mean(by), f"{count:,} translations" + (f" in {self.features}" if self.features else "")
        )

    def record(self) -> dict[str, float]:
        """The numbers of both directions together, by name, for a log."""
        found = {name: self.mean(name) for name in ("fd", "real_baseline", "paired_l1", "cycle_l1")}
        return {name: value for name, value in found.items() if value is not None}

    def as_dict(self) -> dict[str, dict[str, float]]:
        """The numbers of each direction, for people's programs."""
        return {
            f"{OTHER[side]}_to_{side}": {name: value for name, value in asdict(scores).items() if value is not None}
            for side, scores in self.to.items()
        }


@dataclass(frozen=True)
class _Target:
    """What translations to a side are held against, where no right answer is known."""

    features: Features
    training: Moments
    floor: float


class TranslationReference:
    """Everything of the real images that an evaluation of translators needs, computed once.

    Args:
        real: of each side.
        count: how many images of each side are translated.
        targets: by side; empty where the sides show the same images, so that the right answers are known.
    """

    def __init__(self, real: dict[str, RealImages], count: int, targets: dict[str, _Target]) -> None:
        self.held_out: dict[str, Selection] = {side: found.held_out.some(count) for side, found in real.items()}
        self.seen = any(found.seen for found in real.values())
        self.targets = targets

    def evaluate(self, generator: nn.Module, recipe: Recipe, step: int) -> TranslationEvaluation:
        """Measure translators in evaluation mode. Draws no random number of torch."""
        names = dict.fromkeys(target.features.name for target in self.targets.values())
        return TranslationEvaluation(
            step=step,
            features=" and ".join(names),
            held_out={side: images.name for side, images in self.held_out.items()},
            seen=self.seen,
            to={side: self._scores(generator, side) for side in reversed(SIDES)},
        )

    def _scores(self, generator: nn.Module, to: str) -> TranslationScores:
        there, back = translator_to(generator, to), translator_to(generator, OTHER[to])
        images = list(self.held_out[OTHER[to]].batches(BATCH_SIZE))
        changed = list(translate(there, images, BATCH_SIZE))
        returned = translate(back, changed, BATCH_SIZE)
        count, cycle_l1 = len(self.held_out[OTHER[to]]), error_of(returned, images)
        if (target := self.targets.get(to)) is not None:
            features, _ = target.features.of(changed)
            distance = frechet_distance(target.training, moments(features))
            return TranslationScores(count, cycle_l1, fd=distance, real_baseline=target.floor)
        answers = list(self.held_out[to].batches(BATCH_SIZE))
        return TranslationScores(count, cycle_l1, error_of(changed, answers), error_of(images, answers))


#: What a run can be measured by, whatever its generator does.
AnyReference = Reference | TranslationReference


def error_of(found: Iterable[Tensor], wanted: Iterable[Tensor]) -> float:
    """mean |found - wanted| over all pixels of two series of batches (n, C, H, W) uint8: 0 to 255 grey levels."""
    total = numbers = 0
    for mine, theirs in zip(found, wanted, strict=True):
        total += (mine.to(torch.int16) - theirs.to(torch.int16)).abs().sum().item()
        numbers += mine.numel()
    return total / numbers


def make_translation_reference(
    settings: PairSettings, data_root: Path, device: torch.device, log: Callable[[str], None],
    count: int | None = None,
) -> TranslationReference:  # fmt: skip
    """Read the real images of both sides and, where no right answer is known, find features to compare them in.

    Raises: WganError where images cannot be had or are too few.
    """
    log = _once(log)
    real = held_out_images(settings, data_root, log)
    count = count or MOST_IMAGES
    targets = {}
    for side in () if settings.same_images else SIDES:
        with said_of_side(side):
            targets[side] = _target(getattr(settings, side), real[side], count, data_root, device, log)
    return TranslationReference(real, count, targets)


def held_out_images(settings: PairSettings, data_root: Path, log: Callable[[str], None]) -> dict[str, RealImages]:
    """The real images of each side. Raises: WganError where they cannot be had or are too few."""
    found, log = {}, _once(log)
    for side in SIDES:
        with said_of_side(side):
            found[side] = real_images(getattr(settings, side), data_root, log)
    return found


def _target(
    settings: DataSettings, real: RealImages, count: int, data_root: Path, device: torch.device,
    log: Callable[[str], None],
) -> _Target:  # fmt: skip
    whole = real  # a classifier of all classes sees more than one of a side's few
    if settings.classes is not None or settings.limit is not None:
        whole = real_images(settings.model_copy(update={"classes": None, "limit": None}), data_root, log)
    features = make_features(whole, settings.source, data_root, device, log)

    def moments_of(images: Selection) -> Moments:
        found: Tensor = features.of(images.batches(BATCH))[0]
        return moments(found)

    training = moments_of(real.training.some(MOST_TRAINING))
    return _Target(features, training, frechet_distance(training, moments_of(real.held_out.some(count))))


def _once(log: Callable[[str], None]) -> Callable[[str], None]:
    """Log each line once, though both domains produce it."""
    logged: set[str] = set()

    def log_new(text: str) -> None:
        if text not in logged:
            logged.add(text)
            log(text)

    return log_new
