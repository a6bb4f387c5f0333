"""Images and labels in HDF5 files."""

import io
import sys
import tracemalloc

import h5py
import numpy as np
import pytest
from PIL import Image

from wgan_cli.data import load_images, native_shape
from wgan_cli.data.containers import hdf5_file
from wgan_cli.data.containers.folders import open_container
from wgan_cli.errors import WganError
from wgan_cli.evaluation.real_images import real_images
from wgan_cli.recipe.data_settings import DataSettings

IMAGES = np.random.default_rng(0).integers(0, 256, (24, 8, 8, 3), np.uint8)
LABELS = np.arange(24) % 3
NAMES = ("zebra", "apple", "yak")


def settings_for(path, **more) -> DataSettings:
    return DataSettings.model_validate({"source": "folder", "path": str(path), **more})


def write(path, **arrays):
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name.replace("__", "/")] = array
    return path


def pairs(images) -> dict[bytes, str]:
    """Class names by pixels."""
    classes = images.class_names or ("",)
    return {image.numpy().tobytes(): classes[label] for image, label in zip(images.images, images.labels, strict=True)}


def expected(images: np.ndarray, labels: np.ndarray, names=NAMES) -> dict[bytes, str]:
    pixels = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    return {image.tobytes(): names[label] for image, label in zip(pixels, labels, strict=True)}


def load(path, root, **more):
    return load_images(settings_for(path, **more), root, lambda text: None)


@pytest.mark.parametrize("stored", [IMAGES, IMAGES.transpose(0, 3, 1, 2)], ids=["channels last", "channels first"])
@pytest.mark.parametrize("options", [{}, {"chunks": True, "compression": "gzip"}], ids=["plain", "compressed"])
def test_pixels_labels_and_names(tmp_path, stored, options):
    with h5py.File(tmp_path / "some.h5", "w") as file:
        file.create_dataset("images", data=stored, **options)
        file["labels"], file["class_names"] = LABELS[:, None], NAMES
        file["features"] = np.zeros((24, 100))
    images = load(tmp_path / "some.h5", tmp_path)
    assert images.class_names == NAMES and native_shape(settings_for(tmp_path / "some.h5")) == images.shape
    assert pairs(images) == expected(IMAGES, LABELS)


def test_large_sets_in_shared_chunks_are_copied_first(tmp_path, monkeypatch):
    monkeypatch.setattr(hdf5_file, "CHUNK_CACHE", 1)
    with h5py.File(tmp_path / "some.h5", "w") as file:
        file.create_dataset("images", data=IMAGES, chunks=(5, 8, 4, 1), compression="gzip")
        file["labels"], file["class_names"] = LABELS, NAMES
    assert pairs(load(tmp_path / "some.h5", tmp_path)) == expected(IMAGES, LABELS)
    with open_container(tmp_path / "some.h5") as container:
        container.entries()
        assert isinstance(container._images[""].array, np.memmap)


def test_recognized_by_content(tmp_path):
    images = load(write(tmp_path / "some.mat", x=IMAGES[..., 0], y=np.array(["a", "b"] * 12, "S1")), tmp_path)
    assert images.class_names == ("a", "b") and tuple(images.images.shape) == (24, 1, 8, 8)


@pytest.mark.parametrize("inner", ["a/train", "a/train/pixels"])
def test_groups_and_data_sets_by_path(tmp_path, inner):
    name = "a__train__images" if inner == "a/train" else "a__train__pixels"
    arrays = {name: IMAGES, "a__train__labels": LABELS, "class_names": NAMES, "b__images": IMAGES[:1]}
    path = write(tmp_path / "some.h5", **arrays)
    assert pairs(load(path / inner, tmp_path)) == expected(IMAGES, LABELS)


def test_groups_are_parts(tmp_path):
    arrays = {"train__images": IMAGES[:18], "train__labels": LABELS[:18], "class_names": NAMES}
    path = write(tmp_path / "some.h5", **arrays, validation__x=IMAGES[18:], validation__y=LABELS[18:])
    real = real_images(settings_for(path), tmp_path, lambda text: None)
    assert (len(real.training), len(real.held_out), real.seen) == (18, 6, False)
    assert pairs(real.training.dataset) == expected(IMAGES[:18], LABELS[:18])
    assert pairs(real.held_out.dataset) == expected(IMAGES[18:], LABELS[18:])


def test_image_files_in_a_data_set(tmp_path):
    with h5py.File(tmp_path / "some.h5", "w") as file:
        files = file.create_dataset("images", 3, h5py.vlen_dtype(np.uint8))
        for number in range(3):
            content = io.BytesIO()
            Image.fromarray(IMAGES[number]).save(content, "PNG")
            files[number] = np.frombuffer(content.getvalue(), np.uint8)
        file["labels"] = LABELS[:3]
    assert pairs(load(tmp_path / "some.h5", tmp_path)) == expected(IMAGES[:3], LABELS[:3], "012")


def test_images_stay_in_the_file(tmp_path):
    with h5py.File(tmp_path / "some.h5", "w") as file:  # 1.5 GB, if it were loaded
        file.create_dataset("images", (2000, 512, 512, 3), np.uint8, chunks=(1, 512, 512, 3), fillvalue=7)
    tracemalloc.start()
    with open_container(tmp_path / "some.h5") as container:
        content = container.read(container.entries()[1999])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (np.asarray(Image.open(io.BytesIO(content))) == 7).all() and peak < 50e6


@pytest.mark.parametrize(
    ("arrays", "inner", "named"),
    [
        ({"pictures": IMAGES}, "", "pictures"),
        ({"images": IMAGES, "labels": LABELS[:-1]}, "", "(23,)"),
        ({"images": IMAGES}, "faces", "faces"),
        ({"images": IMAGES[..., :0]}, "", "(24, 8, 8, 0)"),
    ],
)
def test_unusable_files(tmp_path, arrays, inner, named):
    path = write(tmp_path / "some.h5", **arrays)
    with pytest.raises(WganError) as caught:
        load(path / inner, tmp_path)
    assert named in caught.value.message and "some.h5" in caught.value.message and caught.value.hint


def test_damaged_file(tmp_path):
    path = write(tmp_path / "some.h5", images=IMAGES)
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(WganError, match="some.h5"):
        load(path, tmp_path)


def test_missing_package(tmp_path, monkeypatch):
    path = write(tmp_path / "some.h5", images=IMAGES)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(WganError, match="needs h5py") as caught:
        load(path, tmp_path)
    assert caught.value.hint == "pip install 'wgan[data]'"
