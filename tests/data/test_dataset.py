"""The table of sources, and the set that every source returns."""

from __future__ import annotations

import os
from pathlib import Path
from typing import get_args

import pytest
import torch

from wgan_cli.data import SOURCES, ImageSet, default_data_root, load_images, native_shape
from wgan_cli.errors import WganError
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.data_settings import DataSettings


def gradient(count: int, size: int = 8, channels: int = 3) -> ImageSet:
    """Images that grow brighter from left to right, labelled by turns 0 and 1."""
    row = torch.linspace(0, 255, size).round().to(torch.uint8)
    images = row.expand(count, channels, size, size).contiguous()
    return ImageSet(images, torch.arange(count) % 2, ("a", "b"), "made up")


def test_every_source_a_recipe_can_name_is_in_the_table():
    assert set(SOURCES) == set(get_args(DataSettings.model_fields["source"].annotation))


def test_shape_says_what_networks_must_know():
    assert gradient(5, size=16, channels=3).shape == ImageShape(16, 3, 2)
    assert len(gradient(5)) == 5


@pytest.mark.parametrize(("asked", "kept"), [(None, 6), (4, 4), (6, 6), (99, 6)])
def test_first_takes_images_with_their_labels(asked, kept):
    whole = gradient(6)
    part = whole.first(asked)
    assert torch.equal(part.images, whole.images[:kept]) and torch.equal(part.labels, whole.labels[:kept])
    assert part.class_names == whole.class_names and part.origin == whole.origin


@pytest.mark.parametrize(
    ("wanted", "names", "labels"),
    [
        (None, ("3", "a", "b", "8"), [0, 1, 2, 3, 0, 1, 2, 3]),
        (["b", "a"], ("b", "a"), [1, 0, 1, 0]),
        ([2], ("b",), [0, 0]),
        ([3], ("3",), [0, 0]),  # a class's name before a class's number
        (["8", 0], ("8", "3"), [1, 0, 1, 0]),
        ([8, 1], ("8", "a"), [1, 0, 1, 0]),
    ],
)
def test_only_some_classes_by_name_or_number_numbered_anew(wanted, names, labels):
    pixels = torch.arange(8, dtype=torch.uint8).reshape(8, 1, 1, 1).expand(8, 1, 8, 8)
    whole = ImageSet(pixels, torch.arange(8) % 4, ("3", "a", "b", "8"), "made up")
    part = whole.only(wanted)
    assert part.class_names == names and part.labels.tolist() == labels and part.labels.dtype == torch.int64
    for image, label in zip(part.images[:, 0, 0, 0].tolist(), part.labels.tolist(), strict=True):
        assert whole.class_names[image % 4] == names[label], "each image keeps its own class"


@pytest.mark.parametrize(
    ("wanted", "message", "hint"),
    [
        (["cta"], "'cta', and there is no such class", "did you mean `cat`? Classes: cat, dog"),
        ([2], "2, and there is no such class", "Classes: cat, dog"),
        ([-1], "-1, and there is no such class", "Classes: cat, dog"),
        (["cat", 0], "cat twice", "once"),
    ],
)
def test_a_class_that_is_not_there_is_named(wanted, message, hint):
    whole = ImageSet(torch.zeros(2, 1, 8, 8, dtype=torch.uint8), torch.arange(2), ("cat", "dog"), "")
    with pytest.raises(WganError) as caught:
        whole.only(wanted)
    assert message in caught.value.message and hint in caught.value.hint


def test_classes_of_a_set_without_any():
    whole = ImageSet(torch.zeros(2, 1, 8, 8, dtype=torch.uint8), torch.zeros(2).long(), (), "")
    with pytest.raises(WganError) as caught:
        whole.only([0])
    assert "leave out `data.classes`" in caught.value.hint


