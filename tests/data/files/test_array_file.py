"""Images and labels in .npz and .npy files."""

import numpy as np
import pytest

from wgan_cli.data import load_images
from wgan_cli.errors import WganError
from wgan_cli.recipe.data_settings import DataSettings

IMAGES = np.random.default_rng(0).integers(0, 256, (24, 8, 8, 3), np.uint8)
LABELS = np.arange(24) % 12


def loaded(path, data_root, **more):
    settings = DataSettings.model_validate({"source": "folder", "path": str(path), **more})
    return load_images(settings, data_root, lambda text: None)


def by_first_pixels(images: np.ndarray) -> np.ndarray:
    """Images (N, C, H, W) in an order that doesn't depend on the file."""
    return images[np.lexsort(images.reshape(len(images), -1)[:, :4].T)]


@pytest.mark.parametrize("name", ["images", "x_train", "arr_0"])
@pytest.mark.parametrize("layout", ["channels last", "channels first", "gray", "one channel"])
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


@pytest.mark.parametrize(
    ("arrays", "named"),
    [
        ({"pictures": IMAGES}, "pictures"),
        ({"images": IMAGES / 255}, "float64"),
        ({"images": IMAGES[0, 0]}, "(8, 3)"),
        ({"images": IMAGES[..., :2]}, "(24, 8, 8, 2)"),
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


def test_samples_are_training_images(wgan, tiny_run):
    assert wgan("sample", tiny_run.path, "-n", 60, "--out", "fakes.npz").status == 0
    assert "60" in wgan("inspect", "fakes.npz").stdout
    result = wgan("train", "fakes.npz", "--dry-run")
    assert result.status == 0 and "60 images" in result.stderr, result.stderr
