"""Scores of image-to-image translators on held-out images.

With known correct outputs, translations are compared with them; otherwise with the real images of the other side.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from wgan_cli.data.pairs import for_both, naming_side
from wgan_cli.evaluation.evaluate import QUICK_TRAINING, Evaluation, Reference
from wgan_cli.evaluation.features import BATCH, Features, make_features
from wgan_cli.evaluation.frechet import Moments, frechet_distance, moments
from wgan_cli.evaluation.real_images import RealImages, Selection, real_images
from wgan_cli.evaluation.spectrum import mean_power, peak
from wgan_cli.outputs.translate import translate, translator_to
from wgan_cli.recipe import Recipe
from wgan_cli.recipe.data_settings import SIDES, PairSettings
from wgan_cli.recipe.scores import LOGGED
from wgan_cli.runs.checkpoint import BestScore
from wgan_cli.utils.format import Log, once
from wgan_cli.utils.pixels import to_16_bits

MAX_IMAGES = 2000  # per side, by default
BATCH_SIZE = 64
OTHER: dict[str, str] = dict(zip(SIDES, reversed(SIDES), strict=True))


@dataclass(frozen=True)
class TranslationScores:
    """Scores of the translations to one side; `wgan_cli.recipe.scores` explains each.

    paired_l1 and identity_l1 are None without known correct outputs; fd and real_baseline are None with them.
    """

    count: int
    cycle_l1: float
    spectrum: float
    paired_l1: float | None = None
    identity_l1: float | None = None
    fd: float | None = None
    real_baseline: float | None = None


@dataclass(frozen=True)
class TranslationEvaluation:
    """Scores of both directions, keyed by target side. held_out: names of the translated images by their side."""

    step: int
    features: str
    held_out: dict[str, str]
    seen: bool
    to: dict[str, TranslationScores]

    def mean(self, name: str) -> float | None:
        """Return the mean of a score over both directions, or None if it was not measured."""
        values = [getattr(scores, name) for scores in self.to.values()]
        return None if None in values else sum(values) / len(values)

    def line(self) -> str:
        """Summarize the scores in one line."""
        cycle = f"cycle L1 {self.mean('cycle_l1'):.3g} gray levels"
        if (paired := self.mean("paired_l1")) is not None:
            return f"step {self.step:,}: paired L1 {paired:.3g} (untranslated: {self.mean('identity_l1'):.3g}), {cycle}"
        fd, real = self.mean("fd"), self.mean("real_baseline")
        kind = "random features" if "random-" in self.features else "classifier features"
        return f"step {self.step:,}: FD {fd:.3g} ({kind}; real images: {real:.3g}), {cycle}"

    def score(self, name: str) -> BestScore:
        """Return a score as a checkpoint stores it."""
        value = self.mean(name)
        assert value is not None, name
        count = sum(scores.count for scores in self.to.values())
        return BestScore(name, value, f"{count:,} translations" + (f" in {self.features}" if self.features else ""))

    def record(self) -> dict[str, float]:
        """Return the scores by name, for the log."""
        names = [name for name in LOGGED if hasattr(next(iter(self.to.values())), name)]
        return {name: value for name in names if (value := self.mean(name)) is not None}

    def as_dict(self) -> dict[str, dict[str, float]]:
        """Return the scores of each direction, for `--json`."""
        return {
            f"{OTHER[side]}_to_{side}": {name: value for name, value in asdict(scores).items() if value is not None}
            for side, scores in self.to.items()
        }


@dataclass(frozen=True)
class _Target:
    """Real images of a side that translations are compared with."""

    features: Features
    training: Moments
    real_baseline: float


class TranslationReference:
    """Real images and statistics of both sides; `targets` is empty if the correct outputs are known."""

    def __init__(self, real: dict[str, RealImages], count: int, targets: dict[str, _Target]) -> None:
        self.held_out: dict[str, Selection] = {side: found.held_out.subset(count) for side, found in real.items()}
        self.seen = any(found.seen for found in real.values())
        self.targets = targets
        self.power = {side: self._power(side, images.batches(BATCH_SIZE)) for side, images in self.held_out.items()}

    def evaluate(self, generator: nn.Module, recipe: Recipe, step: int) -> TranslationEvaluation:
        """Evaluate translators in evaluation mode, without changing torch's random state."""
        names = dict.fromkeys(target.features.name for target in self.targets.values())
        return TranslationEvaluation(
            step=step,
            features=" and ".join(names),
            held_out={side: images.name for side, images in self.held_out.items()},
            seen=self.seen,
            to={side: self._scores(generator, side) for side in reversed(SIDES)},
        )

    def _power(self, side: str, images: Iterable[Tensor]) -> Tensor:
        return mean_power(images, self.held_out[side].dataset.bands)

    def _scores(self, generator: nn.Module, to: str) -> TranslationScores:
        forward, backward = translator_to(generator, to), translator_to(generator, OTHER[to])
        images = list(self.held_out[OTHER[to]].batches(BATCH_SIZE))
        translated = list(translate(forward, images, BATCH_SIZE))
        count, cycle_l1 = len(self.held_out[OTHER[to]]), mean_l1(translate(backward, translated, BATCH_SIZE), images)
        spectrum = peak(self._power(to, translated), self.power[to]).ratio
        if (target := self.targets.get(to)) is not None:
            features, _ = target.features.of(translated)
            fd = frechet_distance(target.training, moments(features))
            return TranslationScores(count, cycle_l1, spectrum, fd=fd, real_baseline=target.real_baseline)
        answers = list(self.held_out[to].batches(BATCH_SIZE))
        return TranslationScores(count, cycle_l1, spectrum, mean_l1(translated, answers), mean_l1(images, answers))