@pytest.mark.parametrize("classes", [[3, 8], ["3", "8"], [8]])
def test_classes_of_a_named_set_with_a_limit(classes, told):
    settings = DataSettings(source="digits", classes=classes, limit=50)
    loaded = load_images(settings, Path("nowhere"), told.append)
    assert loaded.class_names == tuple(map(str, classes)) and len(loaded) == 50
    assert loaded.shape == native_shape(settings)
    whole = load_images(DataSettings(source="digits"), Path("nowhere"), told.append)
    first = next(index for index, label in enumerate(whole.labels) if str(label.item()) in loaded.class_names)
    assert torch.equal(loaded.images[0], whole.images[first])


@pytest.mark.parametrize("size", [4, 12])
def test_resized_images_show_the_same_thing_in_either_direction(size):
    small = gradient(5).resized(size)
    assert small.images.shape == (5, 3, size, size) and small.images.dtype == torch.uint8
    brightness = small.images[0, 0, 0].int()
    assert (brightness.diff() > 0).all(), "still brighter from left to right"
    assert abs(brightness.float().mean() - 127.5) < 2


def test_shrinking_smooths():
    # A third of the size: without smoothing, every new pixel would be one old pixel, black or white.
    stripes = torch.tensor([0, 255], dtype=torch.uint8).repeat(12).expand(1, 1, 24, 24)
    grey = ImageSet(stripes, torch.zeros(1, dtype=torch.int64), ("a",), "").resized(8).images
    assert grey.min() > 90 and grey.max() < 165, "one-pixel stripes become grey, not a pattern of their own"


def test_resizing_in_chunks_changes_nothing():
    whole = ImageSet(torch.randint(0, 256, (7, 1, 8, 8), dtype=torch.uint8), torch.zeros(7).long(), ("a",), "")
    assert torch.equal(whole.resized(5, chunk=3).images, whole.resized(5, chunk=99).images)


@pytest.mark.parametrize("size", [None, 8])
def test_an_image_of_the_right_size_is_left_alone(size):
    whole = gradient(2)
    assert whole.resized(size).images is whole.images


@pytest.mark.parametrize("size", [None, 16, 32])
@pytest.mark.parametrize("source", ["mnist", "fashion_mnist"])
def test_the_shape_is_known_before_reading(source, size, real_data_root, told):
    settings = DataSettings(source=source, split="test", limit=20, image_size=size)
    assert load_images(settings, real_data_root, told.append).shape == native_shape(settings)


@pytest.mark.parametrize("size", [None, 16])
def test_the_shape_of_cifar10_is_known_before_reading(size, real_cifar_root, told):
    settings = DataSettings(source="cifar10", image_size=size)
    assert load_images(settings, real_cifar_root, told.append).shape == native_shape(settings)


def test_limit_and_image_size_of_the_recipe_are_kept(told):
    settings = DataSettings(source="digits", limit=100, image_size=32)
    loaded = load_images(settings, Path("nowhere"), told.append)
    assert loaded.images.shape == (100, 1, 32, 32) and loaded.labels.shape == (100,)
    assert loaded.shape == native_shape(settings)
    assert told == []


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"WGAN_DATA": "/a/b", "XDG_CACHE_HOME": "/c", "HOME": "/h"}, "/a/b"),
        ({"WGAN_DATA": "~/b", "HOME": "/h"}, "/h/b"),
        ({"WGAN_DATA": "", "XDG_CACHE_HOME": "/c", "HOME": "/h"}, "/c/wgan"),
        ({"XDG_CACHE_HOME": "relative", "HOME": "/h"}, "/h/.cache/wgan"),
        ({"HOME": "/h"}, "/h/.cache/wgan"),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="other variables name the home folder on Windows")
def test_the_default_data_root(monkeypatch, environment, expected):
    for name in ("WGAN_DATA", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert default_data_root() == Path(expected)


def test_a_user_without_a_home_has_a_data_root_too(monkeypatch):
    for name in ("WGAN_DATA", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    # What expanduser gives for a user that the system does not know, as in a container run under any number.
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    assert default_data_root() == Path(".cache/wgan")
