"""What generated images teach a classifier: known answers from generators made of real images."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from wgan_cli.errors import WganError
from wgan_cli.evaluation import classifier, usefulness
from wgan_cli.evaluation.real import RealImages, Selection, real_images
from wgan_cli.evaluation.usefulness import augmentation, classification_accuracy
from wgan_cli.recipe.data_settings import DataSettings

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def real(tmp_path_factory) -> RealImages:
    whole = real_images(DataSettings(split="train"), tmp_path_factory.mktemp("root"), lambda text: None)
    return replace(whole, training=whole.training.some(1500), held_out=whole.held_out.some(500))


@pytest.fixture(autouse=True)
def short_lessons(monkeypatch):
    monkeypatch.setattr(classifier, "MOST_IMAGES", 3000)


def copying(real: RealImages, shown=lambda images: images, asked=lambda labels: labels):
    """A generator that gives real images, which the classifiers otherwise never see, after a change of both."""
    others = real.labelled.indices[-2000:]

    def make(count: int):
        chosen = others[:count]
        return shown(real.labelled.dataset.images[chosen]), asked(real.labelled.dataset.labels[chosen])

    return make


def test_a_perfect_generator_teaches_as_much_as_real_images(real):
    before = torch.get_rng_state()
    generated, best = classification_accuracy(copying(real), real, CPU)
    assert torch.equal(torch.get_rng_state(), before)
    assert best.accuracy > 0.85 and generated.accuracy == pytest.approx(best.accuracy, abs=0.06)
    assert generated.learnt_from == "1,500 generated images" and best.learnt_from == "1,500 real images"
    assert len(best.by_class) == 10 and min(best.by_class) < best.accuracy < max(best.by_class)
    assert classification_accuracy(copying(real), real, CPU) == (generated, best)


@pytest.mark.parametrize("fault", ["other classes", "noise"])
def test_a_generator_that_ignores_what_it_is_asked_for_teaches_nothing(real, fault):
    make = {
        "other classes": copying(real, asked=lambda labels: (labels + 1 + torch.arange(len(labels)) % 9) % 10),
        "noise": copying(real, shown=lambda images: torch.randint_like(images, 256)),
    }[fault]
    generated, best = classification_accuracy(make, real, CPU, count=500)
    assert generated.accuracy < 0.3 < best.accuracy


def test_more_real_images_help_and_wrong_ones_do_harm(real, monkeypatch):
    monkeypatch.setattr(usefulness, "DRAWS", 2)
    monkeypatch.setattr(classifier, "MOST_IMAGES", 2500)
    alone, both = augmentation(copying(real), real, CPU, subset=50)
    assert both.accuracy > alone.accuracy + max(alone.spread, both.spread)
    assert alone.learnt_from == "50 real images" and both.learnt_from == "50 real images and 500 generated"
    assert alone.spread > 0
    wrong = copying(real, asked=lambda labels: (labels + 1) % 10)
    assert augmentation(wrong, real, CPU, subset=50)[1].accuracy < alone.accuracy


def test_a_subset_has_each_class_as_often(real, monkeypatch):
    learnt = []

    def note(source: Selection, device, seed):
        learnt.append((seed, source.labels, source.dataset.images[source.indices]))
        return classifier.fixed_network(source.dataset.shape, 10)

    monkeypatch.setattr(classifier, "trained_network", note)
    augmentation(copying(real), real, CPU, subset=40, count=100)
    assert [seed for seed, _, _ in learnt] == [0, 0, 1, 1, 2, 2]
    subsets = [images for _, labels, images in learnt if len(labels) == 40]
    assert all(torch.bincount(labels).tolist() == [4] * 10 for _, labels, _ in learnt if len(labels) == 40)
    assert not torch.equal(subsets[0], subsets[1])
    assert all(len(labels) == 2 * 40 + 100 or len(labels) == 40 for _, labels, _ in learnt), "about half are real"


def test_what_cannot_be_taught_is_refused(real):
    with pytest.raises(WganError, match="--subset 9 does not fit"):
        augmentation(copying(real), real, CPU, subset=9)
    with pytest.raises(WganError, match="--subset 1501 does not fit"):
        augmentation(copying(real), real, CPU, subset=1501)
    nameless = replace(real.training.dataset, class_names=())
    without = replace(real, training=replace(real.training, dataset=nameless))
    for test in (augmentation, classification_accuracy):
        with pytest.raises(WganError, match="images without classes"):
            test(copying(real), without, CPU)
