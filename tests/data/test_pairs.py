"""Image pairs: images of each side, paired batches, mismatched sides."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from wgan_cli.data import ImagePair, ImageSet, load_data, native_shape
from wgan_cli.data.augmentation import make_augment
from wgan_cli.data.loaders.device import DeviceLoader
from wgan_cli.data.loaders.make_loader import make_loader
from wgan_cli.data.loaders.paired import PairedLoader
from wgan_cli.data.loaders.streaming import StreamingLoader
from wgan_cli.errors import WganError
from wgan_cli.recipe.data_settings import DataSettings, PairSettings, for_side
from wgan_cli.utils.format import no_log
from wgan_cli.utils.pixels import to_16_bits

CPU = torch.device("cpu")
DIGITS = {"source": "digits", "limit": 41}
INVERTED = {**DIGITS, "transform": "invert"}


def sides(a: dict | None = None, b: dict | None = None) -> PairSettings:
    return PairSettings.model_validate({"a": a or DIGITS, "b": b or INVERTED})


def load(settings: PairSettings | DataSettings, root: Path = Path("nowhere")) -> ImagePair | ImageSet:
    return load_data(settings, root, no_log)


def numbered(count: int, first: int = 0) -> ImageSet:
    """Uniform images whose gray level is their number."""
    levels = torch.arange(first, first + count, dtype=torch.uint8)
    return ImageSet(levels[:, None, None, None].expand(-1, 1, 8, 8).clone(), torch.zeros(count).long(), (), "test")


def numbers(images: Tensor) -> list[int]:
    return images[:, 0, 0, 0].add(1).mul(127.5).round().int().tolist()


def test_sides_with_the_same_images_share_none():
    pair = load(sides())
    whole = load(DataSettings(**DIGITS)).images
    assert torch.equal(pair.a.images, whole[0::2])
    assert torch.equal(pair.b.images, 255 - whole[1::2])
    assert (len(pair.a), len(pair.b), len(pair)) == (21, 20, 41)
    assert pair.shape == native_shape(sides())
    assert (pair.shape.num_classes, pair.class_names) == (0, ())
    assert "21 of MNIST digits" in pair.origin and "invert" in pair.origin


def test_sides_have_half_of_each_class(tmp_path):
    for name, count in (("cat", 9), ("dog", 13)):
        (tmp_path / name).mkdir()
        for number in range(count):
            Image.new("L", (8, 8), number + 100 * (name == "dog")).save(tmp_path / f"{name}/{number}.png")
    folder = {"source": "folder", "path": str(tmp_path)}
    pair = load(sides(folder, {**folder, "transform": "invert"}), tmp_path / "root")
    a, b = pair.a.images[:, 0, 0, 0].tolist(), (255 - pair.b.images)[:, 0, 0, 0].tolist()
    assert sorted(a + b) == [*range(9), *range(100, 113)]
    assert [(len(s), sum(level >= 100 for level in s)) for s in (a, b)] == [(11, 6), (11, 7)]


def test_held_out_images_of_one_side_alone_are_refused():
    folder = {"source": "folder", "path": "photos"}
    held_out = {**folder, "test_path": "others"}
    with pytest.raises(ValueError, match="`data.a.test_path` and `data.b.test_path` differ"):
        sides(held_out, {**folder, "transform": "invert"})
    assert sides(held_out, {**held_out, "transform": "invert"}).same_images


def test_sides_with_other_images_keep_all_of_them():
    pair = load(sides({"source": "digits", "classes": [3]}, {"source": "digits", "classes": [8]}))
    labels = load(DataSettings(source="digits")).labels
    assert len(pair.a) == (labels == 3).sum() and len(pair.b) == (labels == 8).sum()


@pytest.mark.parametrize(
    ("changed", "same"),
    [({"transform": "thicken"}, True), ({"augment": {"mirror": True}, "transform": "thicken"}, True),
     ({"limit": 40}, False), ({"split": "test"}, False), ({"classes": [1]}, False), ({"image_size": 32}, False)],
)  # fmt: skip
def test_same_images(changed, same):
    assert sides(DIGITS, {**DIGITS, **changed}).same_images is same


@pytest.mark.parametrize(
    ("a", "b", "message", "hint"),
    [
        (DIGITS, {**DIGITS, "image_size": 32}, "`data.b` are 32x32x1", "data.a.image_size=32 "),
        (DIGITS, {**DIGITS, "transform": "colour"}, "`data.b` are 28x28x3", "data.a.transform=grey"),
        ({**DIGITS, "transform": "grey"}, {**DIGITS, "classes": [1]}, "`data.a` are 28x28x3", "data.b.transform=grey"),
        (DIGITS, {**DIGITS, "classes": [77]}, "`data.b.classes`: unknown class '77'", "classes: "),
        ({"source": "folder", "path": "gone"}, DIGITS, "there is no file or folder gone", "--set data.a.path="),
        ({**DIGITS, "limit": 1}, {**INVERTED, "limit": 1}, "one image", "more images"),
    ],
)
def test_mismatched_sides(a, b, message, hint, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WganError) as caught:
        load(sides(a, b))
    assert message in caught.value.message and hint in caught.value.hint
    if "28x28" in message or "32x32" in message:
        with pytest.raises(WganError, match="`data.a` are 28x28"):
            native_shape(sides(a, b))


def test_of_side_renames_settings_only():
    text = "`data.path` of data.zip and /data.path/x: --set data.path=photos, data.fit"
    assert for_side(text, "b") == "`data.b.path` of data.zip and /data.path/x: --set data.b.path=photos, data.b.fit"


def loader_of(pair: ImagePair, **more: object) -> PairedLoader:
    return make_loader(pair, sides({**DIGITS, **more}, {**INVERTED, **more}), 4, 0, CPU)


def test_epochs_of_each_side():
    loader = loader_of(ImagePair(numbered(8), numbered(12, 100)))
    batches = [loader.next()[0] for _ in range(6)]
    assert batches[0].shape == (4, 2, 1, 8, 8)
    a, b = ([n for images in batches for n in numbers(images[:, side])] for side in (0, 1))
    assert sorted(a[:8]) == sorted(a[8:16]) == list(range(8))
    assert sorted(b[:12]) == sorted(b[12:]) == list(range(100, 112))


def test_sides_of_one_size_have_different_orders():
    loader = loader_of(ImagePair(numbered(12), numbered(12)))
    images, labels = loader.next()
    assert numbers(images[:, 0]) != numbers(images[:, 1])
    assert labels.shape == (4, 2) and len(loader) == 24


@pytest.mark.parametrize(("limit", "kind"), [(None, DeviceLoader), ("100", StreamingLoader)])
def test_resume_is_exact(limit, kind):
    pair = ImagePair(numbered(9), numbered(14, 100))
    loader, other = loader_of(pair, memory_limit=limit), loader_of(pair)
    assert isinstance(loader.sides["a"], kind)
    for _ in range(5):
        loader.next()
    other.load_state_dict(loader.state_dict())
    for _ in range(5):
        assert torch.equal(loader.next()[0], other.next()[0])
    assert loader.state_dict() == other.state_dict()
    loader.close()


@pytest.mark.parametrize("wrong", [{"epoch": -1}, {"cursor": -1}, {"cursor": 10}, {"epoch": 0.5}, {"cursor": None}])
def test_invalid_state(wrong):
    loader = loader_of(ImagePair(numbered(9), numbered(14)))
    state = loader.state_dict()
    state["a"] = {**state["a"], **wrong}
    with pytest.raises((ValueError, TypeError)):
        loader.load_state_dict(state)


@pytest.mark.parametrize("memory_limit", [None, "100"], ids=["resident", "streamed"])
def test_gather_equals_next(memory_limit):
    pair = ImagePair(numbered(9), numbered(14, 100))
    plain, captured = loader_of(pair), loader_of(pair, memory_limit=memory_limit)
    assert captured.capturable_batches >= 2
    for _ in range(12):
        captured.stage(1)
        images, labels = captured.gather()
        captured.count_batches(1)
        expected = plain.next()
        assert torch.equal(images, expected[0]) and torch.equal(labels, expected[1])
    assert plain.state_dict() == captured.state_dict()
    captured.close()


def test_each_side_has_its_own_augmentation():
    settings = sides({**DIGITS, "augment": {"mirror": True}}, INVERTED)
    images = torch.rand(64, 2, 1, 8, 8)
    torch.manual_seed(0)
    changed = make_augment(settings, numbered(1).shape)(images)
    assert torch.equal(changed[:, 1], images[:, 1])
    flipped = [torch.equal(new, old.flip(-1)) for new, old in zip(changed[:, 0], images[:, 0], strict=True)]
    assert 16 < sum(flipped) < 48
    assert make_augment(sides(), numbered(1).shape) is None
    with pytest.raises(WganError, match="`data.b.augment.random_crop` is 8"):
        make_augment(sides(DIGITS, {**INVERTED, "augment": {"random_crop": 8}}), numbered(1).shape)


def test_each_side_has_its_own_range(tmp_path):
    found = {}
    for side, greatest in (("a", 4095), ("b", 255)):
        (tmp_path / side).mkdir()
        for number in range(2):
            values = np.full((8, 8), number * greatest, np.uint16)
            Image.fromarray(values).save(tmp_path / f"{side}/{number}.png")
        found[side] = {"source": "folder", "path": str(tmp_path / side)}
    settings = PairSettings.model_validate(found)
    pair = load(settings, tmp_path / "root")
    assert pair.value_range == ((0, 4095), (0, 255))
    resolved = settings.with_range(pair.value_range)
    assert (resolved.a.range, resolved.b.range) == pair.value_range
    again = load(resolved, tmp_path / "root")
    assert torch.equal(again.a.images, pair.a.images) and torch.equal(again.b.images, pair.b.images)
    assert to_16_bits(pair.b.images)[:, 0, 0, 0].tolist() == [0, 65535]
    wanted = PairSettings.model_validate(found)
    assert wanted.decoding_like(resolved) == resolved
    assert settings.with_range((None, None)) == settings
