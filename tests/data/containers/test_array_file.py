"""Images and labels in .npz and .npy files."""

import numpy as np
import pytest
import torch

from wgan_cli.data import load_images, native_shape
from wgan_cli.errors import WganError
from wgan_cli.evaluation.real_images import real_images
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.utils.pixels import to_16_bits

IMAGES = np.random.default_rng(0).integers(0, 256, (24, 8, 8, 3), np.uint8)
LABELS = np.arange(24) % 12


def loaded(path, data_root, **more):
    settings = DataSettings.model_validate({"source": "folder", "path": str(path), **more})
    return load_images(settings, data_root, lambda text: None)


def by_first_pixels(images: np.ndarray) -> np.ndarray:
    """Images (N, C, H, W) in an order that doesn't depend on the file."""
    return images[np.lexsort(images.reshape(len(images), -1)[:, :4].T)]


@pytest.mark.parametrize(
    ("name", "layout"),
    [("images", "channels last"), ("x_train", "channels first"), ("arr_0", "gray"), ("images", "one channel")],
)
def test_pixels_are_kept(tmp_path, name, layout):
    wanted = IMAGES.transpose(0, 3, 1, 2) if layout.startswith("channels") else IMAGES[..., 0][:, None]
    saved = {"channels last": IMAGES, "channels first": wanted, "gray": IMAGES[..., 0], "one channel": IMAGES[..., :1]}
    np.savez(tmp_path / "some.npz", **{name: saved[layout]})
    images = loaded(tmp_path / "some.npz", tmp_path)
    assert images.class_names == ()
    np.testing.assert_array_equal(by_first_pixels(images.images.numpy()), by_first_pixels(wanted))


def test_single_array(tmp_path):
    np.save(tmp_path / "some.npy", IMAGES)
    assert tuple(loaded(tmp_path / "some.npy", tmp_path).images.shape) == (24, 3, 8, 8)


@pytest.mark.parametrize("class_names", [None, [f"class {chr(122 - n)}" for n in range(12)]])
def test_labels_stay_with_their_images(tmp_path, class_names):
    more = {} if class_names is None else {"class_names": np.array(class_names)}
    np.savez_compressed(tmp_path / "some.npz", images=IMAGES, labels=LABELS, **more)
    images = loaded(tmp_path / "some.npz", tmp_path)
    assert len(images.class_names) == 12
    found = {
        image.numpy().tobytes(): images.class_names[label]
        for image, label in zip(images.images, images.labels, strict=True)
    }
    for image, label in zip(IMAGES.transpose(0, 3, 1, 2), LABELS, strict=True):
        assert found[image.tobytes()] == (f"{label:02d}" if class_names is None else class_names[label])


def test_classes_have_the_numbers_of_the_file(tmp_path):
    names = np.array(["zebra", "apple", "yak", "mouse"])
    np.savez(tmp_path / "some.npz", images=IMAGES, labels=np.repeat([0, 1, 3], 8), class_names=names)
    messages: list[str] = []
    settings = DataSettings(source="folder", path=str(tmp_path / "some.npz"))
    images = load_images(settings, tmp_path, messages.append)
    assert images.class_names == ("zebra", "apple", "mouse") and any("yak" in line for line in messages)
    assert {int(image[0, 0, 0]) for image in images.images[images.labels == 0]} == set(IMAGES[:8, 0, 0, 0].tolist())
    assert native_shape(settings) == images.shape
    assert loaded(tmp_path / "some.npz", tmp_path, classes=["mouse", 0]).class_names == ("mouse", "zebra")


@pytest.mark.parametrize("labels", [LABELS.astype(float), LABELS.astype(float).astype(str), LABELS.astype(str)])
def test_whole_numbers_are_integers(tmp_path, labels):
    np.savez(tmp_path / "some.npz", images=IMAGES, labels=labels)
    assert [int(name) for name in loaded(tmp_path / "some.npz", tmp_path).class_names] == list(range(12))


