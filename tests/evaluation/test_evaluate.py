"""Scores of generated images next to those of real images."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from PIL import Image

from wgan_cli.data import load_images
from wgan_cli.data.dataset import ImageSet
from wgan_cli.errors import WganError
from wgan_cli.evaluation.evaluate import PAIRS, Reference, make_reference, nearest_pairs, pairs_grid
from wgan_cli.evaluation.real_images import RealImages, Selection, training_images
from wgan_cli.outputs import sampling
from wgan_cli.outputs.sampling import open_generator
from wgan_cli.recipe import ImageShape, load_recipe
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.runs.checkpoint import Checkpoint

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def reference(features_root) -> Reference:
    return make_reference(DataSettings(), features_root, CPU, lambda text: None, count=500, max_training=2000)


@pytest.fixture(scope="module")
def unseen(reference) -> torch.Tensor:
    return reference.real.held_out.dataset.images[1::2]


def scores(reference, images):
    return reference.evaluate_images(images, None, 7).generated


def test_real_images_score_like_the_baseline(reference, unseen):
    found, floor = scores(reference, unseen), reference.real_baseline
    assert found.count == floor.count == 500
    assert found.fd == pytest.approx(floor.fd, rel=0.3)
    for name in ("precision", "recall", "coverage"):
        assert getattr(found, name) == pytest.approx(getattr(floor, name), abs=0.08), name
    assert floor.classes.entropy > 0.98
    assert floor.memorization == floor.duplicates == pytest.approx(0.01, abs=0.003)


def test_broken_images(reference, unseen):
    baseline = reference.real_baseline
    order = torch.randperm(784, generator=torch.Generator().manual_seed(0))
    shuffled = scores(reference, unseen.flatten(1)[:, order].view_as(unseen))
    assert shuffled.fd > 20 * baseline.fd and shuffled.coverage < 0.1
    repeated = scores(reference, unseen[:1].expand(500, -1, -1, -1))
    assert repeated.fd > 20 * baseline.fd
    assert repeated.recall < 0.02 and repeated.classes.entropy == 0


def test_missing_classes(reference, unseen):
    labels = reference.real.held_out.labels[1::2]
    few = unseen[(labels == 3) | (labels == 1)]
    found, whole = scores(reference, few), scores(reference, unseen)
    assert found.precision == pytest.approx(whole.precision, abs=0.12)
    assert found.recall < 0.6 * whole.recall
    assert found.coverage < 0.6 * whole.coverage
    assert found.classes.entropy < 0.6
    assert found.fd > 5 * whole.fd


def test_copies_are_noticed(reference):
    copies = next(reference.training.batches(250))
    found = scores(reference, torch.cat([copies, torch.full_like(copies, 255)]))
    assert found.memorization == pytest.approx(0.5)
    assert found.duplicates == pytest.approx(0.5, abs=0.03)  # the white ones


@pytest.mark.parametrize("twins", [10, 60])
def test_copies_are_noticed_next_to_duplicates_in_the_real_images(reference, twins):
    real = reference.real
    images = torch.cat([next(real.training.batches(240)), next(real.held_out.batches(60))])
    images[240 : 240 + twins] = images[:twins]
    dataset = ImageSet(images, torch.zeros(300, dtype=torch.int64), (), "with duplicates")
    training, held_out = (Selection(dataset, torch.arange(*ends), "") for ends in ((0, 240), (240, 300)))
    with_twins = Reference(RealImages(training, held_out, training, held_out, seen=True), reference.features)
    copied = with_twins.evaluate_images(images[:60], None, 7).generated
    assert copied.memorization == 1 and with_twins.real_baseline.memorization == pytest.approx(twins / 60)
    assert with_twins.evaluate_images(images[:1].expand(60, -1, -1, -1), None, 7).generated.duplicates == 1


def test_pairs_show_the_copies_first(reference):
    copy = next(reference.training.batches(1))[0]
    others = torch.full((60, 1, 28, 28), 255, dtype=torch.uint8)
    pairs = nearest_pairs(torch.cat([others, copy[None]]), reference)
    assert pairs.shape == (40, 1, 28, 56)
    assert torch.equal(pairs[0], torch.cat([copy, copy], dim=2))
    assert (pairs[1:, :, :, :28] == 255).all()
    assert len(pairs) == PAIRS and pairs_grid(others, reference).shape == (3, 5 * (30 + 2) + 2, 8 * (58 + 2) + 2)


def test_seed_and_random_state(reference, tiny_run, monkeypatch):
    generator, checkpoint = open_generator(tiny_run.path, CPU)
    state = torch.get_rng_state()
    one = reference.evaluate(generator, checkpoint.recipe, checkpoint.step, seed=3)
    with monkeypatch.context() as patch:
        patch.setattr(sampling, "latent_vectors", None)  # the evaluations of a training draw the latents once
        again = reference.evaluate(generator, checkpoint.recipe, checkpoint.step, seed=3)
    assert torch.equal(torch.get_rng_state(), state)
    assert one == again and one.generated.fd > 5 * one.real_baseline.fd
    assert reference.evaluate(generator, checkpoint.recipe, checkpoint.step, seed=4).generated != one.generated


def test_agreement_with_labels(reference, unseen):
    labels = reference.real.held_out.labels[1::2]
    own = reference.evaluate_images(unseen, labels, 7)
    assert own.generated.agreement.share == pytest.approx(own.real_baseline.agreement.share, abs=0.04)
    assert own.real_baseline.agreement.share > 0.9
    assert own.line().endswith(f", agreement {own.generated.agreement.share:.1%}")
    assert own.record()["agreement"] == own.generated.agreement.share
    random = torch.randint(0, 10, (500,), generator=torch.Generator().manual_seed(0))
    assert reference.evaluate_images(unseen, random, 7).generated.agreement.share == pytest.approx(0.1, abs=0.05)
    swapped = torch.where(labels == 3, 5, labels)
    of_five = reference.evaluate_images(unseen, swapped, 7).generated.agreement.by_class
    assert of_five[3] is None and of_five[5] < 0.7
    assert "agreement" not in reference.evaluate_images(unseen, None, 7).record()


def test_the_line_and_the_record(reference, unseen):
    labels = reference.real.held_out.labels[1::2]
    found = reference.evaluate_images(unseen[labels != 7], None, 4000)
    assert found.line().startswith("step 4,000: FD ") and "/10 classes, rarest: 7 (" in found.line()
    record = found.record()
    assert (record["fd"], record["real_baseline"]) == (found.generated.fd, found.real_baseline.fd)
    assert record["class_entropy"] == found.generated.classes.entropy
    assert f" images; 500 real images: {found.real_baseline.fd:.3g})" in found.line(), "not as many"
    assert f"; real images: {found.real_baseline.fd:.3g})" in reference.evaluate_images(unseen, None, 4000).line()
    assert all(isinstance(value, float) for value in record.values())


def test_images_without_classes(tmp_path, features_root):
    dataset = load_images(DataSettings(limit=300), features_root, lambda text: None)
    for number, image in enumerate(dataset.images):
        Image.fromarray(image[0].numpy()).save(tmp_path / f"{number}.png")
    settings = DataSettings(source="folder", path=str(tmp_path))
    reference = make_reference(settings, tmp_path / ".cache", CPU, lambda text: None)
    assert (reference.count, len(reference.training)) == (60, 240)
    white = reference.evaluate_images(torch.full((60, 1, 28, 28), 255, dtype=torch.uint8), None, 5)
    assert white.generated.fd > 10 * white.real_baseline.fd
    assert white.generated.classes is None
    assert white.line().endswith(", recall 0%")
    assert "class_entropy" not in white.record()


def test_number_of_images(features_root):
    with pytest.raises(WganError, match="digits train: 9 real images are too few"):
        make_reference(DataSettings(limit=9), features_root, CPU, lambda text: None)
    reference = make_reference(DataSettings(limit=99), features_root, CPU, lambda text: None, count=1200)
    assert (reference.count, reference.real_baseline.count) == (1200, 1000)


def test_imported_weights_know_only_the_number_of_classes():
    recipe = load_recipe("mnist_mlp", ["model.conditional=true"])
    animals = ImageSet(torch.zeros(6, 1, 28, 28, dtype=torch.uint8), torch.arange(6) % 2, ("cat", "dog"), "made up")
    for theirs, classes, fits in (("theirs.pth", "01", True), (None, "01", False), ("theirs.pth", "012", False)):
        shape = ImageShape(28, 28, 1, len(classes))
        checkpoint = Checkpoint(recipe, shape, tuple(classes), step=0, networks={}, taken_from=theirs)
        with nullcontext() if fits else pytest.raises(WganError, match="has the classes cat, dog now"):
            training_images(recipe, checkpoint, "theirs.pth", Path("nowhere"), lambda text: None, animals)
