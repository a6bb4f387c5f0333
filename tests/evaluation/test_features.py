"""Feature extractors, their cache, and the selection of real images."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from wgan_cli.data import load_images
from wgan_cli.data.dataset import ImageSet
from wgan_cli.errors import WganError
from wgan_cli.evaluation import classifier, features
from wgan_cli.evaluation.classifier import fixed_network
from wgan_cli.evaluation.features import CACHE, make_features
from wgan_cli.evaluation.frechet import moments
from wgan_cli.evaluation.real_images import RealImages, Selection, real_images
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.utils.format import Activity

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def digits(features_root) -> RealImages:
    return real_images(DataSettings(), features_root, lambda text: None)


@pytest.fixture(scope="module")
def few(tmp_path_factory) -> RealImages:
    """A few small digits."""
    real = real_images(DataSettings(image_size=8), tmp_path_factory.mktemp("few"), lambda text: None)
    return replace(real, labeled=real.labeled.subset(200), test=real.test.subset(100))


@pytest.fixture(autouse=True)
def short_training(monkeypatch) -> None:
    monkeypatch.setattr(classifier, "MAX_IMAGES", 200)


def never(*args) -> None:
    raise AssertionError("a classifier is trained again")


def flat(images: torch.Tensor) -> RealImages:
    dataset = ImageSet(images, torch.zeros(len(images), dtype=torch.int64), (), "photos")
    every = Selection(dataset, torch.arange(len(images)), "photos")
    return RealImages(every, every, every, every, seen=False)


def noise(count: int = 60, size: int = 16, channels: int = 1) -> torch.Tensor:
    random = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, channels, size, size), dtype=torch.uint8, generator=random)


def test_classifier_accuracy(features_root, digits, monkeypatch):
    monkeypatch.setattr(features, "_accuracy", never)  # as the classifier, it is in the package
    told = []
    found = make_features(digits, "digits", features_root, CPU, told.append)
    assert told == []
    assert found.name.startswith("digits-28x28x1-v1-")
    assert found.accuracy > 0.97
    values, logits = found.of(digits.held_out.batches(300))
    assert (values.shape, logits.shape) == ((1000, 128), (1000, 10))
    assert (logits.argmax(1) == digits.held_out.labels).double().mean().item() == pytest.approx(found.accuracy)
    values, _ = found.of(digits.labeled.subset(3000).batches(500))
    assert float(moments(values).covariance.trace()) == pytest.approx(100, rel=0.05)
    images = noise(50, 28)
    torch.testing.assert_close(found.of([images])[0], found.of(images.split(7))[0])


def test_trained_once(tmp_path, few):
    told = []
    first = make_features(few, "digits", tmp_path, CPU, told.append)
    told = [message for message in told if not isinstance(message, Activity)]
    assert "digits train" in told[0]
    assert f"{first.accuracy:.1%} on 100 held-out images" in told[1]
    again = make_features(few, "digits", tmp_path, CPU, never)
    assert (again.name, again.accuracy) == (first.name, first.accuracy)
    for one, other in zip(first.of([noise(9, 8)]), again.of([noise(9, 8)]), strict=True):
        assert torch.equal(one, other)


def test_other_weights_have_another_name(tmp_path, few, monkeypatch):
    def make(folder: str) -> features.Features:
        return make_features(few, "digits", tmp_path / folder, CPU, lambda text: None)

    first = make("one")
    (file,) = (tmp_path / "one" / CACHE).iterdir()
    assert first.name.startswith(f"{file.stem}-")
    monkeypatch.setattr(classifier, "MAX_IMAGES", 150)
    assert make("one").name == first.name
    other = make("other").name
    assert other != first.name and other.startswith(f"{file.stem}-")


def test_another_process_has_trained_it(tmp_path, few, monkeypatch):
    make_features(few, "digits", tmp_path, CPU, lambda text: None)
    (file,) = (tmp_path / CACHE).iterdir()
    hidden, acquire = file.rename(tmp_path / "hidden"), features.acquire

    def while_waiting(*args):
        hidden.rename(file)
        return acquire(*args)

    monkeypatch.setattr(features, "acquire", while_waiting)
    make_features(few, "digits", tmp_path, CPU, never)
    assert list(file.parent.iterdir()) == [file]


def test_accuracy_is_of_the_present_test_images(tmp_path, few):
    first = make_features(few, "digits", tmp_path, CPU, lambda text: None)
    wrong = replace(few.test, dataset=replace(few.test.dataset, labels=(few.test.dataset.labels + 1) % 10))
    other = make_features(replace(few, test=wrong), "digits", tmp_path, CPU, never)
    assert other.name == first.name and other.accuracy != first.accuracy
    (file,) = (tmp_path / CACHE).iterdir()
    content = torch.load(file, weights_only=True)
    del content["tested"]  # as in earlier versions
    torch.save({**content, "accuracy": 2.0}, file)
    assert make_features(few, "digits", tmp_path, CPU, never).accuracy == first.accuracy


def test_training_is_reproducible_and_isolated(tmp_path, few, monkeypatch):
    deterministic, cross_entropy = set(), functional.cross_entropy

    def recording(*args):
        deterministic.add(torch.are_deterministic_algorithms_enabled())
        return cross_entropy(*args)

    monkeypatch.setattr(functional, "cross_entropy", recording)
    torch.manual_seed(123)
    state = torch.get_rng_state()
    # As a recipe or a caller may request; the pooling's backward on a GPU can't.
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with torch.inference_mode():  # as in the middle of anything
            one = make_features(few, "digits", tmp_path / "one", CPU, lambda text: None)
        assert (deterministic, torch.are_deterministic_algorithms_enabled()) == ({False}, True)
        assert torch.is_deterministic_algorithms_warn_only_enabled()
    finally:
        torch.use_deterministic_algorithms(False)
    other = make_features(few, "digits", tmp_path / "other", CPU, lambda text: None)
    assert torch.equal(torch.get_rng_state(), state)
    torch.testing.assert_close(one.of([noise(9, 8)]), other.of([noise(9, 8)]))


class Evil:
    def __reduce__(self):
        return exec, ("raise AssertionError('code of the file ran')",)


@pytest.mark.parametrize("damage", ["cut", "changed", "other", "code"])
def test_damaged_cache_file(tmp_path, few, damage):
    first = make_features(few, "digits", tmp_path, CPU, lambda text: None)
    (file,) = (tmp_path / CACHE).iterdir()
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:1000])
    elif damage == "changed":
        content = torch.load(file, weights_only=True)
        content["weights"]["head.bias"] += 1
        torch.save(content, file)
    elif damage == "other":
        file.write_text("no network")
    else:
        torch.save({"format": features.FORMAT, "weights": Evil()}, file)
    told = []
    assert make_features(few, "digits", tmp_path, CPU, told.append).accuracy == first.accuracy
    assert len(told) == 2
    assert make_features(few, "digits", tmp_path, CPU, never).accuracy == first.accuracy


def test_unwritable_cache(tmp_path, few):
    (tmp_path / "file").write_text("here")
    told = []
    found = make_features(few, "digits", tmp_path / "file", CPU, told.append)
    assert found.accuracy is not None
    assert "again" in told[-1]


def test_name_depends_on_images(tmp_path, few):
    whole = few.labeled.dataset
    others = (
        replace(whole, labels=9 - whole.labels),
        replace(whole, images=255 - whole.images),
        whole.resized((12, 12)),
    )
    parts = [replace(few.labeled, dataset=dataset) for dataset in (whole, *others)]
    reals = [replace(few, labeled=part, test=part) for part in parts]
    names = {make_features(real, "digits", tmp_path, CPU, lambda text: None).name for real in reals}
    assert len(names) == len(list((tmp_path / CACHE).iterdir())) == 4


def test_random_features_without_classes(tmp_path):
    found = make_features(flat(noise()), "folder", tmp_path, CPU, never)
    assert found.name.startswith("random-folder-16x16x1-v1-")
    assert "random weights" in found.description
    assert (found.accuracy, found.class_names, found.of([noise()])[1]) == (None, (), None)
    assert not (tmp_path / CACHE).exists()
    again = make_features(flat(noise()), "folder", tmp_path, CPU, never)
    assert torch.equal(found.of([noise()])[0], again.of([noise()])[0])


def test_unsuitable_images(tmp_path, digits):
    few = make_features(replace(digits, labeled=digits.labeled.subset(199)), "digits", tmp_path, CPU, never)
    assert few.name.startswith("random-") and "fewer than 20 images per class" in few.description
    found = make_features(flat(noise(1).expand(60, -1, -1, -1)), "folder", tmp_path, CPU, never)
    assert found.of([noise()])[0].isfinite().all()


@pytest.mark.parametrize(("size", "channels"), [(8, 1), (20, 3), (28, 1), (32, 3), (64, 4), (128, 3)])
def test_every_shape_and_pixel(size, channels):
    network = fixed_network(ImageShape(size, size, channels), 5)
    images = noise(2, size, channels).float().div(127.5).sub(1).requires_grad_()
    values, logits = network(images)
    assert (values.shape, logits.shape) == ((2, 128), (2, 5))
    values.sum().backward()
    assert (images.grad.abs().amax(dim=(0, 1)) > 0).double().mean() > 0.95


@pytest.mark.parametrize(("split", "seen"), [("train", False), ("test", False), ("all", True)])
def test_held_out_is_disjoint(tmp_path, split, seen):
    def bytes_of(images: Selection) -> set[bytes]:
        return {image.numpy().tobytes() for batch in images.batches(500) for image in batch}

    real = real_images(DataSettings(split=split), tmp_path, lambda text: None)
    dataset = load_images(DataSettings(split=split), None, lambda text: None)
    learned = bytes_of(Selection(dataset, torch.arange(len(dataset)), "learned"))
    assert real.seen is seen
    assert not bytes_of(real.training) & bytes_of(real.held_out)
    assert bytes_of(real.training) <= learned
    assert bool(bytes_of(real.held_out) & learned) is seen


def test_limit_applies_to_the_generator_only(tmp_path):
    real = real_images(DataSettings(limit=100, split="all"), tmp_path, lambda text: None)
    assert [len(part) for part in (real.training, real.held_out, real.labeled, real.test)] == [100, 1000, 6000, 1000]
    assert not real.seen


def test_folder_holds_out_a_fifth(tmp_path):
    dataset = ImageSet(noise(100), torch.arange(100) % 2, ("a", "b"), "photos")
    real = real_images(DataSettings(source="given"), tmp_path, lambda text: None, dataset)
    assert (len(real.training), len(real.held_out), real.seen) == (80, 20, True)
    assert sorted([*real.training.indices.tolist(), *real.held_out.indices.tolist()]) == list(range(100))
    assert real.held_out.name == "20% of photos"
    again = real_images(DataSettings(source="given"), tmp_path, lambda text: None, dataset)
    assert torch.equal(real.held_out.indices, again.held_out.indices)
    few = ImageSet(noise(49), torch.zeros(49, dtype=torch.int64), (), "photos")
    with pytest.raises(WganError, match="photos holds 49 images, too few for an evaluation"):
        real_images(DataSettings(source="given"), tmp_path, lambda text: None, few)


@pytest.mark.parametrize("order", ["sorted", "in turn"])
def test_subset_covers_all_classes(digits, order):
    labels = torch.arange(1000) // 100 if order == "sorted" else torch.arange(1000) % 10
    dataset = ImageSet(noise(1).expand(1000, -1, -1, -1), labels, tuple("0123456789"), "noise")
    whole = Selection(dataset, torch.arange(1000), "noise")
    for count in (100, 200, 500):
        some = whole.subset(count)
        assert len(set(some.indices.tolist())) == count
        assert torch.bincount(some.labels, minlength=10).min() >= 0.04 * count
        assert torch.equal(some.indices, whole.subset(count).indices)
    assert whole.subset(1000) is whole