@pytest.mark.parametrize(
    "names", [("x_train", "y_train", "x_test", "y_test"), ("train_images", "train_labels", "val_images", "val_labels")]
)
def test_test_part_is_held_out(tmp_path, names):
    arrays = (IMAGES[:20], LABELS[:20, None], IMAGES[20:], LABELS[20:, None])
    np.savez(tmp_path / "some.npz", **dict(zip(names, arrays, strict=True)))
    messages: list[str] = []
    settings = DataSettings(source="folder", path=str(tmp_path / "some.npz"))
    real = real_images(settings, tmp_path, messages.append)
    assert (len(real.training), len(real.held_out), real.seen) == (20, 4, False)
    assert any("20" in line and "(4)" in line for line in messages)
    assert [real.training.dataset.class_names[label] for label in real.held_out.labels] == ["08", "09", "10", "11"]
    (pixels,) = real.held_out.batches(9)
    assert (pixels.numpy() == IMAGES[20:].transpose(0, 3, 1, 2)).all()
    assert len(loaded(tmp_path / "some.npz", tmp_path, split="all")) == 24


@pytest.mark.parametrize(
    "arrays",
    [
        {"labels": np.arange(24) % 2, "class_names": np.array(["chat", "\xe2ne"])},
        {"labels": np.array(["chat", "\xe2ne"] * 12)},
    ],
)
def test_bytes_are_text(tmp_path, arrays):
    as_bytes = {name: np.char.encode(values) if values.dtype.kind == "U" else values for name, values in arrays.items()}
    np.savez(tmp_path / "some.npz", images=IMAGES, **as_bytes)
    assert loaded(tmp_path / "some.npz", tmp_path).class_names == ("chat", "\xe2ne")


@pytest.mark.parametrize("transform", ["grey", "colour"])
def test_test_images_are_transformed_too(tmp_path, transform):
    np.savez(tmp_path / "some.npz", x_train=IMAGES[:20, ..., 0], x_test=IMAGES[20:, ..., 0])
    settings = {"source": "folder", "path": str(tmp_path / "some.npz"), "transform": transform}
    real = real_images(DataSettings.model_validate(settings), tmp_path, lambda text: None)
    (pixels,) = real.held_out.batches(9)
    assert pixels.shape == (4, 3, 8, 8)


@pytest.mark.parametrize(
    ("arrays", "named"),
    [
        ({"pictures": IMAGES}, "pictures"),
        ({"images": IMAGES.astype(complex)}, "complex128"),
        ({"images": IMAGES[0, 0]}, "(8, 3)"),
        ({"images": np.zeros((24, 20, 30, 17))}, "(24, 20, 30, 17)"),
        ({"images": IMAGES, "labels": LABELS[:-1]}, "(23,)"),
        ({"images": IMAGES, "labels": LABELS, "class_names": np.array(["a"])}, "class_names"),
        ({"images": IMAGES, "labels": np.array([{}] * 24)}, "pickle"),
    ],
)
def test_unusable_arrays(tmp_path, arrays, named):
    np.savez(tmp_path / "some.npz", **arrays)
    with pytest.raises(WganError) as caught:
        loaded(tmp_path / "some.npz", tmp_path)
    assert named in caught.value.message and "some.npz" in caught.value.message and caught.value.hint


@pytest.mark.parametrize("kind", ["u1", "u2", "f4"])
@pytest.mark.parametrize("channels", [1, 2, 3, 16])
@pytest.mark.parametrize("first", [False, True])
def test_every_value_of_every_band_is_used(tmp_path, kind, channels, first):
    greatest = 65535 if kind == "u2" else 255
    values = np.random.default_rng(1).integers(0, greatest + 1, (3, 18, 20, channels))
    values[0, :2, 0] = [[0], [greatest]]
    saved = (values / 255).astype(kind) if kind == "f4" else values.astype(kind)
    np.savez(tmp_path / "some.npz", images=saved.transpose(0, 3, 1, 2) if first else saved)
    images = loaded(tmp_path / "some.npz", tmp_path, image_size=[18, 20])
    assert images.bands == (channels not in (1, 3)) and (images.images.dtype == torch.uint8) == (kind == "u1")
    found = to_16_bits(images.images).numpy()
    wanted = values.transpose(0, 3, 1, 2) * (1 if kind == "u2" else 257)
    assert np.array_equal(by_first_pixels(found), by_first_pixels(wanted))


def test_samples_are_training_images(wgan, tiny_run):
    assert wgan("sample", tiny_run.path, "-n", 60, "--out", "fakes.npz").status == 0
    assert "60" in wgan("inspect", "fakes.npz").stdout
    result = wgan("train", "fakes.npz", "--dry-run")
    assert result.status == 0 and "60 images" in result.stderr, result.stderr
