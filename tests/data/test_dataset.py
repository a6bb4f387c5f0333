"""Image sets: selection, resizing, and the table of sources."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
import torch
from helpers.cifar_files import make_images
from helpers.mnist_files import small_set, write_files

from wgan_cli.data import SOURCES, ImageSet, default_data_root, load_images, native_shape
from wgan_cli.errors import WganError
from wgan_cli.recipe.data_settings import DataSettings

NOWHERE = Path("nowhere")


def gradient(count: int, size: int = 8, channels: int = 3) -> ImageSet:
    """Images brighter from left to right, with alternating labels."""
    row = torch.linspace(0, 255, size).round().to(torch.uint8)
    images = row.expand(count, channels, size, size).contiguous()
    return ImageSet(images, torch.arange(count) % 2, ("a", "b"), "test")


def test_every_source_of_the_schema_exists():
    assert set(SOURCES) == set(get_args(DataSettings.model_fields["source"].annotation))


# Names take precedence over numbers.
@pytest.mark.parametrize(
    ("wanted", "names"),
    [(None, "3ab8"), (["b", "a"], "ba"), ([2], "b"), ([3], "3"), (["8", 0], "83"), ([8, 1], "8a")],
)
def test_only_selects_and_renumbers_classes(wanted, names):
    pixels = torch.arange(8, dtype=torch.uint8).reshape(8, 1, 1, 1).expand(8, 1, 8, 8)
    part = ImageSet(pixels, torch.arange(8) % 4, tuple("3ab8"), "test").only(wanted)
    assert part.class_names == tuple(names) and len(part) == 2 * len(names) and part.labels.dtype == torch.int64
    assert all(
        "3ab8"[image % 4] == names[label] for image, label in zip(part.images[:, 0, 0, 0], part.labels, strict=True)
    )


@pytest.mark.parametrize(
    ("names", "wanted", "message", "hint"),
    [
        (("cat", "dog"), ["cta"], "unknown class 'cta'", "did you mean `cat`? classes: cat, dog"),
        (("cat", "dog"), [2], "unknown class '2'", "classes: cat, dog"),
        (("cat", "dog"), [-1], "unknown class '-1'", "classes: cat, dog"),
        (("cat", "dog"), ["cat", 0], "cat twice", "once"),
        ((), [0], "unknown class '0'", "leave out `data.classes`"),
    ],
)
def test_only_rejects_unknown_classes(names, wanted, message, hint):
    whole = ImageSet(torch.zeros(2, 1, 8, 8, dtype=torch.uint8), torch.zeros(2).long(), names, "")
    with pytest.raises(WganError) as caught:
        whole.only(wanted)
    assert "`data.classes`" in caught.value.message and message in caught.value.message and hint in caught.value.hint


@pytest.mark.parametrize("classes", [[3, 8], ["3", "8"], [8]])
def test_classes_with_a_limit(classes, messages):
    settings = DataSettings(source="digits", classes=classes, limit=50)
    loaded = load_images(settings, NOWHERE, messages.append)
    assert loaded.class_names == tuple(map(str, classes)) and len(loaded) == 50
    assert loaded.shape == native_shape(settings)
    whole = load_images(DataSettings(source="digits"), NOWHERE, messages.append)
    first = next(index for index, label in enumerate(whole.labels) if str(label.item()) in loaded.class_names)
    assert torch.equal(loaded.images[0], whole.images[first])


@pytest.mark.parametrize("size", [4, 12])
def test_resizing_keeps_the_content(size):
    whole = gradient(5)
    assert whole.resized(None).images is whole.resized((8, 8)).images is whole.images
    small = whole.resized((size, size))
    assert small.images.shape == (5, 3, size, size) and small.images.dtype == torch.uint8
    brightness = small.images[0, 0, 0].int()
    assert (brightness.diff() > 0).all() and abs(brightness.float().mean() - 127.5) < 2


def test_downsampling_is_antialiased():
    stripes = torch.tensor([0, 255], dtype=torch.uint8).repeat(12).expand(1, 1, 24, 24)
    resized = ImageSet(stripes, torch.zeros(1, dtype=torch.int64), ("a",), "").resized((8, 8)).images
    assert resized.min() > 90 and resized.max() < 165, "one-pixel stripes become gray"


def test_resizing_in_chunks_is_equal():
    whole = ImageSet(torch.randint(0, 256, (7, 1, 8, 8), dtype=torch.uint8), torch.zeros(7).long(), ("a",), "")
    assert torch.equal(whole.resized((5, 5), chunk=3).images, whole.resized((5, 5), chunk=99).images)


@pytest.mark.parametrize("size", [None, 16])
@pytest.mark.parametrize("source", ["digits", "mnist", "fashion_mnist", "cifar10"])
def test_native_shape(source, size, tmp_path, messages):
    settings = DataSettings(source=source, split="test", limit=12, image_size=size)
    make_images(tmp_path, parts=("test",))
    for name in ("MNIST", "FashionMNIST"):
        write_files(tmp_path / name / "raw", small_set())
    loaded = load_images(settings, tmp_path, messages.append)
    assert loaded.shape == native_shape(settings) and len(loaded) == 12
    side = size or (32 if source == "cifar10" else 28)
    assert loaded.shape.size == (side, side) and loaded.shape.num_classes == 10


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"WGAN_DATA": "/a/b", "XDG_CACHE_HOME": "/c", "HOME": "/h"}, "/a/b"),
        ({"WGAN_DATA": "~/b", "HOME": "/h"}, "/h/b"),
        ({"WGAN_DATA": "", "XDG_CACHE_HOME": "/c", "HOME": "/h"}, "/c/wgan"),
        ({"XDG_CACHE_HOME": "relative", "HOME": "/h"}, "/h/.cache/wgan"),
        ({"HOME": "/h"}, "/h/.cache/wgan"),
        ({}, ".cache/wgan"),  # for an unknown user, as in containers, expanduser() changes nothing
    ],
)
@pytest.mark.skipif("os.name == 'nt'", reason="other variables name the home folder on Windows")
def test_default_data_root(monkeypatch, environment, expected):
    for name in ("WGAN_DATA", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    if not environment:
        monkeypatch.setattr("os.path.expanduser", lambda path: path)
    assert default_data_root() == Path(expected)
