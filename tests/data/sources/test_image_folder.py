"""Image folders and archives: classes, sizes, unusable files and the cache."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from helpers.cifar_files import make_images
from PIL import Image

from wgan_cli.data import load_images, native_shape
from wgan_cli.data.containers.archives import TarContainer, ZipContainer
from wgan_cli.data.containers.folders import FolderContainer
from wgan_cli.data.loaders.device import DeviceLoader
from wgan_cli.data.loaders.streaming import StreamingLoader
from wgan_cli.data.sources import image_folder
from wgan_cli.errors import WganError
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.utils.pixels import as_uint8, to_16_bits

COLORS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}


def save(path: Path, color=(255, 0, 0), size=(16, 16), mode: str = "RGB") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, color).save(path)
    return path


@pytest.fixture
def photos(tmp_path) -> Path:
    """Three classes by color, with 4, 3 and 2 images."""
    for count, (name, color) in zip((4, 3, 2), COLORS.items(), strict=True):
        for number in range(count):
            save(tmp_path / f"photos/{name}/{number}.png", color)
    return tmp_path / "photos"


@pytest.fixture
def load(tmp_path, messages):
    """Load a folder with the cache in tmp_path/root."""

    def call(path: Path, **settings):
        settings = DataSettings(source="folder", path=str(path), **settings)
        loaded = load_images(settings, tmp_path / "root", messages.append)
        assert loaded.labels.dtype == torch.int64 and loaded.images.dtype in (torch.uint8, torch.int16)
        return loaded

    return call


def colors_of(loaded) -> list[str]:
    names = {value: name for name, value in COLORS.items()}
    return [names[tuple(image[:, 5, 5].tolist())] for image in loaded.images]


def assert_same(one, other) -> None:
    assert torch.equal(one.images, other.images) and torch.equal(one.labels, other.labels)
    assert one.class_names == other.class_names


def test_subfolders_are_classes_and_decoded_once(photos, load, messages, monkeypatch):
    first = load(photos)
    assert first.class_names == ("blue", "green", "red") and first.origin == str(photos)
    assert first.images.shape == (9, 3, 16, 16)
    assert colors_of(first) == [first.class_names[label] for label in first.labels]
    monkeypatch.setattr(image_folder, "decode", None)
    monkeypatch.setattr(image_folder, "survey_container", None)
    assert_same(load(photos), first)
    assert messages == []


@pytest.mark.parametrize("kind", ["zip", "tar", "gztar", "bztar", "xztar"])
def test_archives(photos, load, tmp_path, kind, monkeypatch):
    archive = Path(shutil.make_archive(str(tmp_path / "packed"), kind, tmp_path, "photos"))
    archive = archive.rename(tmp_path / "no_extension")
    expected = load(photos)
    assert_same(load(archive), expected)
    monkeypatch.setattr(ZipContainer if kind == "zip" else TarContainer, "_members", None)  # it isn't opened again
    assert_same(load(archive), expected)


def test_data_root_inside_the_folder(photos, messages):
    settings = DataSettings(source="folder", path=str(photos))
    for _ in range(2):
        assert len(load_images(settings, photos, messages.append)) == 9
    assert len(list((photos / ".packs").iterdir())) == 1


def test_flat_files_have_no_classes(tmp_path, load):
    for number in range(3):
        save(tmp_path / f"flat/{number}.PNG")
    (tmp_path / "flat/.hidden").write_text("x")
    loaded = load(tmp_path / "flat")
    assert loaded.class_names == () and loaded.labels.tolist() == [0, 0, 0]
    assert loaded.shape == ImageShape(16, 16, 3, 0)


@pytest.mark.parametrize(
    ("settings", "shape"),
    [
        ({}, ImageShape(16, 16, 3, 3)),
        ({"image_size": 24, "channels": 1}, ImageShape(24, 24, 1, 3)),
        ({"image_size": [8, 24]}, ImageShape(8, 24, 3, 3)),
        ({"classes": ["red"], "channels": 4}, ImageShape(16, 16, 4, 1)),
    ],
)
def test_native_shape(photos, load, settings, shape):
    wanted = DataSettings(source="folder", path=str(photos), **settings)
    assert load(photos, **settings).shape == native_shape(wanted) == shape


# Size and channels


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([(16, 16)], (16, 16)),
        ([(28, 28)] * 2, (28, 28)),
        ([(128, 128)], (128, 128)),
        ([(32, 16)] * 2, (16, 32)),
        ([(48, 128)], (128, 48)),
        *(([size], (64, 64)) for size in ((132, 132), (4, 4), (30, 30), (32, 18), (256, 128))),
        ([(16, 16), (32, 32)], (64, 64)),
        ([(32, 16), (16, 32)], (64, 64)),
    ],
    ids=str,
)
def test_default_size(tmp_path, load, sizes, expected):
    """Images of one supported size keep it; sizes are (width, height), and `expected` is (height, width)."""
    for number, size in enumerate(sizes):
        save(tmp_path / f"photos/{number}.png", size=size)
    shape = native_shape(DataSettings(source="folder", path=str(tmp_path / "photos")))
    assert load(tmp_path / "photos").images.shape == (len(sizes), 3, *expected) and shape.size == expected


@pytest.mark.parametrize("modes", [["L"], ["1"], ["I;16"], ["L", "RGB"], ["RGBA"], ["L", "LA", "1"]], ids=str)
def test_default_channels(tmp_path, load, modes):
    for number, mode in enumerate(modes):
        save(tmp_path / f"photos/{number}.png", 0, mode=mode)
    assert load(tmp_path / "photos").images.shape[1] == (3 if {"RGB", "RGBA"} & {*modes} else 1)


def test_each_fit_is_cached(tmp_path, load):
    wide = np.zeros((16, 32, 3), np.uint8)
    wide[:, 8:24] = 255
    (tmp_path / "photos").mkdir()
    Image.fromarray(wide).save(tmp_path / "photos/0.png")
    means = {
        fit: load(tmp_path / "photos", image_size=16, fit=fit).images.float().mean().item()
        for fit in ("crop", "pad", "stretch")
    }
    assert means["crop"] == 255 and abs(means["pad"] - 64) < 8 and abs(means["stretch"] - 127) < 8


@pytest.mark.parametrize(
    ("size", "kept"),
    [((16, 16), "center 16x8"), ((40, 8), "center 16x8"), ((32, 16), None), ((33, 16), "center 32x16")],
)
def test_cropping_to_a_rectangle_is_reported(tmp_path, load, messages, size, kept):
    save(tmp_path / "photos/0.png", size=size)
    for _ in range(2):  # decoded, and from the cache
        messages.clear()
        load(tmp_path / "photos", image_size="8x16")
        lines = [line for line in messages if "data.fit=pad" in line]
        assert len(lines) == (kept is not None) and all(kept in line and "8x16" in line for line in lines)
    messages.clear()
    load(tmp_path / "photos", image_size="8x16", fit="pad")
    assert not any("data.fit" in line for line in messages)


# Classes and limit


@pytest.mark.parametrize(
    ("classes", "names"), [([2], ("red",)), (["red", "blue"], ("red", "blue")), ([0, "green"], ("blue", "green"))]
)
def test_selected_classes(photos, load, classes, names):
    if "green" not in names:
        (photos / "green/bad.png").write_text("files of other classes are not opened")
    loaded = load(photos, classes=classes)
    assert loaded.class_names == names and set(loaded.labels.tolist()) == set(range(len(names)))
    assert colors_of(loaded) == [names[label] for label in loaded.labels]


def test_unknown_class(photos, load):
    with pytest.raises(WganError, match="`data.classes`: unknown class 'gren'") as caught:
        load(photos, classes=["gren"])
    assert "did you mean `green`" in caught.value.hint
    save(photos.parent / "flat/1.png")
    with pytest.raises(WganError, match="no subfolders"):
        load(photos.parent / "flat", classes=[0])


def test_limit_keeps_all_classes(photos, load):
    whole = load(photos)
    (photos / "red/zzz.png").write_text("files beyond the limit are not opened")
    few = load(photos, limit=5)
    assert torch.equal(few.images, whole.images[:5]) and set(few.labels.tolist()) == {0, 1, 2}


@pytest.mark.parametrize("bad_file", [False, True])
def test_empty_class_is_left_out(photos, load, messages, bad_file):
    (photos / "aaa").mkdir()
    if bad_file:
        (photos / "aaa/1.png").write_text("x")
    loaded = load(photos, on_bad_file="skip")
    assert loaded.class_names == ("blue", "green", "red")
    assert colors_of(loaded) == [loaded.class_names[label] for label in loaded.labels]
    assert messages[-1] == f"{photos}: left out empty classes: aaa"
    assert len(messages) == 1 + bad_file
    if not bad_file:
        with pytest.raises(WganError, match="class aaa of .* is empty"):
            load(photos, classes=["aaa", "red"])


def test_files_outside_class_folders_form_a_class(photos, load, messages):
    save(photos / "loose.png")
    loaded = load(photos)
    assert loaded.class_names == (".", "blue", "green", "red") and len(loaded) == 10
    assert "class `.` is 1 file without a class" in messages[0]


@pytest.mark.parametrize("content", [{}, {"cat": None}, {".hidden": b"x"}])
def test_empty_folder(tmp_path, load, content):
    (tmp_path / "photos").mkdir()
    for name, text in content.items():
        (tmp_path / "photos" / name).mkdir() if text is None else (tmp_path / "photos" / name).write_bytes(text)
    with pytest.raises(WganError, match="photos contains no files"):
        load(tmp_path / "photos")


@pytest.mark.parametrize(("count", "message"), [(1, "only one image"), (5, "all 5 images are identical")])
def test_identical_images_are_logged(tmp_path, load, messages, count, message):
    for number in range(count):
        save(tmp_path / f"photos/{number}.png")
    for _ in range(2):
        assert len(load(tmp_path / "photos")) == count
    assert len(messages) == 2 and all(message in line for line in messages)


def test_paths(photos, load, monkeypatch):
    for path in ("missing", "~nobody-of-this-name/photos"):
        with pytest.raises(WganError, match="there is no file or folder"):
            load(Path(path))
    monkeypatch.setenv("HOME", str(photos.parent))
    monkeypatch.setenv("USERPROFILE", str(photos.parent))
    assert len(load(Path("~/photos"))) == 9


# Unusable files


def spoil(photos: Path, count: int) -> None:
    for number in range(count):
        (photos / f"red/bad{number:02}.jpg").write_text("not an image")


@pytest.mark.parametrize("settings", [{}, {"image_size": 16, "channels": 3}])
@pytest.mark.parametrize("count", [3, 25])
def test_unusable_files_stop_the_run(photos, load, settings, count):
    spoil(photos, count - 1)
    content = (photos / "green/1.png").read_bytes()
    (photos / "green/cut.png").write_bytes(content[: len(content) // 2])
    for _ in range(2):  # also from the cache
        with pytest.raises(WganError, match=rf"{count} files .*red/bad00.jpg \(not an image\), ") as caught:
            load(photos, **settings)
        assert caught.value.message.count(".jpg") + caught.value.message.count("cut.png") == min(count, 10)
        assert "--set data.on_bad_file=skip" in caught.value.hint


def test_broken_links_are_unusable_files(photos, load, messages):
    (photos / "red/gone.png").symlink_to(photos / "elsewhere.png")
    with pytest.raises(WganError, match="1 file that cannot be used: red/gone.png .a broken link"):
        load(photos, on_bad_file="stop")
    assert len(load(photos, on_bad_file="skip")) == 9
    assert any("red/gone.png (a broken link" in message for message in messages)


def test_unusable_files_are_skipped(photos, load, messages):
    expected = load(photos)
    spoil(photos, 25)
    for _ in range(2):
        assert_same(load(photos, on_bad_file="skip"), expected)
    assert len(messages) == 2 and "skipped 25 files" in messages[0] and "red/bad00.jpg" in messages[0]


@pytest.mark.parametrize(
    "settings", [{}, {"on_bad_file": "skip"}, {"on_bad_file": "skip", "image_size": 16, "channels": 3}]
)
def test_no_usable_image(tmp_path, load, settings):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/notes.txt").write_text("x")
    with pytest.raises(WganError, match=r"contains no usable image: 1 file .*notes.txt"):
        load(tmp_path / "photos", **settings)


@pytest.fixture
def locked(monkeypatch) -> set[str]:
    """Names of files that can't be opened, because of their permissions."""
    names, opened = set(), FolderContainer._open

    def open_file(container, entry):
        if entry.name in names:
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(container, entry)

    monkeypatch.setattr(FolderContainer, "_open", open_file)
    return names


