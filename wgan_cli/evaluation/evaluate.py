"""Measure a generator beside real images that it has not seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from wgan_cli.data import as_asked, load_images
from wgan_cli.data.dataset import ImageSet
from wgan_cli.errors import WganError
from wgan_cli.evaluation.features import BATCH, Features, make_features
from wgan_cli.evaluation.frechet import Moments, frechet_distance, moments
from wgan_cli.evaluation.real_images import RealImages, Selection, real_images
from wgan_cli.evaluation.scores import Agreement, Classes, Manifold, agreement, classes, fit, manifold, nearest
from wgan_cli.outputs.sampling import generate, labels_in_turn, sample_latents
from wgan_cli.recipe import ImageShape, Recipe
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.runs.checkpoint import BestScore, Checkpoint

MOST_IMAGES = 10_000  # generated, unless asked for more
FEWEST_IMAGES = 10  # of each kind; five neighbours and a spread take some
MOST_TRAINING = 60_000  # real images that generated ones are held against
QUICK_TRAINING = 10_000  # of them while a run trains, when seconds count more than the last digit
MOST_NAMED = 20  # classes in an error
COPY_SHARE = 0.01  # of real held-out images that lie nearer to a training image than the limit of a copy


@dataclass(frozen=True)
class Scores:
    """What is measured of one set of images, generated or real.

    classes: None if the features have no classes. agreement: None if no class was requested.
    """

    count: int
    fd: float
    precision: float
    recall: float
    density: float
    coverage: float
    memorization: float
    classes: Classes | None
    agreement: Agreement | None = None


@dataclass(frozen=True)
class Evaluation:
    """A generator's scores, and `real_baseline`, those of real images that it has not seen (or has, where `seen`)."""

    step: int
    features: str
    features_kind: str
    what_features: str
    accuracy: float | None
    class_names: tuple[str, ...]
    training: str
    training_count: int
    held_out: str
    tested: str
    seen: bool
    generated: Scores
    real_baseline: Scores

    def line(self) -> str:
        """The whole in plain words."""
        ours, real = self.generated, self.real_baseline
        start = f"step {self.step:,}: FD {ours.fd:.3g} ({self.features_kind}, {ours.count:,} images; "
        start += f"real images: {real.fd:.3g})"
        if self.generated.classes is None:
            return f"{start}, recall {self.generated.recall:.0%}"
        if self.generated.agreement is not None:
            return f"{start}, {self.generated.agreement.share:.1%} are of the class asked for"
        shares = self.generated.classes.shares
        fewest = min(range(len(shares)), key=shares.__getitem__)
        return (
            f"{start}, {sum(share > 0 for share in shares)} of {len(shares)} classes, "
            f"rarest: {self.class_names[fewest]} ({shares[fewest]:.0%})"
        )

    def score(self, by: str) -> BestScore:
        """One of the numbers, as a checkpoint keeps it."""
        return BestScore(by, getattr(self.generated, by), f"{self.generated.count:,} images in {self.features}")

    def record(self) -> dict[str, float]:
        """The numbers by name, for a log."""
        kept = {**asdict(self.generated), "real_baseline": self.real_baseline.fd}
        seen, agreed = kept.pop("classes") or {}, kept.pop("agreement")
        del kept["count"]
        kept |= {f"class_{name}": seen[name] for name in ("entropy", "confidence") if name in seen}
        return kept if agreed is None else {**kept, "agreement": agreed["share"]}


class Reference:
    """Everything of the real images that an evaluation needs, computed once.

    count: how many images are generated for each evaluation; the floor is of as many, if there are.
    """

    def __init__(
        self, real: RealImages, features: Features, count: int | None = None, most_training: int = MOST_TRAINING
    ) -> None:
        self.real, self.features = real, features
        self.count = count or min(MOST_IMAGES, len(real.held_out))
        self.training = real.training.some(most_training)
        held_out = real.held_out.some(self.count)
        _check_counts(self.training, held_out)
        self.training_features = self._of(self.training)
        self.moments: Moments = moments(self.training_features)
        self.manifold: Manifold = manifold(self._of(self.training.some(self.count)))
        held_out_features, logits = features.of(held_out.batches(BATCH))
        far = nearest(held_out_features, self.training_features)[0]
        self.copy_limit = far.sort().values[int(COPY_SHARE * len(far))].item()
        self.real_baseline = self._scores(held_out_features, logits, held_out.labels)

    def _of(self, images: Selection) -> Tensor:
        return self.features.of(images.batches(BATCH))[0]

    def evaluate(self, generator: nn.Module, recipe: Recipe, step: int) -> Evaluation:
        """Measure a generator in evaluation mode; see `evaluate_generator`."""
        return evaluate_generator(generator, recipe, step, self)

    def scores(self, images: Tensor, labels: Tensor | None = None) -> Scores:
        """Measure images (N, C, H, W) uint8, and whether they are of the classes asked for (N,), if any were."""
        return self._scores(*self.features.of(images.split(BATCH)), labels)

    def _scores(self, features: Tensor, logits: Tensor | None, labels: Tensor | None) -> Scores:
        fitted = fit(self.manifold, manifold(features))
        distances, _ = nearest(features, self.training_features)
        return Scores(
            count=len(features),
            fd=frechet_distance(self.moments, moments(features)),
            **asdict(fitted),
            memorization=(distances < self.copy_limit).double().mean().item(),
            classes=None if logits is None else classes(logits),
            agreement=None if logits is None or labels is None else agreement(logits, labels),
        )