AnyEvaluation = Evaluation | TranslationEvaluation
AnyReference = Reference | TranslationReference


def mean_l1(images: Iterable[Tensor], targets: Iterable[Tensor]) -> float:
    """Mean absolute difference over all pixels of two series of batches, from 0 to 255."""
    total = pixels = 0
    for image, target in zip(images, targets, strict=True):
        total += (to_16_bits(image) - to_16_bits(target)).abs().sum().item() / 257
        pixels += image.numel()
    return total / pixels


def make_translation_reference(
    settings: PairSettings, data_root: Path, device: torch.device, log: Log, count: int | None = None
) -> TranslationReference:
    """Load the real images of both sides and, without known correct outputs, features to compare them in.

    Of each side, `count` held-out images are used, or as many as the side with fewer has.

    Raises: WganError if images cannot be loaded or are too few.
    """
    log = once(log)
    real = held_out_images(settings, data_root, log)
    most = min(len(found.held_out) for found in real.values())  # FDs of equal numbers compare
    if count is not None and count > most:
        log(f"note: evaluating {most:,} images of each side instead of {count:,}: no more are held out")
    count = min(count or MAX_IMAGES, most)
    targets = {}
    for side in () if settings.same_images else SIDES:
        own, whole = getattr(settings, side), real[side]
        with naming_side(side):
            if own.classes is not None or own.limit is not None:  # features from all classes are better than from a few
                whole = real_images(own.model_copy(update={"classes": None, "limit": None}), data_root, log)
            features = make_features(whole, own.source, data_root, device, log)
        training = _moments(features, real[side].training.subset(QUICK_TRAINING))
        real_baseline = frechet_distance(training, _moments(features, real[side].held_out.subset(count)))
        targets[side] = _Target(features, training, real_baseline)
    return TranslationReference(real, count, targets)


def held_out_images(settings: PairSettings, data_root: Path, log: Log) -> dict[str, RealImages]:
    """Load the real images of each side. Raises: WganError if that fails or they are too few."""
    log = once(log)  # both sides may log the same text
    return dict(zip(SIDES, for_both(settings, lambda side, log: real_images(side, data_root, log), log), strict=True))


def _moments(features: Features, images: Selection) -> Moments:
    return moments(features.of(images.batches(BATCH))[0])