@pytest.mark.parametrize("settings", [{}, {"image_size": 16, "channels": 3}])
def test_files_that_become_readable_are_used(photos, load, locked, messages, monkeypatch, settings):
    locked |= {"red/0.png", "blue/1.png"}
    assert len(load(photos, on_bad_file="skip", **settings)) == 7
    with monkeypatch.context() as patch, pytest.raises(WganError, match="Permission denied"):
        patch.setattr(image_folder, "decode", None)  # from the cache
        load(photos, **settings)
    locked.discard("red/0.png")
    assert len(load(photos, on_bad_file="skip", **settings)) == 8
    locked.clear()
    assert len(load(photos, **settings)) == 9
    assert [message.partition(":")[2][:9] for message in messages] == [" skipped "] * 2


def test_tiffs_are_used_once_tifffile_is_installed(tmp_path, load, monkeypatch):
    file, five = save(tmp_path / "photos/0.png", mode="L", color=9).with_name("1.tif"), np.zeros((16, 16, 5), np.uint8)
    tifffile.imwrite(file, five, photometric="minisblack", planarconfig="contig")
    with monkeypatch.context() as patch, pytest.raises(WganError, match=r"pip install 'wgan\[tiff\]'"):
        patch.setitem(sys.modules, "tifffile", None)
        load(tmp_path / "photos")
    with pytest.raises(WganError, match="bands, not data.channels"):
        load(tmp_path / "photos")