def make_reference(
    settings: DataSettings, data_root: Path, device: torch.device, log: Callable[[str], None],
    count: int | None = None, dataset: ImageSet | None = None, most_training: int = MOST_TRAINING,
) -> Reference:  # fmt: skip
    """Read the real images of a recipe's `data`, train or find their features, and measure the floor.

    Args:
        count: of images that each evaluation generates; by default as many as are held out, at most 10,000.
        dataset: what `load_images` returns for the settings, where it is at hand already.
        most_training: of the training images, that generated ones are held against.
    Raises: WganError where images cannot be had or are too few.
    """
    real = real_images(settings, data_root, log, dataset)
    features = make_features(real, settings.source, data_root, device, log)
    return Reference(real, features, count, most_training)


def training_images(
    recipe: Recipe, checkpoint: Checkpoint, what: str, data_root: Path, log: Callable[[str], None],
    given: ImageSet | None = None,
) -> ImageSet:  # fmt: skip
    """What a generator learnt from, which may have changed since.

    Args:
        what: the name that errors give it.
        given: images that a Python program trained it on.
    Raises: WganError where they have another shape, or other classes, than those it learnt from.
    """
    dataset = load_images(recipe.data, data_root, log) if given is None else as_asked(given, recipe.data)
    if str(dataset.shape) != str(checkpoint.image):
        raise WganError(
            f"{dataset.origin} has images of {dataset.shape} now, and {what} learnt from {checkpoint.image}",
            "give the images back that it was trained on; `wgan inspect` shows the recipe",
        )
    if recipe.model.conditional and dataset.class_names != checkpoint.class_names:
        now, then = (", ".join(names[:MOST_NAMED]) for names in (dataset.class_names, checkpoint.class_names))
        raise WganError(
            f"{dataset.origin} has the classes {now} now, and {what} learnt {then}",
            "give the images back that it was trained on; `wgan inspect` shows the recipe",
        )
    return dataset


def evaluate_generator(
    generator: nn.Module, recipe: Recipe, step: int, reference: Reference, seed: int = 0, batch_size: int = 64
) -> Evaluation:
    """Measure a generator in evaluation mode: images 0, 1... of a seed, the same each time.

    Draws no random number of torch, so that training goes on as if nothing had been measured.
    """
    shape = reference.real.training.dataset.shape
    made = generated_images(generator, recipe, shape, reference.count, seed, batch_size)
    return evaluate_images(*made, step, reference)


def generated_images(
    generator: nn.Module, recipe: Recipe, image: ImageShape, count: int, seed: int = 0, batch_size: int = 64
) -> tuple[Tensor, Tensor | None]:
    """Images 0..count-1 of a seed, of all classes in turn: (count, C, H, W) uint8 and labels (count,), on the CPU."""
    z, labels = sample_latents(recipe.model.latent_dim, count, seed), labels_in_turn(recipe, image, count)
    images = torch.cat(list(generate(generator, z, batch_size, labels)))
    return images, None if labels is None else torch.from_numpy(labels)


def images_of(generator: nn.Module, recipe: Recipe, labels: Tensor, seed: int = 0, batch_size: int = 64) -> Tensor:
    """Images of the classes asked for, labels (N,) int64: (N, C, H, W) uint8 on the CPU, number i of a seed each."""
    z = sample_latents(recipe.model.latent_dim, len(labels), seed)
    return torch.cat(list(generate(generator, z, batch_size, labels.numpy())))


def evaluate_images(images: Tensor, labels: Tensor | None, step: int, reference: Reference) -> Evaluation:
    """Measure images (N, C, H, W) uint8, made for labels (N,) or none, as those of a generator at a step."""
    features, real = reference.features, reference.real
    return Evaluation(
        step=step,
        features=features.name,
        features_kind=features.kind,
        what_features=features.what,
        accuracy=features.accuracy,
        class_names=features.class_names,
        training=real.training.name,
        training_count=len(reference.training),
        held_out=real.held_out.name,
        tested=real.tested.name,
        seen=real.seen,
        generated=reference.scores(images, labels),
        real_baseline=reference.real_baseline,
    )


def _check_counts(training: Selection, held_out: Selection) -> None:
    for images in (training, held_out):
        if len(images) < FEWEST_IMAGES:
            raise WganError(
                f"{images.name}: {len(images)} real images are too few to measure against",
                f"{FEWEST_IMAGES} or more are needed; check `data.limit`, and -n",
            )
