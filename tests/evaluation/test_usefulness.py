"""Classifiers trained on generated images, with generators made of real images."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from wgan_cli.errors import WganError
from wgan_cli.evaluation import classifier, usefulness
from wgan_cli.evaluation.real_images import RealImages, Selection, real_images
from wgan_cli.evaluation.usefulness import ClassifierResult, augmentation, caveat, classification_accuracy, verdict
from wgan_cli.recipe.data_settings import DataSettings

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def real(tmp_path_factory) -> RealImages:
    small = DataSettings(split="train", image_size=8)
    whole = real_images(small, tmp_path_factory.mktemp("root"), lambda text: None)
    return replace(whole, training=whole.training.subset(1500), held_out=whole.held_out.subset(500))


@pytest.fixture(autouse=True)
def short_training(monkeypatch):
    monkeypatch.setattr(classifier, "MIN_IMAGES", 1500)
    monkeypatch.setattr(classifier, "MAX_IMAGES", 1500)


def copying(real: RealImages, understood=lambda labels: labels):
    """A generator that gives real images of the classes it understands."""
    images, labels = real.labeled.dataset.images, real.labeled.labels

    def make(asked: torch.Tensor) -> torch.Tensor:
        found = torch.empty_like(asked)
        wanted = understood(asked)
        for label in wanted.unique():
            places, of_class = torch.where(wanted == label)[0], torch.where(labels == label)[0].flip(0)
            found[places] = of_class[torch.arange(len(places)) % len(of_class)]
        return images[found]

    return make


def any_class(labels: torch.Tensor) -> torch.Tensor:
    return torch.randint(0, 10, labels.shape, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def lessons(monkeypatch) -> list[tuple[Selection, int, int | None]]:
    """Record the source, seed and training length of each classifier instead of training it."""
    given = []

    def note(source: Selection, device: torch.device, seed: int, shown: int | None, augment: None):
        given.append((source, seed, shown))
        return classifier.fixed_network(source.dataset.shape, 10)

    monkeypatch.setattr(classifier, "trained_network", note)
    return given


def test_perfect_generator(real):
    before = torch.get_rng_state()
    generated, best = classification_accuracy(copying(real), real, CPU)
    assert torch.equal(torch.get_rng_state(), before)
    assert best.accuracy > 0.6 and generated.accuracy > 0.5
    assert generated.trained_on == "1,500 generated images" and best.trained_on == "1,500 real images"
    assert len(best.by_class) == 10 and min(best.by_class) < best.accuracy < max(best.by_class)
    assert best.by_class[best.worst()] == min(best.by_class) and best.spread == 0


def test_generator_that_ignores_classes(real):
    generated, best = classification_accuracy(copying(real, any_class), real, CPU, count=500)
    assert generated.accuracy < 0.3 < best.accuracy


def test_class_counts_are_equal(real, lessons):
    rare = torch.cat([torch.where(real.labeled.labels == 3)[0][:10], torch.where(real.labeled.labels == 8)[0][:70]])
    uneven = replace(real, training=replace(real.labeled, indices=rare))
    classification_accuracy(copying(real), uneven, CPU)
    (generated, *first), (true, *second) = lessons
    assert first == second
    assert torch.equal(generated.labels.bincount(), true.labels.bincount())
    assert true.labels.bincount()[[3, 8]].tolist() == [10, 70]


def test_augmentation_with_right_images(real, monkeypatch):
    monkeypatch.setattr(usefulness, "DRAWS", 1)
    alone, both = augmentation(copying(real), real, CPU, subset=50)
    assert both.accuracy > alone.accuracy + 0.1
    assert alone.trained_on == "50 real images" and both.trained_on == "50 real images and 500 generated"


@pytest.mark.slow
def test_augmentation_with_wrong_images(real):
    alone, _ = augmentation(copying(real), real, CPU, subset=50)
    same, harmed = augmentation(copying(real, lambda labels: (labels + 1) % 10), real, CPU, subset=50)
    assert same == alone
    assert verdict(alone, harmed).startswith("adding generated images reduces accuracy: -")


def test_augmentation_schedule(real, lessons):
    augmentation(copying(real), real, CPU, subset=40, count=100)
    assert [seed for _, seed, _ in lessons] == [0, 1, 2, 0, 1, 2]
    assert {(len(source), shown) for source, _, shown in lessons} == {(200, 1500)}
    alone, both = lessons[:3], lessons[3:]
    for (few, _, _), (mixed, _, _) in zip(alone, both, strict=True):
        assert len(few.indices.unique()) == 40 and len(mixed.indices.unique()) == 140
        assert (mixed.indices < 40).sum() == 100, "half are real"
        distinct = few.dataset.images[few.indices.unique()].unique(dim=0)
        assert torch.equal(mixed.dataset.images[:40].unique(dim=0), distinct), "the same real images in both"
        assert torch.bincount(few.dataset.labels[few.indices.unique()]).tolist() == [4] * 10
        assert torch.bincount(mixed.dataset.labels[40:]).tolist() == [10] * 10
    assert not torch.equal(alone[0][0].indices, alone[1][0].indices)


def test_augmentation_with_fewer_generated_than_real_images(real, lessons):
    augmentation(copying(real), real, CPU, subset=40, count=10)
    assert {len(source) for source, _, _ in lessons} == {80}
    for (few, _, _), (mixed, _, _) in zip(lessons[:3], lessons[3:], strict=True):
        assert len(few.indices.unique()) == 40 and len(mixed.indices.unique()) == 50
        assert (mixed.indices < 40).sum() == 40, "half are real"


@pytest.mark.parametrize(
    ("after", "said"),
    [
        ((0.93, 0.74, 0.82), "improves accuracy: +3.0 points on average (+2.0 to +4.0"),
        ((0.88, 0.675, 0.785), "reduces accuracy: -2.0 points on average (-2.5 to -1.5"),
        ((0.93, 0.70, 0.79), "makes no clear difference: +0.7 points on average "),
        ((0.90, 0.70, 0.80), "makes no clear difference: +0.0 points on average "),
    ],
)
def test_verdict(after, said):
    alone, both = (ClassifierResult("images", draws, ()) for draws in ((0.9, 0.7, 0.8), after))
    assert verdict(alone, both).startswith(f"adding generated images {said}")
    assert alone.spread == pytest.approx(0.1)


def test_caveat(real):
    assert "--set data.limit=500" in caveat(500, real)
    assert caveat(1500, real) == "the generator was trained on the same 1,500 images"


def test_class_without_held_out_images(real, lessons):
    held_out = real.held_out
    without = replace(real, held_out=replace(held_out, indices=held_out.indices[held_out.labels != 4]))
    for result in (*classification_accuracy(copying(real), without, CPU), *augmentation(copying(real), without, CPU)):
        assert [label for label, share in enumerate(result.by_class) if share is None] == [4]
        assert result.worst() != 4


def test_invalid_inputs(real):
    for subset in (9, 1501):
        with pytest.raises(WganError, match=f"--subset {subset} is out of range"):
            augmentation(copying(real), real, CPU, subset=subset)
    nameless = replace(real.training.dataset, class_names=())
    without = replace(real, training=replace(real.training, dataset=nameless))
    too_few = replace(real, held_out=replace(real.held_out, indices=real.held_out.indices[:9]))
    for test in (augmentation, classification_accuracy):
        with pytest.raises(WganError, match="no classes to train"):
            test(copying(real), without, CPU)
        with pytest.raises(WganError, match="9 real images are too few for a classifier"):
            test(copying(real), too_few, CPU)