def test_unreadable_label_file(photos, load, locked):
    (photos / "labels.csv").write_text("file,label\nred/0.png,a\n")
    locked.add("labels.csv")
    with pytest.raises(WganError, match=r"labels.csv of .* is unreadable: Permission denied"):
        load(photos)
    locked.clear()
    assert load(photos).class_names == (".", "a")


def test_too_little_memory_is_no_damaged_file(photos, load, monkeypatch):
    def full(*args, **options):
        raise MemoryError

    monkeypatch.setattr(Image, "open", full)
    with pytest.raises(MemoryError):
        load(photos, on_bad_file="skip")


def test_repaired_and_new_files_are_seen(photos, load):
    spoil(photos, 1)
    with pytest.raises(WganError):
        load(photos)
    save(photos / "red/bad00.jpg")
    assert len(load(photos)) == 10
    save(photos / "red/new.png")
    assert len(load(photos)) == 11
    assert len(list((photos.parent / "root/.packs").iterdir())) == 1, "the older entry is removed"


@pytest.mark.skipif(os.name == "nt", reason="names are text on Windows")
def test_undecodable_names_are_escaped(tmp_path, load, messages):
    os.makedirs(os.fsencode(tmp_path) + b"/photos/\xff\n")
    save(tmp_path / "plain.png")
    shutil.copy(tmp_path / "plain.png", os.fsencode(tmp_path) + b"/photos/\xff\n/\xfe.png")
    with open(os.fsencode(tmp_path) + b"/photos/\xff\n/\x1b[31m.png", "wb") as file:
        file.write(b"x")
    loaded = load(tmp_path / "photos", on_bad_file="skip", fit="random_crop", image_size=8)
    (name,) = loaded.class_names
    assert all(text.isprintable() and text.encode() for text in (name, *messages))


