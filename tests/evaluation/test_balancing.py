"""Filling of classes without copies, and the comparison of classifiers."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from wgan_cli.data.dataset import ImageSet
from wgan_cli.evaluation import balancing, classifier
from wgan_cli.evaluation.balancing import FILLED, Filling, fill, missing_images, trials, verdict
from wgan_cli.evaluation.manifold import nearest
from wgan_cli.evaluation.real_images import RealImages, Selection
from wgan_cli.evaluation.usefulness import ClassifierResult

CPU = torch.device("cpu")
COUNTS = (6, 2, 4)


@pytest.fixture
def dataset() -> ImageSet:
    labels = torch.arange(len(COUNTS)).repeat_interleave(torch.tensor(COUNTS))
    pixels = torch.randint(0, 256, (len(labels), 1, 8, 8), dtype=torch.uint8, generator=torch.manual_seed(0))
    return ImageSet(pixels, labels, ("a", "b", "c"), "made up")


def reference(dataset: ImageSet, limit: float, held_out: Selection | None = None) -> SimpleNamespace:
    """A reference whose features are the pixels; a generator has seen the held-out images, if there are any."""

    def of(batches):
        return torch.cat([batch.flatten(1).float() for batch in batches]), None

    training = of([dataset.images])[0]
    return SimpleNamespace(
        real=SimpleNamespace(seen=held_out is not None, held_out=held_out),
        device=CPU,
        features=SimpleNamespace(of=of),
        nearest=lambda features: nearest(features, training),
        memorization_limit=limit,
        training=SimpleNamespace(labels=dataset.labels),
        training_features=training,
    )


def test_missing_images(dataset):
    assert missing_images(dataset).tolist() == [0, 4, 2]
    assert missing_images(dataset, per_class=5).tolist() == [0, 3, 1]


def test_copies_are_left_out_and_replaced(dataset):
    asked = []

    def generate(labels, first):
        """Every third image is a training image with a small change."""
        numbers = torch.arange(first, first + len(labels))
        asked.extend(numbers.tolist())
        made = (dataset.images[:1].int() + 97 + numbers.view(-1, 1, 1, 1)).remainder(256).to(torch.uint8)
        copied = dataset.images[labels] ^ 1
        return torch.where((numbers % 3 == 0).view(-1, 1, 1, 1), copied, made)

    filling = fill(generate, torch.tensor([0, 4, 2]), reference(dataset, limit=200.0))
    assert asked == list(range(9)), "each image of the seed is used once"
    assert filling.labels.bincount(minlength=3).tolist() == [0, 4, 2]
    assert filling.copies.sum() == 3 and not filling.missing.any()
    nearest_one = (filling.images.unsqueeze(1).int() - dataset.images.int()).abs().amax((2, 3, 4)).amin(1)
    assert (nearest_one > 1).all()


def test_a_generator_of_copies_ends(dataset):
    filling = fill(lambda labels, _: dataset.images[labels], torch.tensor([0, 4, 2]), reference(dataset, limit=1.0))
    assert filling.images.shape == (0, 1, 8, 8) and filling.missing.tolist() == [0, 4, 2]
    assert filling.copies.tolist() == [0, 4 * balancing.ROUNDS, 2 * balancing.ROUNDS]


def test_copies_of_held_out_images_are_left_out_if_the_generator_has_seen_them(dataset):
    others = ImageSet(255 - dataset.images, dataset.labels, dataset.class_names, "negatives")
    held_out = Selection(others, torch.arange(len(others)), "held out")
    wanted = torch.tensor([0, 4, 2])
    for seen, missing in ((None, 0), (held_out, 6)):
        filling = fill(lambda labels, _: others.images[labels], wanted, reference(dataset, 1.0, seen))
        assert filling.missing.sum() == missing


def test_the_variety_of_a_collapsed_generator(dataset):
    """It has one image of class 1, and twice the contrast of the real images in class 2."""

    pairs = dataset.images[dataset.labels == 2]
    dark = ImageSet(pairs.repeat(3, 1, 1, 1) // 2, dataset.labels, dataset.class_names, "half the contrast")

    def generate(labels, first):
        return torch.where(labels.view(-1, 1, 1, 1) == 1, pairs[:1], pairs[torch.arange(len(labels)) % 4])

    filling = fill(generate, torch.tensor([0, 4, 4]), reference(dark, limit=0.0))
    assert filling.variety[:2] == (None, 0.0) and filling.variety[2] == pytest.approx(4, rel=0.1)


@pytest.fixture
def real(dataset) -> RealImages:
    everything = Selection(dataset, torch.arange(len(dataset)), "all")
    return RealImages(everything, everything, everything, everything, seen=False)


def test_what_classifiers_are_trained_on(real, monkeypatch):
    lessons = []

    def note(source, device, seed, count, augment=None):
        lessons.append((source.labels.bincount().tolist(), len(source), seed, count, augment))
        return classifier.fixed_network(source.dataset.shape, 3)

    monkeypatch.setattr(classifier, "trained_network", note)
    filling = Filling(
        torch.zeros(6, 1, 8, 8, dtype=torch.uint8), torch.tensor([1, 1, 1, 1, 2, 2]), torch.zeros(3), torch.zeros(3), ()
    )
    found = trials(real, filling, CPU)
    assert list(found)[-1] == FILLED and all(len(trial.draws) == 3 for trial in found.values())
    assert [lesson[0] for lesson in lessons[::3]] == [list(COUNTS), [6, 6, 6], [6, 6, 6], [6, 6, 6]]
    assert len({count for *_, count, _ in lessons}) == 1, "all train for the same number of images"
    assert [augment is None for *_, augment in lessons[::3]] == [True, False, False, True]
    images = torch.arange(64.0).view(1, 1, 8, 8).repeat(50, 1, 1, 1)
    crops, both = lessons[3][-1], lessons[6][-1]
    assert (crops(images).diff(dim=-1) >= 0).all() and (both(images).diff(dim=-1) < 0).any()


def test_augmentation_in_training_is_reproducible_and_leaves_the_random_state(real, monkeypatch):
    before = torch.get_rng_state()

    def noise(images):
        return images + torch.randn_like(images)

    first, again, plain = (
        classifier.trained_network(real.training, CPU, num_images=50, augment=augment).head.weight
        for augment in (noise, noise, None)
    )
    assert torch.equal(first, again) and not torch.equal(first, plain)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("draws", "said"),
    [((0.91, 0.92, 0.93), "they help: +"), ((0.71, 0.72, 0.73), "they do harm: -"), ((0.7, 0.9, 0.8), "no clear")],
)
def test_the_verdict_is_against_the_best_of_the_others(draws, said):
    known = {"poor": (0.5, 0.5, 0.5), "best": (0.81, 0.82, 0.83), FILLED: draws}
    text = verdict({name: ClassifierResult("", accuracies, ()) for name, accuracies in known.items()})
    assert text.startswith(said) and "(best)" in text
