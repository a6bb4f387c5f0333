"""Two sides of images: which images each shows, in what order, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from wgan_cli.data import ImagePair, ImageSet, load_data, native_shape
from wgan_cli.data.loaders.device import DeviceLoader
from wgan_cli.data.loaders.paired import PairedLoader, augment_of, make_loader
from wgan_cli.data.loaders.streaming import StreamingLoader
from wgan_cli.data.transforms import colour, grey, invert, thicken
from wgan_cli.errors import WganError
from wgan_cli.recipe.data_settings import DataSettings, PairSettings, for_side

CPU = torch.device("cpu")
DIGITS = {"source": "digits", "limit": 41}


def sides(a: dict | None = None, b: dict | None = None) -> PairSettings:
    return PairSettings.model_validate({"a": a or DIGITS, "b": b or {**DIGITS, "transform": "invert"}})


def loaded(settings: PairSettings, root: Path = Path("nowhere")) -> ImagePair:
    return load_data(settings, root, lambda text: None)


def made_up(count: int, first: int = 0, size: int = 8) -> ImageSet:
    """Images of one grey each, so that a picture says its number."""
    greys = torch.arange(first, first + count, dtype=torch.uint8)
    return ImageSet(greys[:, None, None, None].expand(-1, 1, size, size).clone(), torch.zeros(count).long(), (), "here")


def numbers(images: Tensor) -> list[int]:
    """Which of `made_up` a batch in [-1, 1] shows."""
    return images[:, 0, 0, 0].add(1).mul(127.5).round().int().tolist()


def test_sides_of_the_same_images_share_none():
    pair = loaded(sides())
    whole = load_data(DataSettings(**DIGITS), Path("nowhere"), lambda text: None).images
    assert torch.equal(pair.a.images, whole[0::2])
    assert torch.equal(pair.b.images, 255 - whole[1::2])
    assert (len(pair.a), len(pair.b), len(pair)) == (21, 20, 41)
    assert pair.shape == native_shape(sides())
    assert (pair.shape.num_classes, pair.class_names) == (0, ())
    assert "21 of MNIST digits" in pair.origin and "invert" in pair.origin


def test_sides_of_other_images_keep_all_of_them():
    pair = loaded(sides({"source": "digits", "classes": [3]}, {"source": "digits", "classes": [8]}))
    whole = load_data(DataSettings(source="digits"), Path("nowhere"), lambda text: None)
    assert len(pair.a) == (whole.labels == 3).sum() and len(pair.b) == (whole.labels == 8).sum()


@pytest.mark.parametrize(
    ("changed", "same"),
    [({"transform": "thicken"}, True), ({"augment": {"mirror": True}, "transform": "thicken"}, True),
     ({"limit": 40}, False), ({"split": "test"}, False), ({"classes": [1]}, False), ({"image_size": 32}, False)],
)  # fmt: skip
def test_what_makes_the_sides_the_same_images(changed, same):
    assert sides(DIGITS, {**DIGITS, **changed}).same_images is same


@pytest.mark.parametrize(
    ("a", "b", "message", "hint"),
    [
        (DIGITS, {**DIGITS, "image_size": 32}, "`data.a` are 28x28x1, those of `data.b` 32x32x1", "a.image_size=32 "),
        (DIGITS, {**DIGITS, "transform": "colour"}, "28x28x1, those of `data.b` 28x28x3", "data.a.transform=grey"),
        ({**DIGITS, "transform": "grey"}, {**DIGITS, "classes": [1]}, "28x28x3, those", "data.b.transform=grey"),
        (DIGITS, {**DIGITS, "classes": [77]}, "`data.b.classes` names 77", "Classes: "),
        ({"source": "folder", "path": "gone"}, DIGITS, "there is no folder or archive gone", "--set data.a.path="),
        ({**DIGITS, "limit": 1}, {**DIGITS, "limit": 1, "transform": "invert"}, "holds one image", "more images"),
    ],
)
def test_sides_that_do_not_fit_are_named_with_the_repair(a, b, message, hint, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WganError) as caught:
        loaded(sides(a, b))
    assert message in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize("changed", [{"image_size": 32}, {"transform": "colour"}])
def test_shapes_that_differ_are_refused_before_any_image_is_read(changed):
    with pytest.raises(WganError, match="images of `data.a` are 28x28x1, those of `data.b`"):
        native_shape(sides(DIGITS, {**DIGITS, **changed}))


def test_only_settings_are_said_of_a_side():
    said = "`data.path` of data.zip and /data.path/x: --set data.path=photos, data.fit"
    assert for_side(said, "b") == "`data.b.path` of data.zip and /data.path/x: --set data.b.path=photos, data.b.fit"


def test_two_folders(tmp_path):
    for name, shade in (("photos", 40), ("paintings", 200)):
        (tmp_path / name).mkdir()
        for number in range(3):
            Image.new("RGB", (12, 12), (shade + number, 0, 0)).save(tmp_path / name / f"{number}.png")
    a, b = ({"source": "folder", "path": str(tmp_path / name)} for name in ("photos", "paintings"))
    pair = loaded(sides(a, b), tmp_path / "root")
    assert pair.a.images[:, 0, 0, 0].tolist() == [40, 41, 42]
    assert pair.b.images[:, 0, 0, 0].tolist() == [200, 201, 202]
    assert pair.shape == native_shape(sides(a, b))


def fed(pair: ImagePair, batch_size: int = 4, seed: int = 0, **more: object) -> PairedLoader:
    a, b = ({**DIGITS, **more}, {**DIGITS, **more, "transform": "invert"})
    return make_loader(pair, sides(a, b), batch_size, seed, CPU)


def test_an_epoch_shows_each_image_of_each_side_once_out_of_step():
    loader = fed(ImagePair(made_up(8), made_up(12, 100)))
    shown = [loader.next()[0] for _ in range(6)]
    assert shown[0].shape == (4, 2, 1, 8, 8)
    a, b = ([n for images in shown for n in numbers(images[:, side])] for side in (0, 1))
    assert sorted(a[:8]) == sorted(a[8:16]) == list(range(8))
    assert sorted(b[:12]) == sorted(b[12:]) == list(range(100, 112))
    same = fed(ImagePair(made_up(12), made_up(12)))
    images, labels = same.next()
    assert numbers(images[:, 0]) != numbers(images[:, 1]), "sides of one size would go in step"
    assert labels.shape == (4, 2)
    assert len(same) == 24


@pytest.mark.parametrize("limit", [None, "100"])
def test_a_feed_goes_on_from_where_another_stood(limit):
    pair = ImagePair(made_up(9), made_up(14, 100))
    loader, other = fed(pair, memory_limit=limit), fed(pair)
    assert isinstance(loader.sides["a"], DeviceLoader if limit is None else StreamingLoader)
    for _ in range(5):
        loader.next()
    other.load_state_dict(loader.state_dict())
    for _ in range(5):
        assert torch.equal(loader.next()[0], other.next()[0])
    assert loader.state_dict() == other.state_dict()
    loader.close()


@pytest.mark.parametrize("wrong", [{"epoch": -1}, {"cursor": -1}, {"cursor": 10}, {"epoch": 0.5}, {"cursor": None}])
def test_a_place_where_no_feed_can_stand_is_refused(wrong):
    loader = fed(ImagePair(made_up(9), made_up(14)))
    state = loader.state_dict()
    state["a"] = {**state["a"], **wrong}
    with pytest.raises((ValueError, TypeError)):
        loader.load_state_dict(state)


def test_gathered_batches_are_those_that_are_asked_for():
    """As a captured iteration takes them: the host counts, and `gather` alone runs."""
    pair = ImagePair(made_up(9), made_up(14, 100))
    plain, captured = fed(pair), fed(pair)
    assert captured.batches_captured == 2
    for _ in range(12):
        if captured.has_batches(1):
            captured.count_batches(1)
            images, labels = captured.gather()
        else:
            images, labels = captured.next()
        expected = plain.next()
        assert torch.equal(images, expected[0]) and torch.equal(labels, expected[1])
    assert plain.state_dict() == captured.state_dict()
    assert fed(pair, memory_limit="100").batches_captured == 0


def test_each_side_is_augmented_as_it_says():
    settings = sides({**DIGITS, "augment": {"mirror": True}}, {**DIGITS, "transform": "invert"})
    images = torch.rand(64, 2, 1, 8, 8)
    torch.manual_seed(0)
    changed = augment_of(settings, made_up(1).shape)(images)
    assert torch.equal(changed[:, 1], images[:, 1])
    mirrored = [torch.equal(new, old.flip(-1)) for new, old in zip(changed[:, 0], images[:, 0], strict=True)]
    assert 16 < sum(mirrored) < 48
    assert augment_of(sides(), made_up(1).shape) is None
    too_far = sides(DIGITS, {**DIGITS, "transform": "invert", "augment": {"random_crop": 8}})
    with pytest.raises(WganError, match="`data.b.augment.random_crop` is 8"):
        augment_of(too_far, made_up(1).shape)


def test_transforms_are_what_they_say():
    images = torch.randint(0, 256, (3, 1, 6, 6), dtype=torch.uint8)
    assert torch.equal(invert(images), 255 - images)
    assert torch.equal(invert(invert(images)), images)
    opaque = torch.cat([images.expand(-1, 3, -1, -1), torch.full((3, 1, 6, 6), 9, dtype=torch.uint8)], 1)
    assert (invert(opaque)[:, 3] == 9).all(), "transparency is no brightness"
    thick = thicken(images)
    for y in range(6):
        for x in range(6):
            around = images[:, 0, max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]
            assert torch.equal(thick[:, 0, y, x], around.amax((1, 2)))
    assert torch.equal(grey(images)[:, 2], images[:, 0])


def test_each_grey_has_a_colour_of_its_own():
    every = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    coloured = colour(every)
    assert coloured.shape == (1, 3, 16, 16) and coloured.dtype == torch.uint8
    assert len(coloured.flatten(2)[0].T.unique(dim=0)) == 256
    assert coloured[0, :, 0, 0].tolist() == [24, 16, 96] and coloured[0, :, -1, -1].tolist() == [255, 232, 120]


@pytest.mark.parametrize("name", ["invert", "thicken", "grey", "colour"])
def test_a_transformed_set_has_the_shape_that_was_foretold(name):
    settings = DataSettings(source="digits", limit=5, transform=name, image_size=16)
    images = load_data(settings, Path("nowhere"), lambda text: None)
    assert images.shape == native_shape(settings)
    assert images.images.dtype == torch.uint8


def test_colours_cannot_be_coloured(tmp_path):
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (8, 8), "red").save(tmp_path / "photos" / "a.png")
    settings = DataSettings(source="folder", path=str(tmp_path / "photos"), transform="colour")
    for read in (lambda: load_data(settings, tmp_path, lambda text: None), lambda: native_shape(settings)):
        with pytest.raises(WganError, match="`data.transform` is colour, for grey images, and these have 3 channels"):
            read()