def test_random_crops_of_several_folders_stay_when_they_are_moved(tmp_path, load):
    for name in ("a", "b"):
        (tmp_path / f"here/{name}").mkdir(parents=True)
        for number in range(4):
            pixels = np.tile(np.arange(200, dtype=np.uint8), (40, 1))
            Image.fromarray(pixels).save(tmp_path / f"here/{name}/{number}.png")
    settings = {"fit": "random_crop", "image_size": 32, "labels": "folders"}

    def both(place: str) -> torch.Tensor:
        paths = tuple(str(tmp_path / place / name) for name in ("a", "b"))
        return load_images(DataSettings(source="folder", path=paths, **settings), tmp_path / "root", print).images

    before = both("here").clone()
    (tmp_path / "here").rename(tmp_path / "there")
    assert torch.equal(both("there"), before) and not torch.equal(before[0], before[1])


# Nothing is dropped without a line


def stack(path: Path, levels: list[int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    first, *others = [Image.new("L", (16, 16), level) for level in levels]
    first.save(path, save_all=True, append_images=others)


def levels_of(loaded) -> list[int]:
    return as_uint8(loaded.images)[:, 0, 5, 5].tolist()


def test_pages_and_frames_are_images(tmp_path, load, messages):
    stack(tmp_path / "photos/a/scan.tif", [10, 20, 30])
    stack(tmp_path / "photos/b/moves.gif", [40, 50])
    save(tmp_path / "photos/b/still.png", 60, mode="L")
    everything = load(tmp_path / "photos")
    assert levels_of(everything) == [10, 20, 30, 40, 50, 60] and everything.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert len(messages) == 1 and "2 files" in messages[0] and " 5 in all" in messages[0]
    limited = load(tmp_path / "photos", limit=3)
    assert levels_of(limited) == [10, 40, 20] and limited.labels.tolist() == [0, 1, 0], "all classes are kept"
    messages.clear()
    assert levels_of(load(tmp_path / "photos", frames="first")) == [10, 40, 60]
    assert len(messages) == 1 and "data.frames=all" in messages[0]


def test_transparency_is_reported(tmp_path, load, messages):
    save(tmp_path / "photos/clear.png", (200, 0, 0, 0), mode="RGBA")
    save(tmp_path / "photos/opaque.png", (200, 0, 0, 255), mode="RGBA")
    save(tmp_path / "photos/plain.png", (200, 0, 0))
    for settings, color in (
        ({}, [255] * 3),
        ({"background": "black"}, [0] * 3),
        ({"background": (1, 2, 3)}, [1, 2, 3]),
    ):
        messages.clear()
        assert load(tmp_path / "photos", **settings).images[:, :, 5, 5].tolist() == [color, [200, 0, 0], [200, 0, 0]]
        assert len(messages) == 1 and "1 of 3 images" in messages[0] and "data.background" in messages[0]
    messages.clear()
    assert load(tmp_path / "photos", channels=4).images[:, 3, 5, 5].tolist() == [0, 255, 255] and messages == []


def test_cropping_is_reported_once(tmp_path, load, messages):
    for number, size in enumerate([(30, 20), (30, 20), (20, 60), (20, 20)]):
        save(tmp_path / f"photos/{number}.png", number, size, "L")
    for _ in range(2):  # also from the cache
        messages.clear()
        load(tmp_path / "photos", image_size=16, channels=1)
        (line,) = messages
        assert "3 of 4 images" in line and "30x20" in line and "20x20" in line and "data.fit=pad" in line
    for fit in ("pad", "stretch", "random_crop"):
        messages.clear()
        load(tmp_path / "photos", fit=fit)
        assert messages == []


# More than 8 bits


def deep(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


def test_range_is_that_of_all_images(tmp_path, load, messages):
    for number, level in enumerate((0, 1000, 4095)):
        deep(tmp_path / f"photos/{number}.png", np.full((16, 16), level, np.uint16))
    save(tmp_path / "photos/plain.png", 7, mode="L")
    found = load(tmp_path / "photos")
    assert levels_of(found) == [0, 62, 255, 7] and found.value_range == (0, 4095)
    assert to_16_bits(found.images)[:, 0, 5, 5].tolist() == [0, round(1000 / 4095 * 65535), 65535, 7 * 257]
    assert len(messages) == 1 and "3 images" in messages[0] and "4095 white" in messages[0]
    load(tmp_path / "photos")
    assert messages[0] == messages[1], "also from the cache"
    assert levels_of(load(tmp_path / "photos", range=(0, 2000))) == [0, 128, 255, 7]
    assert levels_of(load(tmp_path / "photos", range="dtype")) == [0, 4, 16, 7]


@pytest.mark.parametrize("chosen", ["auto", (0, 1), "dtype"])
def test_values_that_are_not_finite_are_reported(tmp_path, load, messages, chosen):
    for number, value in enumerate((0.5, np.nan, -np.inf)):
        values = np.linspace(0, 1, 256, dtype=np.float32).reshape(16, 16)
        values[5, 5] = value
        deep(tmp_path / f"photos/{number}.tif", values)
    for _ in range(2):  # also from the cache
        messages.clear()
        load(tmp_path / "photos", range=chosen)
        assert sum("2 of 3 images with NaN or infinite" in line for line in messages) == 1


def test_range_found_before_is_not_decoded_again(tmp_path, load, monkeypatch):
    deep(tmp_path / "photos/0.tif", np.linspace(-1024, 3071, 256).reshape(16, 16).astype(np.int32))
    save(tmp_path / "photos/1.png", 7, mode="L")
    first = load(tmp_path / "photos")
    monkeypatch.setattr(image_folder, "decode", None)
    assert_same(load(tmp_path / "photos", range=first.value_range), first)


def test_plain_images_are_read_once(photos, load, monkeypatch):
    monkeypatch.setattr(image_folder, "survey_values", None)
    found = load(photos, image_size=16, channels=3)
    assert found.value_range is None
    monkeypatch.setattr(image_folder, "decode", None)
    assert_same(load(photos, image_size=16, channels=3, range="dtype"), found)


@pytest.mark.parametrize("chosen", ["auto", "dtype", (0, 65535)])
def test_no_level_of_16_bits_is_lost(tmp_path, load, chosen):
    values = np.random.default_rng(0).permutation(np.arange(65536, dtype=np.uint16)).reshape(4, 128, 128)
    for number, image in enumerate(values):
        deep(tmp_path / f"photos/{number}.png", image)
    found = load(tmp_path / "photos", range=chosen)
    assert torch.equal(to_16_bits(found.images)[:, 0], torch.from_numpy(values.astype(np.int32)))
    for loader in (DeviceLoader, StreamingLoader):
        feed = loader(found, 4, 0, torch.device("cpu"))
        assert len(feed.next()[0].unique()) == 65536
        feed.close()


def test_damaged_stack_of_deep_images_is_skipped(tmp_path, load):
    save(tmp_path / "photos/0.png", mode="L", color=9)
    pages = [Image.fromarray(np.full((16, 16), level, np.uint16)) for level in (0, 65535)]
    stack = tmp_path / "photos/1.tif"
    pages[0].save(stack, save_all=True, append_images=pages[1:])
    stack.write_bytes(stack.read_bytes()[:-300])
    assert levels_of(load(tmp_path / "photos", on_bad_file="skip")) == [9]
    with pytest.raises(WganError, match="truncated"):
        load(tmp_path / "photos")


@pytest.mark.parametrize(("chosen", "shares"), [("auto", []), ((0, 65535), []), ((0, 4095), ["75%"])])
def test_values_beyond_a_given_range_are_reported(tmp_path, load, messages, chosen, shares):
    (tmp_path / "photos").mkdir()
    for number in range(2):
        values = np.repeat([0, 20_000, 40_000, 65_535], 64).reshape(16, 16) - number
        Image.fromarray(values.clip(0).astype(np.uint16)).save(tmp_path / f"photos/{number}.png")
    for _ in range(2):
        load(tmp_path / "photos", range=chosen)
        assert [message.split()[1] for message in messages if "outside of" in message] == shares
        messages.clear()


def test_each_page_needs_space(tmp_path, load, monkeypatch):
    planned = []
    add_entry = image_folder.add_entry
    monkeypatch.setattr(image_folder, "add_entry", lambda *args: (planned.append(args[3]), add_entry(*args))[1])
    first, *others = [Image.new("L", (16, 16), level) for level in range(5)]
    (tmp_path / "photos").mkdir()
    first.save(tmp_path / "photos/0.tif", save_all=True, append_images=others)
    save(tmp_path / "photos/1.png", mode="L", color=9)
    assert planned == [load(tmp_path / "photos").images.numel()] == [6 * 16 * 16]


# Decoded once


def test_cifar10_folders_are_decoded_once(tmp_path, messages, monkeypatch):
    make_images(tmp_path)
    settings = DataSettings(source="cifar10", split="all", classes=["cat", 5], limit=7)
    first = load_images(settings, tmp_path, messages.append)
    assert first.class_names == ("cat", "dog") and len(first) == 7 and native_shape(settings) == first.shape
    monkeypatch.setattr(image_folder, "decode", None)
    assert_same(load_images(settings, tmp_path, messages.append), first)


@pytest.mark.slow
def test_many_images(tmp_path, load):
    content = [save(tmp_path / f"{number}.png", number, (8, 8), "L").read_bytes() for number in range(2)]
    for number in range(100_000):
        path = tmp_path / f"photos/{number % 10}/{number:06}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content[number % 2])
    loaded = load(tmp_path / "photos")
    assert loaded.images.shape == (100_000, 1, 8, 8) and len(loaded.class_names) == 10
